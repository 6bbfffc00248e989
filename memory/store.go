package memory

import (
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// Store holds the data of one application. Its adapters are safe for concurrent
// use.
type Store struct {
	mu             sync.RWMutex
	users          map[string]*user // by ID
	emails         map[string]*user // by normalised address
	accounts       map[adapter.AccountKey]*account
	sessions       map[string]*session // by Session.ID
	authenticators map[string]*authenticator
	tokens         map[string]map[string]*token // by identifier, then token
	expiry         expiry
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{
		users:          map[string]*user{},
		emails:         map[string]*user{},
		accounts:       map[adapter.AccountKey]*account{},
		sessions:       map[string]*session{},
		authenticators: map[string]*authenticator{},
		tokens:         map[string]map[string]*token{},
	}
}

// user is a user with its records.
type user struct {
	adapter.User
	accounts       map[*account]struct{}
	sessions       map[*session]struct{}
	authenticators map[*authenticator]struct{}
}

type account struct {
	adapter.Account
	owner *user
}

type session struct {
	adapter.Session
	owner *user
	timer timer
}

type authenticator struct {
	adapter.Authenticator
	owner *user
}

type token struct {
	adapter.VerificationToken
	timer timer
}

// Records returns a copy of every stored record: adapter.User, adapter.Account,
// adapter.Session, adapter.VerificationToken and adapter.Authenticator values, in no
// particular order. It is for tests.
func (s *Store) Records() []any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []any
	for _, u := range s.users {
		all = append(all, u.copy())
	}
	for _, a := range s.accounts {
		all = append(all, a.copy())
	}
	for _, se := range s.sessions {
		all = append(all, se.copy(se.SessionToken))
	}
	for _, a := range s.authenticators {
		all = append(all, a.copy())
	}
	for _, byToken := range s.tokens {
		for _, t := range byToken {
			all = append(all, t.VerificationToken)
		}
	}
	return all
}

func live(expires, now time.Time) bool { return now.Before(expires) }
