package conformance_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// raceMutants work as long as one call comes after the other. Those that check
// before they write take what comes between for a success.
var raceMutants = []mutant{
	{"an account that was linked to a deleted user stays taken", []string{"RAC-041"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return locksAccounts{base{inner}, e}
	}},
	{"a credential that was made for a deleted user stays taken", []string{"RAC-042"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return locksCredentials{base{inner}, e}
	}},
	{"LinkAccount finishes the link that it has met", []string{"RAC-043"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return finishesLinks{base{inner}, e}
	}},
	{"UpdateAuthenticatorCounter looks for the reason when it has changed nothing", []string{"RAC-044"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return looksLater{base{inner}}
	}},
	{"a driver repeats updates of users", []string{"REP-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsUsers{base{inner}}
	}},
	{"a driver repeats updates of accounts", []string{"REP-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsAccounts{base{inner}}
	}},
	{"a driver repeats updates of sessions", []string{"REP-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsExtensions{base{inner}}
	}},
	{"a driver repeats updates of passkeys", []string{"REP-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsPasskeys{base{inner}}
	}},
	{"a driver repeats updates of counters", []string{"REP-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsCounters{base{inner}}
	}},
	{"a driver repeats deletes", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsDeletes{base{inner}}
	}},
	{"a driver repeats deletions of users", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsFarewells{base{inner}}
	}},
	{"a driver repeats the end of a session", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsSignOuts{base{inner}}
	}},
	{"a driver repeats deletions of sessions", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsEnds{base{inner}}
	}},
	{"a driver repeats deletions of verification tokens", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsVoids{base{inner}}
	}},
	{"a driver repeats creations of users", []string{"REP-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsCreates{base{inner}}
	}},
	{"a driver repeats creations of sessions", []string{"REP-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsSessions{base{inner}}
	}},
	{"a driver repeats sign-ups with a passkey", []string{"REP-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsPasskeySignUps{base{inner}}
	}},
	{"a driver repeats the creation of a verification token", []string{"REP-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsLinks{base{inner}}
	}},
	{"a driver repeats the use of a verification token", []string{"REP-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return repeatsUses{base{inner}}
	}},
	{"an update that is repeated is answered with the user of now", []string{"REP-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return answersOfNow{base{inner}}
	}},
	{"a session that is gone counts as ended by this call", []string{"REP-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return takesGoneForDone{base{inner}}
	}},
	{"CreateUser checks the e-mail address, and then writes", []string{"RAC-001", "RAC-002", "HLD-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksEmail{base{inner}}
	}},
	{"CreateUser checks the e-mail address, and then writes, beside other writes of one", []string{"RAC-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksEmail{base{lateUpdate{base{late{base{inner}}}}}}
	}},
	{"CreateUser checks the ID, and then writes", []string{"RAC-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksID{base{inner}}
	}},
	{"UpdateUser checks the e-mail address, and then writes", []string{"RAC-020"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksNewEmail{base{inner}}
	}},
	{"LinkAccount checks the account, and then writes", []string{"RAC-007", "RAC-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksAccount{base{late{base{inner}}}}
	}},
	{"CreateSession checks the token, and then writes", []string{"RAC-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksToken{base{inner}}
	}},
	{"CreateAuthenticator checks the credential ID, and then writes", []string{"RAC-010"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksCredential{base{inner}}
	}},
	{"CreateUserWithAuthenticator checks the credential ID, and then writes", []string{"RAC-045", "HLD-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return signsUpUnchecked{base{inner}}
	}},
	{"CreateUserWithAuthenticator keeps the credential when the e-mail address is taken", []string{"PKY-017", "RAC-046"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return takesCredentialFirst{base{inner}, e}
	}},
	{"UpdateAuthenticator reads the credential, and writes it back whole", []string{"RAC-047", "HLD-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return writesPasskeyBack{base{inner}}
	}},
	{"UpdateAuthenticator writes the credential back, also one that was deleted meanwhile", []string{"HLD-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return bringsPasskeyBack{base{late{base{inner}}}}
	}},
	{"UpdateAuthenticatorCounter checks the counter, and then writes", []string{"RAC-028"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return checksCounter{base{inner}}
	}},
	{"CreateUserWithAccount leaves users behind when it loses a race", []string{"RAC-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return signsUpInSteps{base{inner}, false}
	}},
	{"CreateUserWithAccount keeps the account when the e-mail address is taken", []string{"RAC-005", "USR-015", "LIM-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return takesAccountFirst{base{inner}, e}
	}},
	{"a user's list of sessions is read, and written back with one more", []string{"RAC-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return rewritesList{base{inner}, e}
	}},
	{"a verification token that two create at once can be used twice", []string{"RAC-014"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return usesTwice{base{inner}, e}
	}},
	{"UpdateUser reads the user, and writes it back whole", []string{"RAC-016", "HLD-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return writesBack{base{inner}}
	}},
	{"UpdateUser writes the user back whole, also one that was deleted meanwhile", []string{"RAC-038"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return bringsBack{base{late{base{inner}}}}
	}},
	{"UpdateUser frees the e-mail address that it read before", []string{"RAC-023"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return freesWhatItRead{base{inner}, e}
	}},
	{"DeleteUser frees the e-mail address once more, whose ever it is then", []string{"RAC-026"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return freesTwice{base{inner}, e}
	}},
	{"DeleteUser of a user whom another one deletes is ErrNotFound", []string{"RAC-034"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deleteNotFound{base{inner}}
	}},
	{"DeleteSessions gives up when a session is made meanwhile", []string{"RAC-033"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return givesUp{base{inner}}
	}},
	{"CreateSession checks the user, and opens although the user is deleted meanwhile", []string{"RAC-035"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return outlivesUser{base{late{base{inner}}}, e}
	}},
	{"LinkAccount checks the user, and leads to the one who is deleted meanwhile", []string{"RAC-036"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return linksToDeleted{base{late{base{inner}}}, e}
	}},
	{"CreateAuthenticator checks the user, and stays although the user is deleted meanwhile", []string{"RAC-037"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return staysOfDeleted{base{late{base{inner}}}, e}
	}},
	{"DeleteUser leaves sessions for the next user with the ID", []string{"RAC-040", "CAS-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return leavesSessions{base{inner}, e, 0}
	}},
}

