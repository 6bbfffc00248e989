package interop

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/robust"
)

// The published adapters let racing sign-ups with one e-mail address make several users,
// hand a one-time token to several, and lose updates: the checker of histories finds that,
// or it would find nothing.
func TestPublishedAdaptersHaveIllegalHistories(t *testing.T) {
	o := startOracle(t)
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) {
			p := s.openBoth(t, o, false, !s.guarded) // with its schema it refuses what would be illegal
			js := &published{pair: p, theirs: map[string]string{}, ours: map[string]string{}}
			for began := time.Now(); time.Since(began) < time.Minute; {
				report, err := robust.Run{
					Config: robust.Config{
						Engine: "published", Seed: rand.Uint64N(1e6), Workers: 4, Calls: 10, Every: 50 * time.Millisecond, For: 5 * time.Second, Timeout: patience,
						Only: []string{"CreateUser", "GetUser", "GetUserByEmail", "UpdateUser(name)", "UpdateUser(image)", "CreateVerificationToken", "UseVerificationToken"},
					},
					Openers: map[string]robust.Opener{"published": func(context.Context, robust.Config) (adapter.Adapter, error) { return js, nil }},
				}.Do(t.Context())
				check(t, err)
				if n := len(report.Illegal); n > 0 {
					t.Logf("%d of %d histories are illegal, in %.1f s", n, report.Histories(), time.Since(began).Seconds())
					return
				}
			}
			t.Error("no illegal history within a minute")
		})
	}
}

// published is an adapter in JavaScript as one in Go, as far as the test calls it. It gives
// users IDs of its own.
type published struct {
	*pair
	mu           sync.Mutex
	theirs, ours map[string]string // IDs of users, by the other ones
}

// Close leaves the pair to the test.
func (p *published) Close() error { return nil }

// call makes a call. That it threw says nothing of what it did.
func (p *published) call(method string, args ...any) (object, error) {
	v, err := p.oracle.do("call", object{"handle": p.handle, "method": method, "args": args})
	if err != nil {
		return nil, errors.Join(adapter.ErrUnavailable, err)
	}
	answer, _ := v.(object)
	if answer == nil {
		return nil, adapter.ErrNotFound
	}
	return answer, nil
}

func (p *published) id(ours string) (theirs string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id := p.theirs[ours]; id != "" {
		return id, nil
	}
	return "", adapter.ErrNotFound
}

// user returns the user of an answer. That of a creation which goes on is no answer yet.
func (p *published) user(o object, err error) (adapter.User, error) {
	if err != nil {
		return adapter.User{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	theirs, _ := o["id"].(string)
	u := adapter.User{ID: p.ours[theirs]}
	u.Email, _ = o["email"].(string)
	u.Name, _ = o["name"].(string)
	u.Image, _ = o["image"].(string)
	if u.ID == "" {
		return u, adapter.ErrUnavailable
	}
	return u, nil
}

func (p *published) CreateUser(_ context.Context, u adapter.User) (adapter.User, error) {
	if _, err := p.id(u.ID); err == nil {
		return u, adapter.Conflict(adapter.FieldUserID)
	}
	var email any // null where there is none
	if u.Email != "" {
		email = u.Email
	}
	made, err := p.call("createUser", object{"id": u.ID, "email": email, "name": u.Name, "emailVerified": nil})
	if err != nil {
		return u, err
	}
	theirs := made["id"].(string)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.theirs[u.ID], p.ours[theirs] = theirs, u.ID
	return u, nil
}

func (p *published) GetUser(_ context.Context, id string) (adapter.User, error) {
	theirs, err := p.id(id)
	if err != nil {
		return adapter.User{}, err
	}
	return p.user(p.call("getUser", theirs))
}

func (p *published) GetUserByEmail(_ context.Context, email string) (adapter.User, error) {
	return p.user(p.call("getUserByEmail", email))
}

func (p *published) UpdateUser(_ context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	theirs, err := p.id(id)
	if err != nil {
		return adapter.User{}, err
	}
	js := object{"id": theirs}
	if up.Name != nil {
		js["name"] = *up.Name
	}
	if up.Image != nil {
		js["image"] = *up.Image
	}
	return p.user(p.call("updateUser", js))
}

func (p *published) CreateVerificationToken(_ context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	_, err := p.call("createVerificationToken", object{"identifier": v.Identifier, "token": v.Token, "expires": v.Expires})
	if errors.Is(err, adapter.ErrNotFound) { // it may return nothing
		err = nil
	}
	return v, err
}

func (p *published) UseVerificationToken(_ context.Context, identifier, token string) (adapter.VerificationToken, error) {
	_, err := p.call("useVerificationToken", object{"identifier": identifier, "token": token})
	return adapter.VerificationToken{Identifier: identifier, Token: token}, err
}
