package authhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/authstore/authstore/adapter"
)

var (
	errNobody     = fmt.Errorf("authhttp: nobody is signed in: %w", adapter.ErrNotFound)
	errMiddleware = errors.New("authhttp: no Load or Require is in front of this handler")
)

// source reads who sends a request.
type source interface {
	load(w http.ResponseWriter, r *http.Request) (adapter.Session, adapter.User, error)
}

// visit is who sends a request, once somebody has asked.
type visit struct {
	from source
	w    http.ResponseWriter
	r    *http.Request

	mu      sync.Mutex
	loaded  bool
	session adapter.Session
	user    adapter.User
	err     error
}

type visitKey struct{}

// visiting returns the visit that a source has put into a context, nil if none has. Any
// source will do for nil.
func visiting(ctx context.Context, from source) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	if v != nil && from != nil && v.from != from {
		return nil
	}
	return v
}

func (v *visit) get() (adapter.Session, adapter.User, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.loaded {
		v.session, v.user, v.err = v.from.load(v.w, v.r)
		v.loaded = true
	}
	return v.session, v.user, v.err
}

func (v *visit) set(session adapter.Session, user adapter.User, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.session, v.user, v.err, v.loaded = session, user, err, true
}

// Current returns who is signed in, in a handler behind Load or Require. The error
// is an [adapter.ErrNotFound] if nobody is. Any other one says that it is not known:
// behind a lazy Load, which has not asked yet, that is the store's; and where neither
// Load nor Require is in front, it says so.
func Current(ctx context.Context) (adapter.Session, adapter.User, error) {
	v := visiting(ctx, nil)
	if v == nil {
		return adapter.Session{}, adapter.User{}, errMiddleware
	}
	return v.get()
}

// User returns who is signed in, in a handler behind Require. It panics where
// nobody is, so that no handler takes somebody for the user without an ID.
func User(ctx context.Context) adapter.User {
	_, user, err := Current(ctx)
	if err != nil {
		panic("authhttp: User is for handlers behind Require: " + err.Error())
	}
	return user
}

// load puts the visit into the context, for handlers behind it. A visit of the same
// source stays.
func load(from source, lazy bool, fail func(http.ResponseWriter, *http.Request, error), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if visiting(r.Context(), from) != nil {
			next.ServeHTTP(w, r)
			return
		}
		v := &visit{from: from, w: w, r: r}
		if !lazy {
			if _, _, err := v.get(); err != nil && !errors.Is(err, adapter.ErrNotFound) {
				fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
	})
}

// require answers those who are not signed in.
func require(denied http.Handler, bearer bool, fail func(http.ResponseWriter, *http.Request, error), next http.Handler) http.Handler {
	if denied == nil {
		denied = unauthorized(bearer)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, err := Current(r.Context())
		switch {
		case err == nil:
			next.ServeHTTP(w, r)
		case !errors.Is(err, adapter.ErrNotFound):
			fail(w, r, err)
		default:
			noStore(w)
			denied.ServeHTTP(w, r)
		}
	})
}

func unauthorized(bearer bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if bearer {
			w.Header().Set("WWW-Authenticate", "Bearer")
		}
		http.Error(w, "please sign in", http.StatusUnauthorized)
	})
}

// guard refuses what another site sends in a person's name.
func guard(protection *http.CrossOriginProtection, bearer bool, next http.Handler) http.Handler {
	protected := orDefault(protection).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bearer && hasBearer(r) {
			next.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

func orDefault(protection *http.CrossOriginProtection) *http.CrossOriginProtection {
	if protection == nil {
		return new(http.CrossOriginProtection)
	}
	return protection
}

// noStore keeps an answer that is somebody's out of caches, and from being seen with
// "back" after signing out.
func noStore(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") }

// vary says that an answer depends on who asks.
func vary(w http.ResponseWriter, bearer bool) {
	w.Header().Add("Vary", "Cookie")
	if bearer {
		w.Header().Add("Vary", "Authorization")
	}
}
