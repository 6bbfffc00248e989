package main

import (
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/authstore/authstore/adapter"
)

const (
	sessionLife = 30 * 24 * time.Hour
	day         = 24 * time.Hour
)

// visit is a request of somebody who is signed in.
type visit struct {
	Session adapter.Session
	User    adapter.User
}

// signIn starts a session. The token is new each time, and the session that the
// browser had before is ended: a token from before can't be one that somebody else
// knows.
func (s *server) signIn(w http.ResponseWriter, r *http.Request, u adapter.User) error {
	if err := s.Store.DeleteSession(r.Context(), s.cookie(r, sessionCookie)); err != nil {
		return err
	}
	session, err := s.Store.CreateSession(r.Context(), adapter.Session{
		UserID:     u.ID,
		Expires:    s.Now().Add(sessionLife),
		Attributes: adapter.Attributes{"browser": browserName(r.UserAgent()), "ip": ip(r)},
	})
	if err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, session.SessionToken, sessionLife)
	return redirect(w, r, "/")
}

// ip returns the address that the request came from. Behind a proxy that is the
// proxy's; X-Forwarded-For may be trusted only if the proxy is known to set it.
func ip(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// current returns who is signed in: one round trip to the store, on every request.
// ErrNotFound: nobody, or not any more, and then the visit is nobody's: a session may end
// between the read and the extension.
func (s *server) current(w http.ResponseWriter, r *http.Request) (visit, error) {
	token := s.cookie(r, sessionCookie)
	session, user, err := s.Store.GetSessionAndUser(r.Context(), token)
	if err == nil && session.Expires.Sub(s.Now()) < sessionLife-day {
		session, err = s.extend(w, r, token)
	}
	if errors.Is(err, adapter.ErrNotFound) && token != "" {
		s.clearCookie(w, sessionCookie)
	}
	if err != nil {
		return visit{}, err
	}
	return visit{session, user}, nil
}

// extend lets a session that is in use last. Once a day is often enough, and spares
// the store a write at every request.
func (s *server) extend(w http.ResponseWriter, r *http.Request, token string) (adapter.Session, error) {
	session, err := s.Store.UpdateSession(r.Context(), token, adapter.SessionUpdate{Expires: new(s.Now().Add(sessionLife))})
	if err == nil {
		s.setCookie(w, sessionCookie, token, sessionLife)
	}
	return session, err
}

// signedIn keeps a handler for those who are signed in. Others go to the page
// where they can.
func (s *server) signedIn(h func(http.ResponseWriter, *http.Request, visit) error) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := s.current(w, r)
		if errors.Is(err, adapter.ErrNotFound) {
			return redirect(w, r, "/?done=ended")
		}
		if err != nil {
			return err
		}
		return h(w, r, v)
	}
}

// signOut ends the session of this browser. The store comes first: if it fails, the
// person is told, and still has the cookie to try again with.
func (s *server) signOut(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Store.DeleteSession(r.Context(), v.Session.SessionToken); err != nil {
		return err
	}
	s.clearCookie(w, sessionCookie)
	return redirect(w, r, "/?done=out")
}

// signOutOthers ends the person's sessions in all other browsers.
func (s *server) signOutOthers(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Store.DeleteSessions(r.Context(), v.User.ID, v.Session.SessionToken); err != nil {
		return err
	}
	return redirect(w, r, "/?done=others")
}

// signOutEverywhere ends all of the person's sessions.
func (s *server) signOutEverywhere(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := s.Store.DeleteSessions(r.Context(), v.User.ID); err != nil {
		return err
	}
	s.clearCookie(w, sessionCookie)
	return redirect(w, r, "/?done=everywhere")
}

// endSession ends one session of the list. The page names it by its ID, which signs
// nobody in, and the store ends it only if it is this person's.
func (s *server) endSession(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PostFormValue("id")
	if id == v.Session.ID {
		return s.signOut(w, r, v)
	}
	if err := s.Store.DeleteSessionByID(r.Context(), v.User.ID, id); err != nil {
		return err
	}
	return redirect(w, r, "/?done=session")
}
