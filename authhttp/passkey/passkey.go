package passkey

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/authhttp/internal/flow"
	"github.com/authstore/authstore/authhttp/signin"
)

const maxName = 64

// Store is what Passkeys reads and writes: an [adapter.Adapter] is one.
type Store interface {
	signin.Store
	adapter.VerificationTokens
}

// Passkeys registers passkeys and signs people in with them. It is not changed or copied
// once it is in use.
type Passkeys struct {
	Store    Store
	Sessions *authhttp.Sessions

	// WebAuthn says what the site is called and where it is. A person is verified, by a
	// PIN or a finger, unless AuthenticatorSelection.UserVerification says otherwise.
	WebAuthn *webauthn.WebAuthn

	// Limit returns how long a request to begin has to wait, 0 if it need not. Nil: 300 of a
	// network at once, and as many again in 15 minutes, counted in this process
	// ([limit.ByNetwork]; behind a proxy see there).
	Limit func(*http.Request) (wait time.Duration)

	// Failed answers if nothing came of a request: err is one of this package's or of
	// package signin's, a [*limit.Error], [adapter.ErrNotFound] if nobody is signed in who has to be, or the
	// store's. Nil: JSON with a code, such as {"error":"unknown"}.
	Failed func(w http.ResponseWriter, r *http.Request, err error)

	limit flow.Limit
}

// begun is what is kept until an authenticator answers.
type begun struct {
	Session webauthn.SessionData
	UserID  string `json:",omitempty"`
	Name    string `json:",omitempty"` // of who signs up
}

// The kinds of challenges. One is of no use for another.
const (
	registration = "registration"
	signingUp    = "signup"
	signingIn    = "signin"
)

// BeginRegistration answers with the options of a new passkey for who is signed in.
func (p *Passkeys) BeginRegistration(w http.ResponseWriter, r *http.Request) {
	p.begin(w, r, func(w http.ResponseWriter, r *http.Request) error {
		_, user, err := authhttp.Current(r.Context())
		if err != nil {
			return err
		}
		who, err := p.person(r.Context(), user)
		if err != nil {
			return err
		}
		return p.offer(w, r, registration, who)
	})
}

// FinishRegistration stores the passkey of who is signed in, and answers with its ID.
func (p *Passkeys) FinishRegistration(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		_, user, err := authhttp.Current(r.Context())
		if err != nil {
			return err
		}
		b, passkey, err := p.created(w, r, registration)
		if err != nil {
			return err
		}
		if b.UserID != user.ID {
			return ErrChallenge // somebody else has signed in since
		}
		passkey, err = signin.LinkPasskey(r.Context(), p.Store, user, passkey)
		if err != nil {
			return err
		}
		return answer(w, done{passkey.CredentialID})
	})
}

// BeginSignUp answers with the options of a first passkey. The body has what the new user
// is to be called: {"name": "Ada"}.
func (p *Passkeys) BeginSignUp(w http.ResponseWriter, r *http.Request) {
	p.begin(w, r, func(w http.ResponseWriter, r *http.Request) error {
		if err := nobody(r); err != nil {
			return err
		}
		name, err := newName(w, r)
		if err != nil {
			return err
		}
		return p.offer(w, r, signingUp, person{id: p.Store.NewID(), name: name})
	})
}

func newName(w http.ResponseWriter, r *http.Request) (string, error) {
	body, err := read(w, r)
	if err != nil {
		return "", err
	}
	var asked struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &asked) != nil {
		return "", ErrName
	}
	name := strings.TrimSpace(asked.Name)
	if name == "" || len(name) > maxName || !utf8.ValidString(name) {
		return "", ErrName
	}
	return name, nil
}

// FinishSignUp makes the user together with the passkey, in one atomic step, and signs
// them in.
func (p *Passkeys) FinishSignUp(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		if err := nobody(r); err != nil {
			return err
		}
		b, passkey, err := p.created(w, r, signingUp)
		if err != nil {
			return err
		}
		user, _, err := signin.SignUpWithPasskey(r.Context(), p.Store, adapter.User{ID: b.UserID, Name: b.Name}, passkey)
		if errors.Is(err, adapter.ErrConflict) {
			return signin.ErrTaken
		}
		if err != nil {
			return err
		}
		return p.signIn(w, r, user, passkey)
	})
}

// BeginSignIn answers with a challenge for whoever has a passkey of this site: for a
// button, or for the autofill of a form (conditional mediation).
func (p *Passkeys) BeginSignIn(w http.ResponseWriter, r *http.Request) {
	p.begin(w, r, func(w http.ResponseWriter, r *http.Request) error {
		options, session, err := p.WebAuthn.BeginDiscoverableLogin(webauthn.WithUserVerification(p.verification()))
		if err != nil {
			return err
		}
		if err := p.flow(signingIn).Begin(w, r, session.Challenge, begun{Session: *session}); err != nil {
			return err
		}
		return answer(w, options.Response)
	})
}

// FinishSignIn signs in who has answered the challenge, and answers with the passkey's ID.
func (p *Passkeys) FinishSignIn(w http.ResponseWriter, r *http.Request) {
	p.serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		body, err := read(w, r)
		if err != nil {
			return err
		}
		response, err := protocol.ParseCredentialRequestResponseBytes(body)
		if err != nil {
			return refused(err)
		}
		b, err := p.end(r, signingIn, response.Response.CollectedClientData.Challenge)
		if err != nil {
			return err
		}
		user, passkey, err := p.verify(r.Context(), b.Session, response)
		if err != nil {
			return err
		}
		return p.signIn(w, r, user, passkey)
	})
}

