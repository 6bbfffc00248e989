package main

import (
	"context"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"time"

	"github.com/authstore/authstore/adapter"
)

// linkLife is how long a sign-in link works.
const linkLife = 15 * time.Minute

// home shows the account to who is signed in, and the way in to everybody else.
func (s *server) home(w http.ResponseWriter, r *http.Request) error {
	v, err := s.current(w, r)
	if errors.Is(err, adapter.ErrNotFound) {
		p := signInPage{Notice: notice(r)}
		if p.Notice == "" && s.cookie(r, sessionCookie) != "" {
			p.Notice = notices["ended"] // elsewhere, or by its age
		}
		return s.showSignIn(w, r, http.StatusOK, p)
	}
	if err != nil {
		return err
	}
	return s.showAccount(w, r, v)
}

func (s *server) showSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) error {
	p.Mails = s.mails.of(s.cookie(r, mailboxCookie))
	p.now = s.Now()
	return render(w, status, "signin", p)
}

// askLink sends a link to an address. The answer is the same whether or not
// somebody has it, so that nobody can find out who has an account.
func (s *server) askLink(w http.ResponseWriter, r *http.Request) error {
	email, ok := parseAddress(r.PostFormValue("email"))
	if !ok {
		return s.showSignIn(w, r, http.StatusUnprocessableEntity, signInPage{
			Email: r.PostFormValue("email"), Invalid: "That doesn’t look like an e-mail address.",
		})
	}
	if err := s.limitLinks(r, email); err != nil {
		return err
	}
	link, err := s.newLink(r.Context(), email)
	if err != nil {
		return err
	}
	s.deliver(w, r, letter{To: email, Link: link, Sent: s.Now()})
	return redirect(w, r, "/?done=sent#mailbox")
}

// parseAddress returns an e-mail address as stores keep it. It takes the plain form
// only: what mail software reads in two ways, such as `"a@b.example"@c.example`,
// could be checked as one address and delivered to another.
func parseAddress(raw string) (string, bool) {
	email := adapter.NormalizeEmail(raw)
	a, err := mail.ParseAddress(email)
	return email, err == nil && a.Address == email && len(email) <= 254
}

// newLink returns a fresh sign-in link; earlier ones to this address are void. The
// store has the token's hash only: who reads it can't make a link from it.
func (s *server) newLink(ctx context.Context, email string) (string, error) {
	if err := s.Store.DeleteVerificationTokens(ctx, email); err != nil {
		return "", err
	}
	token, err := s.links().NewLink(ctx, email, s.Now().Add(linkLife))
	query := url.Values{"email": {email}, "token": {token}}
	return s.Base.String() + "/signin/confirm?" + query.Encode(), err
}

// showLink is what a link opens: a page with a button. Mail software opens links
// by itself, to look for malware or to show a preview. If opening a link used it
// up, it would be used up before the person comes. It also shows whose link it is:
// somebody may have been sent another person's, to lure them into that account.
func (s *server) showLink(w http.ResponseWriter, r *http.Request) error {
	email, ok := parseAddress(r.FormValue("email"))
	token := r.FormValue("token")
	if !ok || token == "" {
		return problem{http.StatusBadRequest, "This link is incomplete", "Mail software may have cut it. Copy all of it, or ask for a new one."}
	}
	return render(w, http.StatusOK, "confirm", confirmPage{Email: email, Token: token})
}

// useLink signs in. The store lets one request have a token, however many race.
func (s *server) useLink(w http.ResponseWriter, r *http.Request) error {
	email := adapter.NormalizeEmail(r.PostFormValue("email"))
	_, err := s.links().UseLink(r.Context(), email, r.PostFormValue("token"))
	switch {
	case errors.Is(err, adapter.ErrExpired):
		return problem{http.StatusGone, "This link has expired", "A link works for 15 minutes. Please ask for a new one."}
	case errors.Is(err, adapter.ErrNotFound):
		return problem{http.StatusForbidden, "This link doesn’t work", "It was used already, a newer one took its place, or it was never ours. Please ask for a new one."}
	case err != nil:
		return err
	}
	u, err := s.userWithEmail(r.Context(), email)
	if err != nil {
		return err
	}
	return s.signIn(w, r, u)
}

// userWithEmail returns the user of somebody who has just proved to own an address,
// a new one at the first time.
func (s *server) userWithEmail(ctx context.Context, email string) (adapter.User, error) {
	u, err := s.Store.GetUserByEmail(ctx, email)
	if errors.Is(err, adapter.ErrNotFound) {
		u, err = s.Store.CreateUser(ctx, adapter.User{Email: email, EmailVerified: s.Now()})
	}
	if errors.Is(err, adapter.ErrConflict) { // made by another request meanwhile
		u, err = s.Store.GetUserByEmail(ctx, email)
	}
	if err != nil || !u.EmailVerified.IsZero() {
		return u, err
	}
	return s.takeOver(ctx, u)
}

// takeOver gives a user whose address was never verified to the person who has now
// proved to own it. Whoever made it may have been somebody else, who waits for the
// owner to come and fill it: all their ways in go first. Here no such user is
// made, but a store that is shared with other programs may hold some.
func (s *server) takeOver(ctx context.Context, u adapter.User) (adapter.User, error) {
	accounts, err := s.Store.ListAccounts(ctx, u.ID)
	if err != nil {
		return u, err
	}
	for _, a := range accounts {
		if err := s.Store.UnlinkAccount(ctx, a.Key()); err != nil {
			return u, err
		}
	}
	passkeys, err := s.Store.ListAuthenticators(ctx, u.ID)
	if err != nil {
		return u, err
	}
	for _, p := range passkeys {
		if err := s.Store.DeleteAuthenticator(ctx, p.CredentialID); err != nil {
			return u, err
		}
	}
	// Last, since until here the others could start one.
	if err := s.Store.DeleteSessions(ctx, u.ID); err != nil {
		return u, err
	}
	return s.Store.UpdateUser(ctx, u.ID, adapter.UserUpdate{EmailVerified: new(s.Now())})
}
