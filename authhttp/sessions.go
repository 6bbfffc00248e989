package authhttp

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Sessions signs people in and out, and knows them again, by sessions in a store.
// Only Store is required. A Sessions is safe for concurrent use, and is not changed
// or copied once it is in use. One that cannot work, without a Store, panics at once.
type Sessions struct {
	// Store has the sessions: any backend, or what an application has of its own.
	Store adapter.Sessions

	// Cookie says which cookie holds the token. The zero value is the package's own,
	// __Host-session.
	Cookie Cookie

	// Bearer has the token taken from an Authorization header too: "Bearer <token>".
	// With one, the cookie does not count, whether the token is good or not.
	Bearer bool

	// MaxAge is how long a session lives without being used. 0: 30 days; with
	// BetterAuthCookie 7 days, which is each application's default.
	MaxAge time.Duration

	// UpdateAge is how often, at the most, it is noted that a session is in use, which
	// prolongs it. One that is not below MaxAge prolongs nothing. 0: a day.
	UpdateAge time.Duration

	// Lifetime is how long a session lives at the most after signing in, however much
	// it is used. It counts from CreatedAt; a session of an application that keeps no
	// such time is not prolonged, and ends when that application has said. 0: no limit.
	Lifetime time.Duration

	// Lazy has the session read when somebody asks for it, by Current, User or Require,
	// instead of for every request that has a cookie. Ask before the answer begins: a
	// cookie that is to last longer goes out with the header.
	Lazy bool

	// Attributes returns what a new session keeps of the request that made it, such as
	// the browser's name, for the list of a person's sessions. Nil: nothing.
	Attributes func(*http.Request) adapter.Attributes

	// Denied answers those whom Require does not let in: [http.RedirectHandler] to the
	// page for signing in, for instance. Nil: 401.
	Denied http.Handler

	// Failed answers if the store did not say who it is; err has been logged. Nil: 503.
	Failed func(w http.ResponseWriter, r *http.Request, err error)

	// CrossOrigin says which requests of other sites are let through. Nil: none that
	// may change something.
	CrossOrigin *http.CrossOriginProtection

	// Clock gives the time. Nil: time.Now.
	Clock func() time.Time

	// Logger is told what kept the store from answering. Nil: slog.Default().
	Logger *slog.Logger
}

// Load is middleware that lets [Current] know who is signed in, and everybody in. If the
// store does not say who it is, the answer is Failed.
func (s *Sessions) Load(next http.Handler) http.Handler {
	s.check()
	return guard(s.CrossOrigin, s.Bearer, load(s, s.Lazy, s.fail, next))
}

// Require is middleware that lets those in who are signed in. It needs no Load in
// front, and reads nothing twice behind one.
func (s *Sessions) Require(next http.Handler) http.Handler {
	return s.Load(require(s.Denied, s.Bearer, s.fail, next))
}

// check panics if the Sessions cannot work.
func (s *Sessions) check() {
	if s.Store == nil {
		panic("authhttp: Sessions.Store is nil")
	}
	s.Cookie.check()
}

func (s *Sessions) load(w http.ResponseWriter, r *http.Request) (adapter.Session, adapter.User, error) {
	vary(w, s.Bearer)
	token, inCookie := s.token(r)
	if token == "" {
		return adapter.Session{}, adapter.User{}, errNobody
	}
	session, user, err := s.Store.GetSessionAndUser(r.Context(), token)
	if err == nil && s.over(session) {
		err = errNobody
	}
	if err == nil && s.due(session) && !(inCookie && s.Cookie.forgotten(r)) {
		session, err = s.renew(w, r, session, inCookie)
	}
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	noStore(w)
	return session, user, nil
}

// token returns the session token of a request, "" if there is none, and whether it
// comes from the cookie.
func (s *Sessions) token(r *http.Request) (token string, inCookie bool) {
	if s.Bearer && hasBearer(r) {
		token, _ = s.Cookie.decode(bearerToken(r))
		return token, false
	}
	value, ok := s.Cookie.value(r)
	if ok {
		token, _ = s.Cookie.decode(value)
	}
	return token, true
}

// expires returns when a session ends that was made then and is used now.
func (s *Sessions) expires(created, now time.Time) time.Time {
	end := now.Add(s.maxAge())
	if limit := created.Add(s.Lifetime); s.Lifetime > 0 && limit.Before(end) {
		return limit
	}
	return end
}

// over reports whether a session has had its Lifetime.
func (s *Sessions) over(session adapter.Session) bool {
	return s.Lifetime > 0 && !session.CreatedAt.IsZero() && !s.now().Before(session.CreatedAt.Add(s.Lifetime))
}

// due reports whether it is time to prolong a session. With a Lifetime that is never so of
// one whose beginning is not known: its end would be in the year 1.
func (s *Sessions) due(session adapter.Session) bool {
	return s.expires(session.CreatedAt, s.now()).Sub(session.Expires) >= cmp.Or(s.UpdateAge, day)
}

// renew prolongs a session, unless it has ended meanwhile. A store that cannot write
// signs nobody out.
func (s *Sessions) renew(w http.ResponseWriter, r *http.Request, session adapter.Session, inCookie bool) (adapter.Session, error) {
	token := session.SessionToken
	renewed, err := s.Store.UpdateSession(r.Context(), token, adapter.SessionUpdate{Expires: new(s.expires(session.CreatedAt, s.now()))})
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		return adapter.Session{}, err
	case err != nil:
		s.log(r, "session not prolonged", err)
		return session, nil
	}
	renewed.SessionToken = token
	if inCookie {
		s.Cookie.set(w, token, renewed.Expires.Sub(s.now()))
	}
	return renewed, nil
}

func (s *Sessions) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.log(r, "session not read", err)
	noStore(w)
	if s.Failed != nil {
		s.Failed(w, r, err)
		return
	}
	http.Error(w, "please try again in a moment", http.StatusServiceUnavailable)
}

// log says what went wrong, unless the visitor has gone.
func (s *Sessions) log(r *http.Request, text string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	logger := s.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.ErrorContext(r.Context(), "authhttp: "+text, "code", adapter.Code(err), "err", err)
}

const day = 24 * time.Hour

func (s *Sessions) maxAge() time.Duration {
	if s.Cookie.format == signed {
		return cmp.Or(s.MaxAge, 7*day)
	}
	return cmp.Or(s.MaxAge, 30*day)
}

func (s *Sessions) now() time.Time { return now(s.Clock) }

func now(clock func() time.Time) time.Time {
	if clock == nil {
		clock = time.Now
	}
	return adapter.Milliseconds(clock())
}