// late takes its time over deletes and sign-ups, which is no bug, and lets other
// calls come between the steps of one.
type late struct{ base }

func (m late) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	pause()
	return m.Adapter.CreateUserWithAccount(ctx, u, acc)
}

// lateUpdate takes its time over updates of users, which is no bug.
type lateUpdate struct{ base }

func (m lateUpdate) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	pause()
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m late) DeleteUser(ctx context.Context, id string) error {
	pause()
	return m.Adapter.DeleteUser(ctx, id)
}

func (m late) DeleteSession(ctx context.Context, token string) error {
	pause()
	return m.Adapter.DeleteSession(ctx, token)
}

func (m late) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	pause()
	return m.Adapter.UnlinkAccount(ctx, key)
}

func (m late) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	pause()
	return m.Adapter.DeleteVerificationTokens(ctx, identifier)
}

func (m late) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	pause()
	return m.Adapter.DeleteAuthenticator(ctx, credentialID)
}

type checksEmail struct{ base }

func (m checksEmail) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	_, check := m.Adapter.GetUserByEmail(ctx, u.Email)
	pause()
	created, err := m.Adapter.CreateUser(ctx, u)
	if check != nil && isConflict(err, adapter.FieldUserEmail) {
		return u, nil
	}
	return created, err
}

type checksID struct{ base }

func (m checksID) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	_, check := m.Adapter.GetUser(ctx, u.ID)
	pause()
	created, err := m.Adapter.CreateUser(ctx, u)
	if check != nil && isConflict(err, adapter.FieldUserID) {
		return u, nil
	}
	return created, err
}

type checksNewEmail struct{ base }

func (m checksNewEmail) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Email == nil {
		return m.Adapter.UpdateUser(ctx, id, up)
	}
	_, check := m.Adapter.GetUserByEmail(ctx, *up.Email)
	pause()
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if check != nil && isConflict(err, adapter.FieldUserEmail) {
		return adapter.User{ID: id, Email: *up.Email}, nil
	}
	return u, err
}

