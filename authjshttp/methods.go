package authjshttp

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// call is a call of a method.
type call struct {
	context.Context
	store adapter.Adapter
	args  []any
	again repetition
}

// key returns an argument that names something.
func (c *call) key(i int, name string) (string, error) {
	f := &fields{record: "argument", left: map[string]any{name: c.args[i]}}
	return f.key(name, name), f.err
}

// method is a method of the protocol.
type method struct {
	params   int
	creating bool                     // it makes or uses something up: a repetition has to have the answer of the first
	do       func(*call) (any, error) // returns the answer, nil for absence
}

var methods = map[string]method{
	"createUser":                 {1, true, createUser},
	"createVerifiedUser":         {1, true, createVerifiedUser},
	"newUser":                    {1, false, newUser},
	"signUp":                     {2, true, signUp},
	"getUser":                    {1, false, getUser},
	"getUserByEmail":             {1, false, getUserByEmail},
	"getUserByAccount":           {1, false, getUserByAccount},
	"updateUser":                 {1, false, updateUser},
	"deleteUser":                 {1, false, deleteUser},
	"linkAccount":                {1, true, linkAccount},
	"unlinkAccount":              {1, false, unlinkAccount},
	"getAccount":                 {2, false, getAccount},
	"createSession":              {1, true, createSession},
	"getSessionAndUser":          {1, false, getSessionAndUser},
	"updateSession":              {1, false, updateSession},
	"deleteSession":              {1, false, deleteSession},
	"createVerificationToken":    {1, true, createVerificationToken},
	"useVerificationToken":       {1, true, useVerificationToken},
	"createAuthenticator":        {1, true, createAuthenticator},
	"getAuthenticator":           {1, false, getAuthenticator},
	"listAuthenticatorsByUserId": {1, false, listAuthenticatorsByUserID},
	"updateAuthenticatorCounter": {2, true, updateAuthenticatorCounter},
}

// orNull returns an answer, null for what is not there.
func orNull[T any](v T, err error, object func(T) map[string]any) (any, error) {
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return object(v), nil
}

// or returns an answer of a call that must find or make something.
func or[T any](v T, err error, object func(T) map[string]any) (any, error) {
	if err != nil {
		return nil, err
	}
	return object(v), nil
}

// createUser makes a user with an ID of the store's: Auth.js hands in one that not every store takes.
func createUser(c *call) (any, error) {
	u, err := toUser(c.args[0])
	if err != nil {
		return nil, err
	}
	u, err = c.createUser(u)
	return or(u, err, userObject)
}

// createVerifiedUser returns the user of an address that was verified just now. Of two who
// call it at once neither is refused.
func createVerifiedUser(c *call) (any, error) {
	u, err := toUser(c.args[0])
	if err == nil && u.EmailVerified.IsZero() {
		err = adapter.Invalid("User.EmailVerified", "must be when the address was verified")
	}
	if err != nil {
		return nil, err
	}
	made, err := c.createUser(u)
	if errors.Is(err, adapter.ErrConflict) {
		made, err = c.verify(u.Email, u.EmailVerified, err)
	}
	return or(made, err, userObject)
}

// newUser returns a user as createUser would, and stores none: for signUp, which comes next.
func newUser(c *call) (any, error) {
	u, err := toUser(c.args[0])
	if err != nil {
		return nil, err
	}
	u.ID, u.Email, u.EmailVerified = c.store.NewID(), adapter.NormalizeEmail(u.Email), adapter.Milliseconds(u.EmailVerified)
	return userObject(u), nil
}

// signUp makes a user that newUser has returned, together with its account unless that is null.
func signUp(c *call) (any, error) {
	u, err := toUser(c.args[0])
	if err == nil && u.ID == "" {
		err = adapter.Invalid("User.ID", "must be that of newUser")
	}
	if err != nil {
		return nil, err
	}
	if c.args[1] == nil {
		u, err = c.signUp(u)
		return or(u, err, userObject)
	}
	a, err := toAccount(c.args[1])
	if err != nil {
		return nil, err
	}
	made, _, err := c.store.CreateUserWithAccount(c, u, a)
	if c.again.asked() && errors.Is(err, adapter.ErrConflict) {
		made, err = c.signedUp(u.ID, a.Key(), err)
	}
	return or(made, err, userObject)
}

func getUser(c *call) (any, error) {
	id, err := c.key(0, "id")
	if err != nil {
		return nil, err
	}
	u, err := c.store.GetUser(c, id)
	return orNull(u, err, userObject)
}

func getUserByEmail(c *call) (any, error) {
	email, err := c.key(0, "email")
	if err != nil {
		return nil, err
	}
	u, err := c.store.GetUserByEmail(c, email)
	return orNull(u, err, userObject)
}

func getUserByAccount(c *call) (any, error) {
	key, err := toAccountKey(c.args[0])
	if err != nil {
		return nil, err
	}
	u, err := c.store.GetUserByAccount(c, key)
	return orNull(u, err, userObject)
}

func updateUser(c *call) (any, error) {
	id, up, err := toUserUpdate(c.args[0])
	if err != nil {
		return nil, err
	}
	u, err := c.store.UpdateUser(c, id, up)
	return or(u, err, userObject)
}

func deleteUser(c *call) (any, error) {
	id, err := c.key(0, "id")
	if err != nil {
		return nil, err
	}
	return nil, c.store.DeleteUser(c, id)
}

