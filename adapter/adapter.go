package adapter

import "context"

// Users keeps the people.
type Users interface {
	// CreateUser stores a user and returns it as stored. An empty ID is
	// generated. [ErrConflict] if the e-mail address or the ID is taken.
	//
	// One round trip.
	CreateUser(ctx context.Context, u User) (User, error)

	// CreateUserWithAccount signs a person up through a provider: it stores
	// both records or neither, so that a crash between the two cannot lock the
	// person out. The account's UserID is the new user's ID; it may be empty.
	// [ErrConflict] if the e-mail address, the ID or the account is taken.
	//
	// One round trip.
	CreateUserWithAccount(ctx context.Context, u User, a Account) (User, Account, error)

	// CreateUserWithAuthenticator signs a person up with a passkey, as
	// CreateUserWithAccount does with an account. [ErrConflict] if the e-mail address, the
	// ID or the credential ID is taken.
	//
	// One round trip.
	CreateUserWithAuthenticator(ctx context.Context, u User, a Authenticator) (User, Authenticator, error)

	// NewID returns an ID that the store takes for a new user, and that no user has: for
	// who has to know it before the user is made, as the user handle of a WebAuthn
	// registration is. No round trip.
	NewID() string

	// GetUser returns the user with an ID. One round trip.
	GetUser(ctx context.Context, id string) (User, error)

	// GetUserByEmail returns the user with an e-mail address, which is compared
	// in the form that [NormalizeEmail] gives.
	//
	// One round trip.
	GetUserByEmail(ctx context.Context, email string) (User, error)

	// GetUserByAccount returns the user who owns a provider's account.
	//
	// One round trip.
	GetUserByAccount(ctx context.Context, key AccountKey) (User, error)

	// UpdateUser changes the fields that the update names and returns the whole
	// user after it. It never creates a user. A new e-mail address moves its
	// uniqueness in the same atomic step; [ErrConflict] if it is taken.
	//
	// One round trip; with a new e-mail address up to three.
	UpdateUser(ctx context.Context, id string, up UserUpdate) (User, error)

	// DeleteUser removes a user with its accounts, sessions and authenticators,
	// however many there are. The e-mail address and the provider accounts are
	// free again. Interrupted half way, nothing of the user can be reached any
	// more, and calling it again finishes the work. Nil if there is no such user.
	//
	// As few round trips as the store allows.
	DeleteUser(ctx context.Context, id string) error
}

// Accounts keeps the provider accounts that are linked to users.
type Accounts interface {
	// LinkAccount links a provider's account to the user that a.UserID names.
	// [ErrConflict] if the account has an owner already, the same user included.
	// An unknown user, which is one whose ID GetUser does not find, is [ErrInvalid] on
	// stores where that check costs no round trip; elsewhere the account is stored and
	// leads nowhere, as one does whose user is deleted at the same time: no read finds
	// it, and anybody may link it.
	//
	// One round trip.
	LinkAccount(ctx context.Context, a Account) (Account, error)

	// GetAccount returns a linked account. One round trip.
	GetAccount(ctx context.Context, key AccountKey) (Account, error)

	// ListAccounts returns a user's accounts, in no particular order.
	// One round trip.
	ListAccounts(ctx context.Context, userID string) ([]Account, error)

	// UpdateAccount changes the fields that the update names, such as the
	// provider's new tokens after a sign-in, and returns the whole account after
	// it. It never creates one.
	//
	// One round trip.
	UpdateAccount(ctx context.Context, key AccountKey, up AccountUpdate) (Account, error)

	// UnlinkAccount removes an account; its key is free again. Nil if there is
	// none.
	//
	// One round trip.
	UnlinkAccount(ctx context.Context, key AccountKey) error
}

