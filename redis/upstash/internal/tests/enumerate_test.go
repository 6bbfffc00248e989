package upstash_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/redis/upstash"
)

func enumerator(t *testing.T, store adapter.Adapter) adapter.Enumerator {
	t.Helper()
	e, ok := adapter.As[adapter.Enumerator](store)
	if !ok {
		t.Fatal("the store has no Enumerator")
	}
	return e
}

// Users who exist all the time are enumerated while the server's table of keys grows and
// shrinks, in pages within their limit.
func TestEnumerationWhileTheTableChanges(t *testing.T) {
	for _, limit := range []int{1, 3, 100, 1000} {
		store, client, prefix := newStore(t)
		e, all := enumerator(t, store), keys{}
		var want []string
		for i := range 2 * max(limit, 40) {
			id := fmt.Sprintf("u%04d", i)
			all["user:"+id] = jsUser(id, "")
			want = append(want, id)
		}
		all.put(t, client, prefix)
		others := keys{}
		for i := range 20_000 {
			others[fmt.Sprint("user:session:other-", i)] = "x"
		}
		gone := keys{}
		for key := range others {
			gone[key] = ""
		}
		var got []string
		cursor, pages := "", 0
		for ; pages == 0 || cursor != ""; pages++ {
			page, err := e.EnumerateUsers(t.Context(), cursor, limit)
			check(t, err)
			if len(page.Users) > limit {
				t.Fatalf("got a page of %d users, want %d at most", len(page.Users), limit)
			}
			for _, u := range page.Users {
				got = append(got, u.ID)
			}
			cursor = page.Next
			switch pages {
			case 0:
				others.put(t, client, prefix)
			case 1:
				gone.put(t, client, prefix)
			}
		}
		if pages < 2 {
			t.Errorf("limit %d: got %d pages, want several", limit, pages)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
			t.Errorf("limit %d: users (-want +got)\n%s", limit, diff)
		}
	}
}

// A cursor is never too long, however long the IDs in it.
func TestCursorsOfLongIDs(t *testing.T) {
	store, client, prefix := newStore(t)
	e, all := enumerator(t, store), keys{}
	const n = 200
	for i := range n {
		id := fmt.Sprintf("%0255d", i)
		all["user:"+id] = jsUser(id, "")
	}
	all.put(t, client, prefix)
	seen := map[string]bool{}
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := e.EnumerateUsers(t.Context(), cursor, 1) // which refuses a longer one
		check(t, err)
		for _, u := range page.Users {
			seen[u.ID] = true
		}
		cursor = page.Next
	}
	if len(seen) != n {
		t.Errorf("got %d users, want %d", len(seen), n)
	}
}

// Only users are enumerated. A value at the key of a user that cannot be read is named.
func TestEnumerationAmongOthers(t *testing.T) {
	store, client, prefix := newStore(t)
	others.with(whole("a")).with(broken("b")).with(keys{
		"user:b": jsUser("b", ""), "user:odd": `{"id":[],"name":"x"}`, "user:other-key": jsUser("another", ""), "user:line\nbreak": jsUser("line\nbreak", ""),
		"user:" + strings.Repeat("l", 256): jsUser(strings.Repeat("l", 256), ""), "authstore:removed:r": jsUser("r", ""), "user:ada@x": "secret",
	}).put(t, client, prefix)
	check(t, client.HSet(t.Context(), prefix+"user:hash", "id", "hash").Err())
	page, err := enumerator(t, store).EnumerateUsers(t.Context(), "", 1000)
	check(t, err)
	var got []string
	for _, u := range page.Users {
		got = append(got, u.ID)
	}
	slices.Sort(got)
	want := []string{"a", "b", "c", "d", "ghost-b", "lists-b", "twin-b", "upper-b"}
	if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
		t.Errorf("users (-want +got)\n%s", diff)
	}
	var unreadable []string
	for _, err := range page.Unreadable {
		var r *adapter.RecordError
		if !errors.As(err, &r) || strings.Contains(err.Error(), "secret") || strings.Contains(r.Place, "@") {
			t.Errorf("got %v, want a RecordError without a value, or an address in its place", err)
			continue
		}
		unreadable = append(unreadable, r.UserID)
	}
	slices.Sort(unreadable)
	if diff := cmp.Diff([]string{"ada@x", "counter", "odd"}, slices.Compact(unreadable)); diff != "" {
		t.Errorf("unreadable (-want +got)\n%s", diff)
	}
}

// A cursor of another store, or of a server with another order of keys, is refused, and so is
// what is not a cursor.
func TestCursorsThatAreRefused(t *testing.T) {
	store, client, prefix := newStore(t)
	for range 3 {
		_, err := store.CreateUser(t.Context(), adapter.User{})
		check(t, err)
	}
	page, err := enumerator(t, store).EnumerateUsers(t.Context(), "", 1)
	check(t, err)
	text := func(parts ...string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "\x00")))
	}
	b, err := base64.RawURLEncoding.DecodeString(page.Next)
	check(t, err)
	parts := strings.Split(string(b), "\x00")
	refused := func(name string, store adapter.Adapter, cursor string, restart bool) {
		t.Helper()
		_, err := enumerator(t, store).EnumerateUsers(t.Context(), cursor, 1)
		if !errors.Is(err, adapter.ErrInvalid) || strings.Contains(err.Error(), "begin again") != restart {
			t.Errorf("%s: got %v, want ErrInvalid, and to begin again: %v", name, err, restart)
		}
	}
	for name, cursor := range map[string]string{
		"text": "x", "no parts": text("x"), "no cursor of SCAN": text(parts[0], parts[1], "x"), "nothing left": text(parts[0], parts[1], "0"),
	} {
		refused(name, store, cursor, false)
	}
	refused("another prefix", open(t, client, upstash.Options{BaseKeyPrefix: prefix + "x"}), page.Next, false)
	database := func(url string, n int) adapter.Adapter {
		o, err := goredis.ParseURL(url)
		check(t, err)
		o.DB = n
		c := goredis.NewClient(o)
		t.Cleanup(func() { check(t, c.Close()) })
		return open(t, c, upstash.Options{BaseKeyPrefix: prefix})
	}
	refused("another database", database(engine.Redis(t).URL, client.Options().DB+1), page.Next, false)
	refused("another server", database(engine.RedisDurable(t).URL, client.Options().DB), page.Next, true)
}