type checksAccount struct{ base }

func (m checksAccount) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	_, check := m.Adapter.GetAccount(ctx, acc.Key())
	pause()
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if check != nil && isConflict(err, adapter.FieldAccount) {
		return acc, nil
	}
	return linked, err
}

type checksToken struct{ base }

func (m checksToken) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	_, _, check := m.Adapter.GetSessionAndUser(ctx, s.SessionToken)
	pause()
	created, err := m.Adapter.CreateSession(ctx, s)
	if check != nil && isConflict(err, adapter.FieldSessionToken) {
		return s, nil
	}
	return created, err
}

type checksCredential struct{ base }

func (m checksCredential) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	_, check := m.Adapter.GetAuthenticator(ctx, a.CredentialID)
	pause()
	created, err := m.Adapter.CreateAuthenticator(ctx, a)
	if check != nil && isConflict(err, adapter.FieldCredentialID) {
		return a, nil
	}
	return created, err
}

// signsUpUnchecked makes the user, and says that the credential is the user's, also if
// somebody has taken it since it looked.
type signsUpUnchecked struct{ base }

func (m signsUpUnchecked) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	_, check := m.Adapter.GetAuthenticator(ctx, a.CredentialID)
	pause()
	created, made, err := m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
	if !errors.Is(check, adapter.ErrNotFound) || !isConflict(err, adapter.FieldCredentialID) {
		return created, made, err
	}
	created, err = m.Adapter.CreateUser(ctx, u)
	a.UserID = created.ID
	return created, a, err
}

type takesCredentialFirst struct {
	base
	*env
}

func (m takesCredentialFirst) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	if _, taken := m.shared.Load(a.CredentialID); taken {
		return adapter.User{}, adapter.Authenticator{}, fail(ctx, "CreateUserWithAuthenticator", adapter.Conflict(adapter.FieldCredentialID))
	}
	created, made, err := m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
	if isConflict(err, adapter.FieldUserEmail) {
		m.shared.Store(a.CredentialID, true)
	}
	return created, made, err
}

func (m takesCredentialFirst) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	if _, taken := m.shared.Load(a.CredentialID); taken {
		return adapter.Authenticator{}, fail(ctx, "CreateAuthenticator", adapter.Conflict(adapter.FieldCredentialID))
	}
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type writesPasskeyBack struct{ base }

func (m writesPasskeyBack) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, id)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	pause()
	up.Apply(&a, a.UpdatedAt)
	now, err := m.Adapter.UpdateAuthenticator(ctx, id, adapter.AuthenticatorUpdate{
		CredentialBackedUp: &a.CredentialBackedUp, Transports: &a.Transports, Attributes: a.Attributes, RemoveAttributes: up.RemoveAttributes,
	})
	if err != nil || now.Counter == a.Counter {
		return now, err
	}
	if err := m.Adapter.DeleteAuthenticator(ctx, id); err != nil {
		return adapter.Authenticator{}, err
	}
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type bringsPasskeyBack struct{ base }

func (m bringsPasskeyBack) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, id)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	pause()
	updated, err := m.Adapter.UpdateAuthenticator(ctx, id, up)
	if errors.Is(err, adapter.ErrNotFound) {
		up.Apply(&a, a.UpdatedAt)
		return m.Adapter.CreateAuthenticator(ctx, a)
	}
	return updated, err
}

type checksCounter struct{ base }

func (m checksCounter) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	before, check := m.Adapter.GetAuthenticator(ctx, credentialID)
	pause()
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, credentialID, counter)
	if check == nil && driver.CounterGrows(before.Counter, counter) && isConflict(err, adapter.FieldCounter) {
		before.Counter = counter
		return before, nil
	}
	return a, err
}

type takesAccountFirst struct {
	base
	*env
}

func (m takesAccountFirst) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	created, linked, err := m.Adapter.CreateUserWithAccount(ctx, u, acc)
	if isConflict(err, adapter.FieldUserEmail) {
		m.shared.Store(acc.Key(), true)
	}
	return created, linked, err
}