// Sessions keeps what signs a person's browser in.
type Sessions interface {
	// CreateSession stores a session and returns it with its token, which is
	// generated when empty. The token is in this answer only: see [Session.ID].
	// [ErrConflict] if the token is taken. A token that has the form of a
	// generated one must name s.UserID, else [ErrInvalid]. An unknown user is
	// [ErrInvalid] on stores where that check costs no round trip; elsewhere
	// the session is stored and opens nothing.
	//
	// One round trip.
	CreateSession(ctx context.Context, s Session) (Session, error)

	// GetSessionAndUser is the hot path: every request of every signed-in
	// person. It returns the live session with this token (SessionToken is filled
	// in), and its user.
	// [ErrNotFound] if there is none, it has expired, or its user is gone.
	//
	// One round trip (tokens that were not generated here: at most two).
	GetSessionAndUser(ctx context.Context, token string) (Session, User, error)

	// UpdateSession changes the fields that the update names and returns the
	// whole session after it. It never creates a session and never revives one
	// that was deleted or has expired. A new Expires that has passed already
	// ends the session.
	//
	// One round trip.
	UpdateSession(ctx context.Context, token string, up SessionUpdate) (Session, error)

	// DeleteSession signs out. Nil if there is no such session.
	// One round trip.
	DeleteSession(ctx context.Context, token string) error

	// ListSessions returns a user's live sessions, in no particular order. Their
	// SessionToken is empty: see [Session.ID].
	//
	// One round trip.
	ListSessions(ctx context.Context, userID string) ([]Session, error)

	// DeleteSessionByID ends the session that a list showed, if it is this
	// user's. Nil if this user has no such session.
	//
	// One round trip (with [Options.PlainSessionTokens] at most two).
	DeleteSessionByID(ctx context.Context, userID, sessionID string) error

	// DeleteSessions signs a user out everywhere, but for the sessions whose
	// tokens are to be kept. A session made while it runs may stay; one made
	// before it may not.
	//
	// As few round trips as the store allows.
	DeleteSessions(ctx context.Context, userID string, keep ...string) error
}

// VerificationTokens keeps the one-time tokens of e-mail links.
type VerificationTokens interface {
	// CreateVerificationToken stores a token, as [HashVerificationToken] gives it. Any
	// other one is stored as its SHA-256 digest, in another form, and found by what was
	// handed in; [Links] makes tokens and hashes them. A second one with the same
	// identifier and token is [ErrConflict], or takes the first one's place: it is never
	// usable twice. It always takes the place of one that has expired.
	//
	// One round trip, and two more where MongoDB, DynamoDB or Fauna still has an expired one.
	CreateVerificationToken(ctx context.Context, t VerificationToken) (VerificationToken, error)

	// UseVerificationToken returns a token and removes it in one atomic step: of
	// any number of racing callers, in any number of processes, exactly one gets
	// it. An expired token is [ErrExpired], and gone; once the store has removed
	// it by itself it is [ErrNotFound], which [ErrExpired] also is.
	//
	// One round trip.
	UseVerificationToken(ctx context.Context, identifier, token string) (VerificationToken, error)

	// DeleteVerificationTokens makes all earlier links of an identifier void.
	// One round trip.
	DeleteVerificationTokens(ctx context.Context, identifier string) error
}

// Authenticators keeps passkeys (WebAuthn credentials).
type Authenticators interface {
	// CreateAuthenticator stores a credential. [ErrConflict] if the credential ID
	// is taken. An unknown user is treated as LinkAccount does.
	// One round trip.
	CreateAuthenticator(ctx context.Context, a Authenticator) (Authenticator, error)

	// GetAuthenticator returns a credential. One round trip.
	GetAuthenticator(ctx context.Context, credentialID string) (Authenticator, error)

	// ListAuthenticators returns a user's credentials, in no particular order.
	// One round trip.
	ListAuthenticators(ctx context.Context, userID string) ([]Authenticator, error)

	// UpdateAuthenticatorCounter stores the signature counter of a sign-in and
	// returns the whole credential after it. A counter that does not grow is
	// [ErrConflict] with [FieldCounter], the sign of a cloned authenticator,
	// unless both are 0 (WebAuthn Level 3, 6.1.1 and 7.2 step 22).
	// One round trip.
	UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (Authenticator, error)

	// UpdateAuthenticator changes the fields that the update names and returns the whole
	// credential after it. It never creates one.
	// One round trip.
	UpdateAuthenticator(ctx context.Context, credentialID string, up AuthenticatorUpdate) (Authenticator, error)

	// DeleteAuthenticator removes a credential. Nil if there is none.
	// One round trip.
	DeleteAuthenticator(ctx context.Context, credentialID string) error
}

// Adapter is a store of authentication data. What it promises is in the package
// comment.
type Adapter interface {
	Users
	Accounts
	Sessions
	VerificationTokens
	Authenticators

	// Close ends what the adapter started: after it, calls return [ErrClosed].
	// A client that was handed in stays open; one that [Open] made is closed.
	// Closing twice is nil.
	Close() error
}