func linkAccount(c *call) (any, error) {
	a, err := toAccount(c.args[0])
	if err != nil {
		return nil, err
	}
	linked, err := c.store.LinkAccount(c, a)
	if c.again.asked() && errors.Is(err, adapter.ErrConflict) {
		linked, err = c.linked(a, err)
	}
	return or(linked, err, accountObject)
}

func unlinkAccount(c *call) (any, error) {
	key, err := toAccountKey(c.args[0])
	if err != nil {
		return nil, err
	}
	return nil, c.store.UnlinkAccount(c, key)
}

// getAccount has its arguments in the order of Auth.js.
func getAccount(c *call) (any, error) {
	id, err := c.key(0, "providerAccountId")
	if err != nil {
		return nil, err
	}
	provider, err := c.key(1, "provider")
	if err != nil {
		return nil, err
	}
	a, err := c.store.GetAccount(c, adapter.AccountKey{Provider: provider, ProviderAccountID: id})
	return orNull(a, err, accountObject)
}

func createSession(c *call) (any, error) {
	s, err := toSession(c.args[0])
	if err != nil {
		return nil, err
	}
	made, err := c.store.CreateSession(c, s)
	if c.again.asked() && errors.Is(err, adapter.ErrConflict) {
		made, err = c.session(s, err)
	}
	return or(made, err, sessionObject)
}

func getSessionAndUser(c *call) (any, error) {
	token, err := c.key(0, "sessionToken")
	if err != nil {
		return nil, err
	}
	s, u, err := c.store.GetSessionAndUser(c, token)
	return orNull(s, err, func(s adapter.Session) map[string]any {
		return map[string]any{"session": sessionObject(s), "user": userObject(u)}
	})
}

// updateSession changes a session. Whose it is cannot be changed; Auth.js may say it again.
func updateSession(c *call) (any, error) {
	token, userID, up, err := toSessionUpdate(c.args[0])
	if err != nil {
		return nil, err
	}
	if userID != "" {
		s, _, err := c.store.GetSessionAndUser(c, token)
		if err == nil && s.UserID != userID {
			err = adapter.Invalid("Session.UserID", "cannot be changed")
		}
		if err != nil {
			return orNull(s, err, sessionObject)
		}
	}
	s, err := c.store.UpdateSession(c, token, up)
	return orNull(s, err, sessionObject)
}

// deleteSession returns the session that it ends, for the event signOut of Auth.js. One that
// cannot be read ends too.
func deleteSession(c *call) (any, error) {
	token, err := c.key(0, "sessionToken")
	if err != nil {
		return nil, err
	}
	s, _, missing := c.store.GetSessionAndUser(c, token)
	if err := c.store.DeleteSession(c, token); err != nil || missing != nil {
		return nil, err
	}
	return sessionObject(s), nil
}

func createVerificationToken(c *call) (any, error) {
	t, err := toVerificationToken(c.args[0])
	if err != nil {
		return nil, err
	}
	made, err := c.store.CreateVerificationToken(c, t)
	if c.again.asked() && errors.Is(err, adapter.ErrConflict) {
		made, err = t, nil // a digest of random bits: only this request has it
	}
	return or(made, err, verificationTokenObject)
}

// useVerificationToken uses a token up. One that has expired is gone, which to Auth.js is the same.
func useVerificationToken(c *call) (any, error) {
	t, err := toVerificationToken(c.args[0])
	if err != nil {
		return nil, err
	}
	if t.Identifier == "" { // a link without its address
		return nil, nil
	}
	used, err := c.store.UseVerificationToken(c, t.Identifier, t.Token)
	if c.again.asked() {
		used, err = c.used(t, used, err)
	}
	return orNull(used, err, verificationTokenObject)
}

func createAuthenticator(c *call) (any, error) {
	a, err := toAuthenticator(c.args[0])
	if err != nil {
		return nil, err
	}
	made, err := c.store.CreateAuthenticator(c, a)
	if c.again.asked() && errors.Is(err, adapter.ErrConflict) {
		made, err = c.registered(a, err)
	}
	return or(made, err, authenticatorObject)
}

func getAuthenticator(c *call) (any, error) {
	id, err := c.key(0, "credentialID")
	if err != nil {
		return nil, err
	}
	a, err := c.store.GetAuthenticator(c, id)
	return orNull(a, err, authenticatorObject)
}

func listAuthenticatorsByUserID(c *call) (any, error) {
	id, err := c.key(0, "userId")
	if err != nil {
		return nil, err
	}
	all, err := c.store.ListAuthenticators(c, id)
	if err != nil && !errors.Is(err, adapter.ErrNotFound) {
		return nil, err
	}
	list := make([]any, 0, len(all))
	for _, a := range all {
		list = append(list, authenticatorObject(a))
	}
	return list, nil
}

func updateAuthenticatorCounter(c *call) (any, error) {
	id, err := c.key(0, "credentialID")
	if err != nil {
		return nil, err
	}
	f := &fields{record: "Authenticator"}
	counter := toCounter(f, c.args[1])
	if f.err != nil {
		return nil, f.err
	}
	a, err := c.store.UpdateAuthenticatorCounter(c, id, counter)
	if c.again.asked() && counter > 0 { // 0 may be stored again
		a, err = c.counted(a, err)
	}
	return or(a, err, authenticatorObject)
}