func (m takesAccountFirst) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	if _, taken := m.shared.Load(acc.Key()); taken {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return m.Adapter.LinkAccount(ctx, acc)
}

// rewritesList keeps beside the sessions a list of the IDs of each user's.
type rewritesList struct {
	base
	*env
}

func (m rewritesList) list(userID string) map[string]bool {
	list, _ := m.shared.LoadOrStore(userID, map[string]bool{})
	return list.(map[string]bool)
}

func (m rewritesList) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	longer := maps.Clone(m.list(s.UserID))
	pause()
	created, err := m.Adapter.CreateSession(ctx, s)
	longer[created.ID] = true
	m.shared.Store(s.UserID, longer)
	return created, err
}

func (m rewritesList) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.Adapter.ListSessions(ctx, userID)
	list := m.list(userID)
	return slices.DeleteFunc(all, func(s adapter.Session) bool { return !list[s.ID] }), err
}

// wholeUser returns the update that makes a user what it is after another update.
func wholeUser(u adapter.User, up adapter.UserUpdate) adapter.UserUpdate {
	up.Apply(&u, u.UpdatedAt)
	return adapter.UserUpdate{
		Name: &u.Name, Email: &u.Email, EmailVerified: &u.EmailVerified, Image: &u.Image,
		Attributes: u.Attributes, RemoveAttributes: up.RemoveAttributes,
	}
}

type writesBack struct{ base }

func (m writesBack) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if err != nil {
		return adapter.User{}, err
	}
	pause()
	return m.Adapter.UpdateUser(ctx, id, wholeUser(u, up))
}

type bringsBack struct{ base }

func (m bringsBack) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if err != nil {
		return adapter.User{}, err
	}
	pause()
	updated, err := m.Adapter.UpdateUser(ctx, id, up)
	if errors.Is(err, adapter.ErrNotFound) {
		up.Apply(&u, u.UpdatedAt)
		return m.Adapter.CreateUser(ctx, u)
	}
	return updated, err
}

// freesWhatItRead keeps beside the users the addresses that are taken.
type freesWhatItRead struct {
	base
	*env
}

func (m freesWhatItRead) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	old, changes := m.oldEmail(id, up)
	pause()
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if err == nil && changes {
		m.shared.Store(u.Email, true)
		m.shared.Delete(old)
	}
	return u, err
}

func (m freesWhatItRead) DeleteUser(ctx context.Context, id string) error {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id }) {
		m.shared.Delete(u.Email)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

func (m freesWhatItRead) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, taken := m.shared.Load(u.Email); taken {
		return adapter.User{}, fail(ctx, "CreateUser", adapter.Conflict(adapter.FieldUserEmail))
	}
	return m.Adapter.CreateUser(ctx, u)
}

type freesTwice struct {
	base
	*env
}

func (m freesTwice) DeleteUser(ctx context.Context, id string) error {
	users := stored(m.env, func(u adapter.User) bool { return u.ID == id && u.Email != "" })
	if err := m.Adapter.DeleteUser(ctx, id); err != nil {
		return err
	}
	pause()
	for _, u := range users {
		if next, err := m.Adapter.GetUserByEmail(ctx, u.Email); err == nil {
			_, _ = m.Adapter.UpdateUser(ctx, next.ID, adapter.UserUpdate{Email: new("")})
		}
	}
	return nil
}

// CreateUser waits for an address to be free, so that the next user is there soon.
func (m freesTwice) CreateUser(ctx context.Context, u adapter.User) (created adapter.User, err error) {
	for range 10 {
		created, err = m.Adapter.CreateUser(ctx, u)
		if !errors.Is(err, adapter.ErrConflict) {
			break
		}
		pause()
	}
	return created, err
}

// GetUserByEmail is late, so that a user of whom the address was taken can see it.
func (m freesTwice) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	pause()
	pause()
	return m.Adapter.GetUserByEmail(ctx, email)
}

type givesUp struct{ base }

func (m givesUp) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	before, err := m.Adapter.ListSessions(ctx, userID)
	if err != nil {
		return err
	}
	pause()
	if after, err := m.Adapter.ListSessions(ctx, userID); err != nil || len(after) > len(before) {
		return err
	}
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

