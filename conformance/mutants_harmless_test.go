package conformance_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
)

// odd is a correct adapter that does all in which the contract leaves it free in
// another way than a memory store.
type odd struct {
	base
	*env
}

func newOdd(inner adapter.Adapter, e *env) adapter.Adapter {
	return base{odd{base{base{inner}}, e}}
}

// dawdle takes a moment, or lets others go first.
func dawdle() {
	if rand.N(4) == 0 {
		time.Sleep(rand.N(50 * time.Microsecond))
	}
	runtime.Gosched()
}

// shuffled returns a list in any order; an empty one is not nil.
func shuffled[R any](all []R, err error) ([]R, error) {
	dawdle()
	if err != nil {
		return nil, err
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if all == nil {
		all = []R{}
	}
	return all, nil
}

func (m odd) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return shuffled(m.Adapter.ListAccounts(ctx, userID))
}

func (m odd) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return shuffled(m.Adapter.ListSessions(ctx, userID))
}

func (m odd) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return shuffled(m.Adapter.ListAuthenticators(ctx, userID))
}

func (m odd) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	dawdle()
	return m.Adapter.CreateUser(ctx, u)
}

func (m odd) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	dawdle()
	return m.Adapter.CreateUserWithAccount(ctx, u, acc)
}

func (m odd) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	dawdle()
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m odd) DeleteUser(ctx context.Context, id string) error {
	dawdle()
	return m.Adapter.DeleteUser(ctx, id)
}

// GetUser returns a float64 that is a whole number as int64.
func (m odd) GetUser(ctx context.Context, id string) (adapter.User, error) {
	dawdle()
	u, err := m.Adapter.GetUser(ctx, id)
	for name, v := range u.Attributes {
		if f, ok := v.(float64); ok && f == float64(int32(f)) {
			u.Attributes[name] = int64(f)
		}
	}
	return u, err
}

func (m odd) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	dawdle()
	return m.Adapter.GetSessionAndUser(ctx, token)
}

func (m odd) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	dawdle()
	return m.Adapter.UpdateSession(ctx, token, up)
}

// CreateVerificationToken puts a token in the place of one that is the same.
func (m odd) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	dawdle()
	created, err := m.Adapter.CreateVerificationToken(ctx, v)
	if !errors.Is(err, adapter.ErrConflict) {
		return created, err
	}
	if _, err := m.Adapter.UseVerificationToken(ctx, v.Identifier, v.Token); err != nil && !errors.Is(err, adapter.ErrNotFound) {
		return adapter.VerificationToken{}, err
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

func (m odd) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	dawdle()
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

// nobody reports whether there could be a user with an ID, and is not.
func (m odd) nobody(ctx context.Context, userID string) bool {
	_, err := m.Adapter.GetUser(ctx, userID)
	return errors.Is(err, adapter.ErrNotFound) && !errors.Is(err, adapter.ErrInvalid)
}

// LinkAccount takes an account of nobody, which leads nowhere.
func (m odd) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	dawdle()
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if refusesOwner(err) {
		_, free := m.Adapter.GetAccount(ctx, acc.Key())
		if errors.Is(free, adapter.ErrNotFound) && m.nobody(ctx, acc.UserID) {
			return acc, nil
		}
	}
	return linked, err
}

// CreateSession takes a session of nobody, which opens nothing.
func (m odd) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	dawdle()
	created, err := m.Adapter.CreateSession(ctx, s)
	if refusesOwner(err) {
		_, _, free := m.Adapter.GetSessionAndUser(ctx, s.SessionToken)
		if errors.Is(free, adapter.ErrNotFound) && m.nobody(ctx, s.UserID) {
			return s, nil
		}
	}
	return created, err
}

// answers returns why a call of an optional interface is not answered.
func (m odd) answers(ctx context.Context, op string) error {
	p, _ := adapter.As[adapter.Pinger](m.Adapter)
	if err := p.Ping(ctx); err != nil {
		return fail(ctx, op, errors.Unwrap(err))
	}
	return nil
}

// CheckSchema finds nothing: it is a store that needs to be set up, and is.
func (m odd) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	return []adapter.SchemaProblem{}, m.answers(ctx, "CheckSchema")
}

func (m odd) ApplySchema(ctx context.Context) error { return m.answers(ctx, "ApplySchema") }

// Repair finds nothing either.
func (m odd) Repair(ctx context.Context, _ bool) ([]adapter.Repair, error) {
	return []adapter.Repair{}, m.answers(ctx, "Repair")
}

// EnumerateUsers has a first page without users, and some users twice.
func (m odd) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	const first = "first"
	e, _ := adapter.As[adapter.Enumerator](m.Adapter)
	page, err := e.EnumerateUsers(ctx, strings.TrimPrefix(cursor, first), limit)
	switch {
	case err != nil:
	case cursor == "":
		page = adapter.UserPage{Next: first}
	case len(page.Users) > 0 && len(page.Users) < limit:
		page.Users = append(page.Users, page.Users[0])
	}
	return page, err
}

// TestMutantsHarmless proves that the suite asks for no more than the contract.
func TestMutantsHarmless(t *testing.T) {
	t.Parallel()
	for _, result := range conformance.Check(t.Context(), harness(newOdd), suite...).Results {
		leftOut := result.Status == conformance.NotProvided && result.Detail == noSchema
		if result.Status != conformance.Passed && !leftOut {
			t.Errorf("%s: %s: %s", result.ID, result.Status, result.Detail)
		}
	}
}

// TestMutantsHarmlessLayouts proves that a layout need not have a place for everything.
func TestMutantsHarmlessLayouts(t *testing.T) {
	t.Parallel()
	noPlace := map[string]func(conformance.ForeignRecord) bool{
		"no lists, objects and numbers that are none": func(r conformance.ForeignRecord) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(r.Members)), func(v any) bool {
				f, _ := v.(float64)
				switch v.(type) {
				case []any, map[string]any:
					return true
				}
				return math.IsNaN(f)
			})
		},
		"keys of text": func(r conformance.ForeignRecord) bool {
			return slices.ContainsFunc(keys[r.Kind], func(name string) bool { return r.Members[name] == nil || !isText(r.Members[name]) })
		},
		"no authenticators": func(r conformance.ForeignRecord) bool { return r.Kind == "Authenticator" },
		"nothing":           func(conformance.ForeignRecord) bool { return true },
	}
	for name, refuses := range noPlace {
		h := sharedHarness(healthy)
		h.LeftOut = map[conformance.Feature]string{conformance.Foreign: name}
		namespace := h.Namespace
		h.Namespace = func(ctx context.Context) (conformance.Namespace, error) {
			n, err := namespace(ctx)
			put := n.Foreign.Put
			n.Foreign.Put = func(ctx context.Context, r conformance.ForeignRecord) error {
				if refuses(r) {
					return errors.ErrUnsupported
				}
				return put(ctx, r)
			}
			return n, err
		}
		for _, result := range conformance.Check(t.Context(), h, forOthers()...).Results {
			leftOut := result.Status == conformance.NotProvided && result.Detail == name
			if result.Status != conformance.Passed && !leftOut || name == "nothing" && !leftOut {
				t.Errorf("%s, %s: %s: %s", name, result.ID, result.Status, result.Detail)
			}
		}
	}
}
