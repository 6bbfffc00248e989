package conformance

import (
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// openingTests are the rules for a store that is opened by URL.
var openingTests = []Test{
	{ID: "OPN-001", Rule: "The store's URL opens the same store, with the options that were given.", Source: "adapter.Open", Run: func(t *T) {
		byURL := t.byURL(t.Options())
		u, acc, err := byURL.CreateUserWithAccount(t.ctx, fullUser(ada), fullAccount("", "github", "1"))
		t.ok("CreateUserWithAccount", err)
		t.sameUser(u)
		t.sameAccount(acc)
		s, err := byURL.CreateSession(t.ctx, adapter.Session{UserID: u.ID, Expires: t.Clock.Now().Add(time.Hour)})
		t.ok("CreateSession", err)
		t.signedIn(t.store, s.SessionToken, u.ID)
		other := t.user(grace)
		got, err := byURL.GetUserByEmail(t.ctx, other.Email)
		t.ok("GetUserByEmail", err)
		t.equal("GetUserByEmail", got, other)
		t.Clock.Advance(time.Hour)
		t.signedOut(byURL, s.SessionToken)
		t.ok("Close", byURL.Close())
		_, err = byURL.GetUser(t.ctx, u.ID)
		t.is("GetUser after Close", err, adapter.ErrClosed)
		t.sameUser(u)
	}},
	{ID: "OPN-002", Rule: "What a URL says that the store does not know is refused, and the error does not quote its value.", Source: "driver.Opener", Run: func(t *T) {
		address, query, _ := strings.Cut(t.namespace.URL, "?")
		a, err := adapter.Open(t.ctx, address+"?"+strings.TrimPrefix(query+"&no_such_parameter=hunter2", "&"), t.Options())
		if err == nil {
			t.ok("Close", a.Close())
		}
		t.is("Open with a parameter that there is not", err, adapter.ErrInvalid)
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open\n  got:  an error that quotes what may be a secret\n  want: one without")
		}
	}},
}

// byURL opens the namespace by its URL.
func (t *T) byURL(o adapter.Options) adapter.Adapter {
	t.Helper()
	a, err := adapter.Open(t.ctx, t.namespace.URL, o)
	t.ok("Open", err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened = append(t.opened, a)
	return a
}
