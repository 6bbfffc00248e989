package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/authstore/authstore/adapter"
)

// identityLife is how long a person may take at the provider.
const identityLife = 10 * time.Minute

// startIdentity sends a person to the provider: to link an identity if they are
// signed in, to sign in with one if not. The state comes back with the answer, and
// the cookie says that this browser asked, and in which session. Else somebody
// could have another person follow the end of a flow that they began themselves,
// and so link their own identity to that person's account.
func (s *server) startIdentity(w http.ResponseWriter, r *http.Request) error {
	v, err := s.current(w, r)
	if err != nil && !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	state := rand.Text()
	s.setCookie(w, identityCookie, question(state, v), identityLife)
	// A provider elsewhere would also be told a client ID, where to send people
	// back to, and a PKCE challenge (RFC 7636).
	return redirect(w, r, "/example-id?"+url.Values{"state": {state}}.Encode())
}

// question is what a provider was asked: with which state, and in which session,
// none if nobody was signed in.
func question(state string, v visit) string { return state + "." + v.Session.ID }

// finishIdentity is where the provider sends people back to.
func (s *server) finishIdentity(w http.ResponseWriter, r *http.Request) error {
	asked := s.cookie(r, identityCookie)
	s.clearCookie(w, identityCookie) // one answer to one question
	v, err := s.current(w, r)
	if err != nil && !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	answers := question(r.FormValue("state"), v)
	if subtle.ConstantTimeCompare([]byte(asked), []byte(answers)) != 1 {
		return problem{http.StatusForbidden, "This isn’t what you asked for", "The answer doesn’t belong to this browser, or it came too late. Please start again."}
	}
	if r.FormValue("error") != "" {
		return redirect(w, r, "/?done=declined")
	}
	p, ok := s.provider.exchange(r.FormValue("code"), s.Now())
	if !ok {
		return problem{http.StatusForbidden, "Example ID doesn’t know this answer", "It may have come too late. Please start again."}
	}
	if v.User.ID == "" {
		return s.signInWithIdentity(w, r, p)
	}
	return s.linkIdentity(w, r, v, p)
}

// newAccount returns the record of an identity. The provider's tokens would be in
// it too, if this program had a use for them.
func newAccount(userID string, p person) adapter.Account {
	return adapter.Account{
		UserID:            userID,
		Type:              adapter.AccountOAuth,
		Provider:          exampleIDName,
		ProviderAccountID: p.ID,
		Attributes:        adapter.Attributes{"displayName": p.Name},
	}
}

func (s *server) signInWithIdentity(w http.ResponseWriter, r *http.Request, p person) error {
	u, err := s.userWithIdentity(r.Context(), p)
	if err != nil {
		return err
	}
	return s.signIn(w, r, u)
}

// userWithIdentity returns the user that an identity is linked to, a new one at the
// first time. The provider's account ID alone decides. An e-mail address that a
// provider tells must not: who can set a foreign address there would get into its
// owner's account. To use both ways, a person signs in by one and links the other.
func (s *server) userWithIdentity(ctx context.Context, p person) (adapter.User, error) {
	account := newAccount("", p)
	u, err := s.Store.GetUserByAccount(ctx, account.Key())
	if errors.Is(err, adapter.ErrNotFound) {
		u, _, err = s.Store.CreateUserWithAccount(ctx, adapter.User{Name: p.Name}, account)
	}
	if errors.Is(err, adapter.ErrConflict) { // made by another request meanwhile
		u, err = s.Store.GetUserByAccount(ctx, account.Key())
	}
	return u, err
}

// linkIdentity gives a person who is signed in one more way in. An identity has one
// owner: the store refuses a second, whoever is faster. Who has an address that was
// never verified gets no more ways in, since the owner may yet come (see takeOver).
func (s *server) linkIdentity(w http.ResponseWriter, r *http.Request, v visit, p person) error {
	if v.User.Email != "" && v.User.EmailVerified.IsZero() {
		return problem{http.StatusForbidden, "Please confirm your address first", "Sign out, and sign in by a link to your e-mail address. Then you can link an identity."}
	}
	account := newAccount(v.User.ID, p)
	_, err := s.Store.LinkAccount(r.Context(), account)
	if errors.Is(err, adapter.ErrConflict) {
		account, err = s.Store.GetAccount(r.Context(), account.Key())
	}
	if err != nil {
		return err
	}
	if account.UserID != v.User.ID {
		return problem{http.StatusConflict, "Somebody else has this identity", p.Name + " of Example ID is linked to another account. Sign in to that one and unlink it there first."}
	}
	return redirect(w, r, "/?done=linked")
}

// unlinkIdentity takes an identity away, if it is this person's, and not their last
// way in.
func (s *server) unlinkIdentity(w http.ResponseWriter, r *http.Request, v visit) error {
	accounts, err := s.Store.ListAccounts(r.Context(), v.User.ID)
	if err != nil {
		return err
	}
	key := adapter.AccountKey{Provider: r.PostFormValue("provider"), ProviderAccountID: r.PostFormValue("account")}
	if !owns(accounts, key) {
		return redirect(w, r, "/")
	}
	if !mayUnlink(v.User, accounts) {
		return problem{http.StatusConflict, "This is your only way in", "Without it you couldn’t sign in again."}
	}
	if err := s.Store.UnlinkAccount(r.Context(), key); err != nil {
		return err
	}
	return redirect(w, r, "/?done=unlinked")
}

func owns(accounts []adapter.Account, key adapter.AccountKey) bool {
	for _, a := range accounts {
		if a.Key() == key {
			return true
		}
	}
	return false
}

// mayUnlink reports whether a person has another way in than one identity: a second
// one, or an address that is known to be theirs.
func mayUnlink(u adapter.User, accounts []adapter.Account) bool {
	return len(accounts) > 1 || u.Email != "" && !u.EmailVerified.IsZero()
}