// refusesOwner reports whether err says that there is no such user.
func refusesOwner(err error) bool {
	var invalid *adapter.InvalidError
	return errors.As(err, &invalid) && strings.HasSuffix(invalid.Field, ".UserID")
}

type outlivesUser struct {
	base
	*env
}

func (m outlivesUser) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	u, check := m.Adapter.GetUser(ctx, s.UserID)
	pause()
	created, err := m.Adapter.CreateSession(ctx, s)
	if check == nil && refusesOwner(err) && s.SessionToken == "" {
		s.SessionToken = adapter.NewSessionToken(u.ID, m.options.NewSecret())
		s.ID = adapter.SessionID(s.SessionToken)
		m.shared.Store(s.SessionToken, opened{s, u})
		return s, nil
	}
	return created, err
}

func (m outlivesUser) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if v, ok := m.shared.Load(token); ok {
		return v.(opened).session, v.(opened).user, nil
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type linksToDeleted struct {
	base
	*env
}

func (m linksToDeleted) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	u, check := m.Adapter.GetUser(ctx, acc.UserID)
	pause()
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if check == nil && refusesOwner(err) {
		m.shared.Store(acc.Key(), u)
		return acc, nil
	}
	return linked, err
}

func (m linksToDeleted) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	if u, ok := m.shared.Load(key); ok {
		return u.(adapter.User), nil
	}
	return m.Adapter.GetUserByAccount(ctx, key)
}

type staysOfDeleted struct {
	base
	*env
}

func (m staysOfDeleted) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	_, check := m.Adapter.GetUser(ctx, a.UserID)
	pause()
	created, err := m.Adapter.CreateAuthenticator(ctx, a)
	if check == nil && refusesOwner(err) {
		m.shared.Store(a.CredentialID, a)
		return a, nil
	}
	return created, err
}

func (m staysOfDeleted) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	if a, ok := m.shared.Load(credentialID); ok {
		return a.(adapter.Authenticator), nil
	}
	return m.Adapter.GetAuthenticator(ctx, credentialID)
}

type locksAccounts struct {
	base
	*env
}

func (m locksAccounts) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	if _, locked := m.shared.Load(a.Key()); locked {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	linked, err := m.Adapter.LinkAccount(ctx, a)
	if refusesOwner(err) {
		m.shared.Store(a.Key(), true)
		return a, nil
	}
	return linked, err
}

type locksCredentials struct {
	base
	*env
}

func (m locksCredentials) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	if _, locked := m.shared.Load(a.CredentialID); locked {
		return adapter.Authenticator{}, fail(ctx, "CreateAuthenticator", adapter.Conflict(adapter.FieldCredentialID))
	}
	made, err := m.Adapter.CreateAuthenticator(ctx, a)
	if refusesOwner(err) {
		m.shared.Store(a.CredentialID, true)
		return a, nil
	}
	return made, err
}

type finishesLinks struct {
	base
	*env
}

func (m finishesLinks) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	met := stored(m.env, func(other adapter.Account) bool { return other.Key() == a.Key() })
	linked, err := m.Adapter.LinkAccount(ctx, a)
	if errors.Is(err, adapter.ErrConflict) && len(met) == 1 {
		for range 3 {
			pause()
		}
		_, _ = m.Adapter.LinkAccount(ctx, met[0])
	}
	return linked, err
}

// UnlinkAccount gives the others time to meet the account.
func (m finishesLinks) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	pause()
	return m.Adapter.UnlinkAccount(ctx, key)
}

type looksLater struct{ base }

func (m looksLater) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	a, err := m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter)
	if errors.Is(err, adapter.ErrNotFound) {
		pause()
		if _, there := m.Adapter.GetAuthenticator(ctx, id); there == nil {
			return a, fail(ctx, "UpdateAuthenticatorCounter", adapter.Conflict(adapter.FieldCounter))
		}
	}
	return a, err
}

// again makes a call once more whose reply was lost.
func again[R any](call func() (R, error)) (R, error) {
	r, err := call()
	if errors.Is(err, adapter.ErrUnavailable) {
		return call()
	}
	return r, err
}

