package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
)

// enumerationTests are the rules of adapter.Enumerator.
var enumerationTests = []Test{
	{ID: "ENU-001", Rule: "All users are enumerated, whole, by both adapters alike, and nothing that is no user.", Source: "adapter.Enumerator", Run: func(t *T) {
		e := optional[adapter.Enumerator](t, Enumerate)
		want := t.population(25)
		full, err := t.store.CreateUser(t.ctx, fullUser(grace))
		t.ok("CreateUser", err)
		want[full.ID] = full
		t.newStage(alan)
		gone := t.user("gone")
		t.ok("DeleteUser", t.store.DeleteUser(t.ctx, gone.ID))
		u, err := t.store.GetUserByEmail(t.ctx, email(alan))
		t.ok("GetUserByEmail", err)
		want[u.ID] = u
		for _, limit := range []int{1, 7, 1000} {
			t.enumerates(e, limit, want)
		}
		t.enumerates(t.secondEnumerator(), 10, want)
	}},
	{ID: "ENU-002", Rule: "A store without users has one page at last, and no user.", Source: "adapter.Enumerator", Run: func(t *T) {
		t.enumerates(optional[adapter.Enumerator](t, Enumerate), 10, nil)
	}},
	{ID: "ENU-003", Rule: "An enumeration goes on from a cursor, in another adapter too, as often as one likes.", Source: "adapter.Enumerator", Run: func(t *T) {
		e := optional[adapter.Enumerator](t, Enumerate)
		second := t.secondEnumerator()
		want := t.population(12)
		var cursor string
		var seen []string
		for range maxPages {
			page, err := e.EnumerateUsers(t.ctx, cursor, 5)
			t.ok("EnumerateUsers", err)
			again, err := second.EnumerateUsers(t.ctx, cursor, 5)
			t.ok("EnumerateUsers", err)
			t.equal("the same page once more", ids(again.Users), ids(page.Users))
			seen = append(seen, ids(page.Users)...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		t.seen(seen, want)
	}},
	{ID: "ENU-004", Rule: "Who is there from the first page to the last is enumerated, while others are made, changed and deleted.", Source: "adapter.Enumerator", Run: func(t *T) {
		e := optional[adapter.Enumerator](t, Enumerate)
		stay, leaving := t.population(20), t.crowd("leaves")
		var seen []string
		var cursor string
		for n := range maxPages {
			page, err := e.EnumerateUsers(t.ctx, cursor, 4)
			t.ok("EnumerateUsers", err)
			seen = append(seen, ids(page.Users)...)
			if cursor = page.Next; cursor == "" {
				break
			}
			t.user(numbered("comes", n))
			if n < len(leaving) {
				t.ok("DeleteUser", t.store.DeleteUser(t.ctx, leaving[n].ID))
			}
			if n < len(page.Users) {
				_, err := t.store.UpdateUser(t.ctx, page.Users[n].ID, adapter.UserUpdate{Name: new("changed"), Email: new(email(numbered("changed", n)))})
				if err != nil {
					t.is("UpdateUser", err, adapter.ErrNotFound)
				}
			}
		}
		t.equal("the cursor at the end", cursor, "")
		for id := range stay {
			if !slices.Contains(seen, id) {
				t.Errorf("EnumerateUsers\n  got:  not a user who was there all the time\n  want: all of them")
			}
		}
	}},
	{ID: "ENU-005", Rule: "A limit or a cursor that cannot be is refused.", Source: "adapter.Enumerator", Run: func(t *T) {
		e := optional[adapter.Enumerator](t, Enumerate)
		t.population(3)
		for _, limit := range []int{0, -1, 1001} {
			_, err := e.EnumerateUsers(t.ctx, "", limit)
			t.invalid("EnumerateUsers", err, "limit")
		}
		for _, cursor := range []string{"\x00", "\xff", strings.Repeat("x", 8<<10+1)} {
			_, err := e.EnumerateUsers(t.ctx, cursor, 1)
			t.invalid("EnumerateUsers", err, "cursor")
		}
	}},
	{ID: "ENU-006", Rule: "An optional interface of an adapter keeps to the rules of all calls: after Close and with an ended context it answers as they do.", Source: "adapter.As", Run: func(t *T) {
		a := t.Open(t.Options())
		ended, cancel := context.WithCancel(t.ctx)
		cancel()
		calls := extensions(a)
		for name, call := range inOrder(calls) {
			err := call(ended)
			t.is(name+" with an ended context", err, ended.Err())
			t.proper(name, err)
		}
		t.ok("Close", a.Close())
		for name, call := range inOrder(calls) {
			err := call(t.ctx)
			t.is(name+" after Close", err, adapter.ErrClosed)
			t.proper(name, err)
		}
	}},
}

// secondEnumerator returns the other adapter.
func (t *T) secondEnumerator() adapter.Enumerator {
	t.Helper()
	e, ok := adapter.As[adapter.Enumerator](t.Second())
	if !ok {
		t.Fatalf("adapter.As\n  got:  nothing\n  want: an Enumerator, as the first adapter has one")
	}
	return e
}

// extensions returns a call of each optional method that an adapter has.
func extensions(a adapter.Adapter) map[string]func(context.Context) error {
	calls := map[string]func(context.Context) error{}
	if p, ok := adapter.As[adapter.Pinger](a); ok {
		calls["Ping"] = p.Ping
	}
	if p, ok := adapter.As[adapter.Purger](a); ok {
		calls["PurgeExpired"] = func(ctx context.Context) error { _, err := p.PurgeExpired(ctx); return err }
	}
	if s, ok := adapter.As[adapter.Schema](a); ok {
		calls["CheckSchema"] = func(ctx context.Context) error { _, err := s.CheckSchema(ctx); return err }
		calls["ApplySchema"] = s.ApplySchema
	}
	if p, ok := adapter.As[adapter.SchemaPrinter](a); ok {
		calls["PrintSchema"] = func(ctx context.Context) error { _, err := p.PrintSchema(ctx); return err }
	}
	if r, ok := adapter.As[adapter.Repairer](a); ok {
		calls["Repair"] = func(ctx context.Context) error { _, err := r.Repair(ctx, true); return err }
	}
	if i, ok := adapter.As[adapter.SessionImporter](a); ok {
		calls["ImportSession"] = func(ctx context.Context) error {
			return i.ImportSession(ctx, adapter.Session{ID: adapter.SessionID("a token"), UserID: a.NewID(), Expires: Start.Add(time.Hour)})
		}
	}
	if e, ok := adapter.As[adapter.Enumerator](a); ok {
		calls["EnumerateUsers"] = func(ctx context.Context) error { _, err := e.EnumerateUsers(ctx, "", 1); return err }
	}
	return calls
}

// maxPages is more than any enumeration of a test has.
const maxPages = 500

// population creates users and returns them by ID.
func (t *T) population(n int) map[string]adapter.User {
	t.Helper()
	all := make([]adapter.User, n)
	t.ok("CreateUser", t.parallel(n, func(i int) (err error) {
		all[i], err = t.store.CreateUser(t.ctx, adapter.User{Email: email(fmt.Sprintf("population-%03d", i)), Name: numbered("user", i)})
		return err
	}))
	byID := map[string]adapter.User{}
	for _, u := range all {
		byID[u.ID] = u
	}
	return byID
}

// enumerates fails the test unless an enumeration returns these users and no other.
func (t *T) enumerates(e adapter.Enumerator, limit int, want map[string]adapter.User) {
	t.Helper()
	var seen []string
	var cursor string
	for range maxPages {
		page, err := e.EnumerateUsers(t.ctx, cursor, limit)
		t.ok("EnumerateUsers", err)
		t.equal("unreadable users", len(page.Unreadable), 0)
		if len(page.Users) > limit {
			t.Errorf("EnumerateUsers\n  got:  %d users\n  want: %d at most", len(page.Users), limit)
		}
		for _, u := range page.Users {
			t.equal("a user of EnumerateUsers", u, want[u.ID])
		}
		seen = append(seen, ids(page.Users)...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	t.equal("the cursor at the end", cursor, "")
	t.seen(seen, want)
}

// seen fails the test unless IDs are those of users. A store may return one twice.
func (t *T) seen(got []string, want map[string]adapter.User) {
	t.Helper()
	slices.Sort(got)
	all := []string{}
	for id := range inOrder(want) {
		all = append(all, id)
	}
	t.equal("the users of EnumerateUsers", append([]string{}, slices.Compact(got)...), all)
}