func (p *Passkeys) signIn(w http.ResponseWriter, r *http.Request, user adapter.User, passkey adapter.Authenticator) error {
	if _, err := p.Sessions.SignIn(w, r, user); err != nil {
		return err
	}
	return answer(w, done{passkey.CredentialID})
}

// nobody returns an error unless nobody is signed in.
func nobody(r *http.Request) error {
	_, _, err := authhttp.Current(r.Context())
	switch {
	case err == nil:
		return ErrSignedIn
	case errors.Is(err, adapter.ErrNotFound):
		return nil
	}
	return err
}

func (p *Passkeys) verification() protocol.UserVerificationRequirement {
	return cmp.Or(p.WebAuthn.Config.AuthenticatorSelection.UserVerification, protocol.VerificationRequired)
}

func (p *Passkeys) flow(purpose string) flow.Flow {
	return flow.Flow{
		Store: p.Store, Purpose: "passkey:" + purpose,
		Insecure: p.Sessions.Cookie.Insecure, Clock: p.Sessions.Clock,
	}
}

// end returns what was begun with a challenge, once.
func (p *Passkeys) end(r *http.Request, purpose, challenge string) (begun, error) {
	var b begun
	err := p.flow(purpose).End(r, challenge, &b)
	if errors.Is(err, adapter.ErrNotFound) {
		return begun{}, ErrChallenge
	}
	return b, err
}

// person is a user as WebAuthn sees them.
type person struct {
	id, name string
	passkeys []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return userHandle(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.passkeys }

// person returns a user with their passkeys.
func (p *Passkeys) person(ctx context.Context, user adapter.User) (person, error) {
	who := person{id: user.ID, name: cmp.Or(user.Name, user.Email, "?")}
	all, err := p.Store.ListAuthenticators(ctx, user.ID)
	if err != nil {
		return person{}, err
	}
	for _, a := range all {
		c, err := ToCredential(a)
		if err != nil {
			return person{}, err
		}
		who.passkeys = append(who.passkeys, c)
	}
	return who, nil
}

// offer answers with the options of a new passkey. An authenticator that has one of the
// user's makes no second.
func (p *Passkeys) offer(w http.ResponseWriter, r *http.Request, purpose string, who person) error {
	selection := p.WebAuthn.Config.AuthenticatorSelection
	selection.UserVerification = p.verification()
	selection.ResidentKey = protocol.ResidentKeyRequirementRequired
	selection.RequireResidentKey = protocol.ResidentKeyRequired()
	options, session, err := p.WebAuthn.BeginRegistration(who,
		webauthn.WithAuthenticatorSelection(selection),
		webauthn.WithExclusions(webauthn.Credentials(who.passkeys).CredentialDescriptors()))
	if err != nil {
		return err
	}
	b := begun{Session: *session, UserID: who.id}
	if purpose == signingUp {
		b.Name = who.name
	}
	if err := p.flow(purpose).Begin(w, r, session.Challenge, b); err != nil {
		return err
	}
	return answer(w, options.Response)
}

// created returns the passkey that an authenticator has made.
func (p *Passkeys) created(w http.ResponseWriter, r *http.Request, purpose string) (begun, adapter.Authenticator, error) {
	body, err := read(w, r)
	if err != nil {
		return begun{}, adapter.Authenticator{}, err
	}
	response, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil {
		return begun{}, adapter.Authenticator{}, refused(err)
	}
	b, err := p.end(r, purpose, response.Response.CollectedClientData.Challenge)
	if err != nil {
		return begun{}, adapter.Authenticator{}, err
	}
	credential, err := p.WebAuthn.CreateCredential(person{id: b.UserID}, b.Session, response)
	if err != nil {
		return begun{}, adapter.Authenticator{}, refused(err)
	}
	passkey, err := FromCredential(*credential)
	return b, passkey, err
}

// verify returns whose passkey has answered, and its record as it is after this use.
func (p *Passkeys) verify(ctx context.Context, session webauthn.SessionData, response *protocol.ParsedCredentialAssertionData) (adapter.User, adapter.Authenticator, error) {
	stored, err := p.Store.GetAuthenticator(ctx, encoding.EncodeToString(response.RawID))
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, unknown(err)
	}
	user, err := p.Store.GetUser(ctx, stored.UserID)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, unknown(err)
	}
	known, err := ToCredential(stored)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, err
	}
	find := func(_, _ []byte) (webauthn.User, error) {
		return person{id: user.ID, passkeys: []webauthn.Credential{known}}, nil
	}
	used, err := p.WebAuthn.ValidateDiscoverableLogin(find, session, response)
	if err != nil {
		return adapter.User{}, adapter.Authenticator{}, refused(err)
	}
	stored, err = p.used(ctx, stored, used.Flags, response.Response.AuthenticatorData.Counter)
	return user, stored, err
}

// used stores what a sign-in has told of a passkey: first the counter, which the store
// compares, since two sign-ins may race.
func (p *Passkeys) used(ctx context.Context, stored adapter.Authenticator, flags webauthn.CredentialFlags, counter uint32) (adapter.Authenticator, error) {
	if counter != 0 || stored.Counter != 0 {
		_, err := p.Store.UpdateAuthenticatorCounter(ctx, stored.CredentialID, counter)
		if errors.Is(err, adapter.ErrConflict) {
			return adapter.Authenticator{}, ErrCloned
		}
		if err != nil {
			return adapter.Authenticator{}, unknown(err)
		}
	}
	stored, err := p.Store.UpdateAuthenticator(ctx, stored.CredentialID, adapter.AuthenticatorUpdate{
		CredentialBackedUp: new(flags.BackupState),
		Attributes:         adapter.Attributes{attrFlags: int64(flags.ProtocolValue()), AttrLastUsed: p.flow(signingIn).Now()},
	})
	return stored, unknown(err)
}