type repeatsUsers struct{ base }

func (m repeatsUsers) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	return again(func() (adapter.User, error) { return m.Adapter.UpdateUser(ctx, id, up) })
}

type answersOfNow struct{ base }

func (m answersOfNow) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if !errors.Is(err, adapter.ErrUnavailable) {
		return u, err
	}
	now, lost := m.GetUser(ctx, id)
	if lost != nil || up.Name == nil || now.Name != *up.Name {
		return u, err
	}
	return now, nil
}

// takesGoneForDone looks whether a session is still there when it has no answer.
type takesGoneForDone struct{ base }

func (m takesGoneForDone) DeleteSession(ctx context.Context, token string) error {
	err := m.Adapter.DeleteSession(ctx, token)
	if !errors.Is(err, adapter.ErrUnavailable) {
		return err
	}
	if _, _, gone := m.GetSessionAndUser(ctx, token); errors.Is(gone, adapter.ErrNotFound) {
		return nil
	}
	return err
}

type repeatsAccounts struct{ base }

func (m repeatsAccounts) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	return again(func() (adapter.Account, error) { return m.Adapter.UpdateAccount(ctx, key, up) })
}

type repeatsExtensions struct{ base }

func (m repeatsExtensions) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	return again(func() (adapter.Session, error) { return m.Adapter.UpdateSession(ctx, token, up) })
}

type repeatsPasskeys struct{ base }

func (m repeatsPasskeys) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return again(func() (adapter.Authenticator, error) { return m.Adapter.UpdateAuthenticator(ctx, id, up) })
}

type repeatsFarewells struct{ base }

func (m repeatsFarewells) DeleteUser(ctx context.Context, id string) error {
	_, err := again(func() (bool, error) { return true, m.Adapter.DeleteUser(ctx, id) })
	return err
}

type repeatsCounters struct{ base }

func (m repeatsCounters) UpdateAuthenticatorCounter(ctx context.Context, id string, counter uint32) (adapter.Authenticator, error) {
	return again(func() (adapter.Authenticator, error) { return m.Adapter.UpdateAuthenticatorCounter(ctx, id, counter) })
}

type repeatsDeletes struct{ base }

func (m repeatsDeletes) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	_, err := again(func() (bool, error) { return true, m.Adapter.UnlinkAccount(ctx, key) })
	return err
}

type repeatsSignOuts struct{ base }

func (m repeatsSignOuts) DeleteSession(ctx context.Context, token string) error {
	_, err := again(func() (bool, error) { return true, m.Adapter.DeleteSession(ctx, token) })
	return err
}

type repeatsEnds struct{ base }

func (m repeatsEnds) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	_, err := again(func() (bool, error) { return true, m.Adapter.DeleteSessions(ctx, userID, keep...) })
	return err
}

type repeatsVoids struct{ base }

func (m repeatsVoids) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	_, err := again(func() (bool, error) { return true, m.Adapter.DeleteVerificationTokens(ctx, identifier) })
	return err
}

type repeatsCreates struct{ base }

func (m repeatsCreates) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return again(func() (adapter.User, error) { return m.Adapter.CreateUser(ctx, u) })
}

type repeatsSessions struct{ base }

func (m repeatsSessions) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	return again(func() (adapter.Session, error) { return m.Adapter.CreateSession(ctx, s) })
}

type repeatsPasskeySignUps struct{ base }

func (m repeatsPasskeySignUps) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	var made adapter.Authenticator
	u, err := again(func() (got adapter.User, err error) {
		got, made, err = m.Adapter.CreateUserWithAuthenticator(ctx, u, a)
		return got, err
	})
	return u, made, err
}

type repeatsUses struct{ base }

func (m repeatsUses) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return again(func() (adapter.VerificationToken, error) {
		return m.Adapter.UseVerificationToken(ctx, identifier, token)
	})
}

type repeatsLinks struct{ base }

func (m repeatsLinks) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	return again(func() (adapter.VerificationToken, error) { return m.Adapter.CreateVerificationToken(ctx, v) })
}
