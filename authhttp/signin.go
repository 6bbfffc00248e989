package authhttp

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"

	"github.com/authstore/authstore/adapter"
)

// ErrCrossOrigin is the error of signing in or out by a request that another site
// has sent: see Sessions.CrossOrigin.
var ErrCrossOrigin = errors.New("authhttp: the request comes from another site")

// ErrTakenOver is the error of signing in a user whose address somebody has proved for the
// first time meanwhile: see package signin. It may not be the person who signs in here.
var ErrTakenOver = errors.New("authhttp: the user's e-mail address was verified while they signed in: sign in again")

// SignIn signs a person in whom the application has made sure of: it ends the
// session that the browser had, starts another one, and sets the cookie. The session
// that it returns has the token, for a client that keeps it itself: see
// [Cookie.Encode].
//
// Call it before the answer begins. If it fails, nobody is signed in by it, and who
// was may be signed out.
//
// Two round trips; one if the request carries no token. One more if the user has an address
// that is not verified: whether it still is.
func (s *Sessions) SignIn(w http.ResponseWriter, r *http.Request, user adapter.User) (adapter.Session, error) {
	if err := s.end(r); err != nil {
		return adapter.Session{}, err
	}
	session := adapter.Session{UserID: user.ID, Expires: s.expires(s.now(), s.now())}
	if s.Cookie.format == signed {
		session.SessionToken = betterAuthToken()
	}
	if s.Attributes != nil {
		session.Attributes = s.Attributes(r)
	}
	session, err := s.Store.CreateSession(r.Context(), session)
	if err == nil && user.Email != "" && user.EmailVerified.IsZero() {
		err = s.checkTakeOver(r.Context(), session.SessionToken)
	}
	if err != nil {
		return adapter.Session{}, err
	}
	s.Cookie.set(w, session.SessionToken, session.Expires.Sub(s.now()))
	s.Cookie.clearCompanions(w, r)
	if v := visiting(r.Context(), s); v != nil {
		v.set(session, user, nil)
	}
	return session, nil
}

// checkTakeOver ends a new session of a user whose address was verified since somebody made
// sure of who it is. A take-over verifies the address and then ends all sessions: one that
// begins later is found here.
func (s *Sessions) checkTakeOver(ctx context.Context, token string) error {
	_, user, err := s.Store.GetSessionAndUser(ctx, token)
	if err != nil || user.EmailVerified.IsZero() {
		return err
	}
	if err := s.Store.DeleteSession(ctx, token); err != nil {
		return err
	}
	return ErrTakenOver
}

// SignOut ends the session of a request, and takes the cookie away. If the store does
// not answer, the cookie stays, so that the person can try again. Nil if nobody was
// signed in.
//
// One round trip.
func (s *Sessions) SignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.end(r); err != nil {
		return err
	}
	s.forget(w, r)
	return nil
}

// SignOutEverywhere ends all sessions of who is signed in, and takes the cookie away.
// It is for handlers behind Load or Require, like what follows.
func (s *Sessions) SignOutEverywhere(w http.ResponseWriter, r *http.Request) error {
	_, user, err := Current(r.Context())
	if err != nil {
		return err
	}
	if err := s.Store.DeleteSessions(r.Context(), user.ID); err != nil {
		return err
	}
	s.forget(w, r)
	return nil
}

// SignOutOthers ends all sessions of who is signed in but the one in use.
func (s *Sessions) SignOutOthers(ctx context.Context) error {
	session, user, err := Current(ctx)
	if err != nil {
		return err
	}
	return s.Store.DeleteSessions(ctx, user.ID, session.SessionToken)
}

// List returns the sessions of who is signed in, the newest first, without tokens.
// The one in use has the ID that Current returns.
func (s *Sessions) List(ctx context.Context) ([]adapter.Session, error) {
	_, user, err := Current(ctx)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.ListSessions(ctx, user.ID)
	all = slices.DeleteFunc(all, s.over)
	slices.SortFunc(all, func(a, b adapter.Session) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all, err
}

// End ends the session with an ID that List showed, if it is that of who is signed
// in. Nil if they have no such session.
func (s *Sessions) End(ctx context.Context, id string) error {
	_, user, err := Current(ctx)
	if err != nil {
		return err
	}
	return s.Store.DeleteSessionByID(ctx, user.ID, id)
}

// end ends the session of a request in the store.
func (s *Sessions) end(r *http.Request) error {
	s.check()
	if err := s.CheckOrigin(r); err != nil {
		return err
	}
	token, _ := s.token(r)
	if token == "" {
		return nil
	}
	return s.Store.DeleteSession(r.Context(), token)
}

// CheckOrigin returns [ErrCrossOrigin] if another site has sent a request that may change
// something: see Sessions.CrossOrigin. Load, Require, SignIn and SignOut check by themselves.
func (s *Sessions) CheckOrigin(r *http.Request) error {
	if !(s.Bearer && hasBearer(r)) && orDefault(s.CrossOrigin).Check(r) != nil {
		return ErrCrossOrigin
	}
	return nil
}

// forget takes the cookie away.
func (s *Sessions) forget(w http.ResponseWriter, r *http.Request) {
	s.Cookie.clear(w)
	s.Cookie.clearCompanions(w, r)
	if v := visiting(r.Context(), s); v != nil {
		v.set(adapter.Session{}, adapter.User{}, errNobody)
	}
}

// betterAuthToken returns a token as Better Auth makes them, 32 letters and digits:
// its bearer plugin takes none with a dot.
func betterAuthToken() string { return (rand.Text() + rand.Text())[:32] }
