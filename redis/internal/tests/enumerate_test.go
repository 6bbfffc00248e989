package redis_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/redis"
)

// enumerator returns the adapter.Enumerator of a store.
func enumerator(t testing.TB, a adapter.Adapter) adapter.Enumerator {
	t.Helper()
	e, ok := adapter.As[adapter.Enumerator](a)
	if !ok {
		t.Fatal("the store is not an adapter.Enumerator")
	}
	return e
}

// populate creates users who have no other keys than their own, and returns their IDs in
// order.
func populate(t testing.TB, a adapter.Adapter, n int, id func(i int) string) []string {
	t.Helper()
	ids := make([]string, n)
	var making sync.WaitGroup
	for worker := range 16 {
		making.Go(func() {
			for i := worker; i < n; i += 16 {
				ids[i] = id(i)
				if _, err := a.CreateUser(t.Context(), adapter.User{ID: ids[i]}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	making.Wait()
	slices.Sort(ids)
	return ids
}

// rest returns the IDs of the users from a cursor to the end, in order, and the number of
// pages.
func rest(t testing.TB, e adapter.Enumerator, cursor string, limit int) (ids []string, pages int) {
	t.Helper()
	for {
		page, err := e.EnumerateUsers(t.Context(), cursor, limit)
		check(t, err)
		if pages++; len(page.Users) > limit || len(page.Unreadable) > 0 {
			t.Fatalf("got %d users with a limit of %d, unreadable: %v", len(page.Users), limit, page.Unreadable)
		}
		for _, u := range page.Users {
			ids = append(ids, u.ID)
		}
		if cursor = page.Next; cursor == "" {
			slices.Sort(ids)
			return slices.Compact(ids), pages
		}
	}
}

// Users that exceed a page wait in the cursor. If they are too many for it, or their IDs too
// long, SCAN looks at fewer keys.
func TestMoreUsersThanAPageHolds(t *testing.T) {
	for _, top := range topologies {
		for _, length := range []int{8, 255} {
			t.Run(fmt.Sprintf("%s/%d", top.name, length), func(t *testing.T) {
				store, _, _ := top.newStore(t, redis.Options{})
				want := populate(t, store, 700, func(i int) string { return fmt.Sprintf("%0*d", length, i) })
				for _, limit := range []int{1, 9, 1000} {
					got, pages := rest(t, enumerator(t, store), "", limit)
					if !slices.Equal(got, want) {
						t.Errorf("with a limit of %d got %d users, want %d", limit, len(got), len(want))
					}
					t.Logf("a limit of %d: %d pages", limit, pages)
				}
			})
		}
	}
}

// A prefix is not taken for a pattern, and IDs may have every character.
func TestUsersAreEnumeratedWhateverTheirNames(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		client, base := top.open(t, top.server(t).URL), newPrefix()
		defer client.Close()
		for i, prefix := range []string{base + "*", base + "?x", base + `[a-z]\`, base + "x", base + "x:u", base + ":u:x"} {
			store := open(t, client, redis.Options{Prefix: prefix})
			want := []string{"%", "*", ":", "a:b", "u", "{a}", "}{", "ü", fmt.Sprint("of store ", i)}
			for _, id := range want {
				_, err := store.CreateUser(t.Context(), adapter.User{ID: id, Email: fmt.Sprintf("u%x@example.com", id)})
				check(t, err)
			}
			slices.Sort(want)
			if got, _ := rest(t, enumerator(t, store), "", 4); !slices.Equal(got, want) {
				t.Errorf("%s, store %d: got %q, want %q", top.name, i, got, want)
			}
		}
	}
}

// A page costs one round trip for SCAN and one for its users, and only one if all of its users
// were in the cursor.
func TestPagesCostTwoRoundTrips(t *testing.T) {
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			namespace, err := top.harness(t).Namespace(t.Context())
			check(t, err)
			t.Cleanup(func() { check(t, namespace.Close()) })
			store, err := namespace.Open(adapter.Options{})
			check(t, err)
			populate(t, store, 40, func(i int) string { return fmt.Sprint(i) })
			e := enumerator(t, store)
			_, _ = rest(t, e, "", 100) // the server may have to be sent the script
			for _, limit := range []int{1, 100} {
				for cursor, waiting := "", false; ; {
					before := namespace.RoundTrips()
					page, err := e.EnumerateUsers(t.Context(), cursor, limit)
					check(t, err)
					want := int64(2)
					if len(page.Users) == 0 || waiting {
						want = 1
					}
					if got := namespace.RoundTrips() - before; got != want {
						t.Errorf("a page of %d: got %d round trips, want %d", len(page.Users), got, want)
					}
					if cursor = page.Next; cursor == "" {
						break
					}
					text, err := base64.RawURLEncoding.DecodeString(cursor)
					check(t, err)
					waiting = strings.Contains(string(text), `"f":`)
				}
			}
		})
	}
}

// A user who cannot be read is listed as unreadable, and hides no other.
func TestAUserWhoCannotBeReadIsEnumerated(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			store, client, prefix := top.newStore(t, redis.Options{})
			populate(t, store, 3, func(i int) string { return fmt.Sprint("u", i) })
			check(t, client.Set(t.Context(), prefix+":u:{u1}", "generation.\xc1", 0).Err())
			check(t, client.Set(t.Context(), prefix+":u:{u3}", "", 0).Err())
			check(t, client.SAdd(t.Context(), prefix+":u:{u4}", "another program's").Err())
			var ids, unreadable []string
			for cursor := ""; ; {
				page, err := enumerator(t, store).EnumerateUsers(t.Context(), cursor, 10)
				check(t, err)
				for _, u := range page.Users {
					ids = append(ids, u.ID)
				}
				for _, err := range page.Unreadable {
					var record *adapter.RecordError
					if !errors.As(err, &record) {
						t.Fatalf("got %v, want an *adapter.RecordError", err)
					}
					unreadable = append(unreadable, record.UserID)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			slices.Sort(ids)
			slices.Sort(unreadable)
			if !slices.Equal(ids, []string{"u0", "u2"}) || !slices.Equal(unreadable, []string{"u1", "u3"}) {
				t.Errorf("got %q, and %q unreadable", ids, unreadable)
			}
		})
	}
}

// refuses fails the test unless a cursor is refused, with what to do.
func refuses(t *testing.T, what string, e adapter.Enumerator, cursor string) {
	t.Helper()
	_, err := e.EnumerateUsers(t.Context(), cursor, 10)
	var invalid *adapter.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != "cursor" || !strings.Contains(invalid.Reason, "begin again") {
		t.Errorf("%s: got %v, want that the cursor is refused", what, err)
	}
}

// halfWay returns a cursor of an enumeration that is in the middle of a server.
func halfWay(t *testing.T, e adapter.Enumerator, limit int) string {
	t.Helper()
	page, err := e.EnumerateUsers(t.Context(), "", limit)
	check(t, err)
	if page.Next == "" {
		t.Fatal("the enumeration is over at once")
	}
	return page.Next
}

func TestACursorOfAnotherStoreIsRefused(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		store, client, _ := top.newStore(t, redis.Options{})
		populate(t, store, 10, func(i int) string { return fmt.Sprint(i) })
		cursor := halfWay(t, enumerator(t, store), 1)
		refuses(t, "another prefix", enumerator(t, open(t, client, redis.Options{Prefix: newPrefix()})), cursor)
		for _, text := range []string{"x", "0", cursor[1:], cursor[:len(cursor)/2], cursor + "AAAA", "e30", "bnVsbA", "W10"} {
			refuses(t, text, enumerator(t, store), text)
		}
		text, err := base64.RawURLEncoding.DecodeString(cursor)
		check(t, err)
		for _, slot := range []string{"-1", "16385", "1e99", `"x"`} {
			forged := regexp.MustCompile(`"c":\d+`).ReplaceAllString(string(text), `"c":`+slot)
			refuses(t, forged, enumerator(t, store), base64.RawURLEncoding.EncodeToString([]byte(forged)))
		}
	}
	prefix, url := newPrefix(), single.server(t).URL
	var stores [2]adapter.Adapter
	for i := range stores {
		client := single.open(t, fmt.Sprintf("%s/%d", strings.TrimSuffix(url, "/"), i))
		defer client.Close()
		stores[i] = open(t, client, redis.Options{Prefix: prefix})
	}
	populate(t, stores[1], 10, func(i int) string { return fmt.Sprint(i) })
	refuses(t, "another database", enumerator(t, stores[0]), halfWay(t, enumerator(t, stores[1]), 1))
}

// A restarted server has another order: a cursor from before is refused.
func TestACursorEndsWithItsServer(t *testing.T) {
	server := engine.RedisDurable(t)
	client := openSingle(t, server.URL)
	defer client.Close()
	store := open(t, client, redis.Options{Prefix: newPrefix()})
	want := populate(t, store, 3000, func(i int) string { return fmt.Sprint(i) })
	e := enumerator(t, store)
	cursor := halfWay(t, e, 1000)
	_, _ = rest(t, e, cursor, 1000) // it is good before
	check(t, kill(t, server))
	for begun := time.Now(); client.Ping(t.Context()).Err() != nil; {
		if time.Since(begun) > 30*time.Second {
			t.Fatal("the server does not come back")
		}
	}
	refuses(t, "after a restart", e, cursor)
	if got, _ := rest(t, e, "", 1000); !slices.Equal(got, want) {
		t.Errorf("begun again: got %d users, want %d", len(got), len(want))
	}
}

// kill kills a server, which starts again with what it has stored.
func kill(t *testing.T, server engine.Server) error {
	t.Helper()
	_, err := server.Exec(t, "sh", "-c", `for p in /proc/[0-9]*; do if tr '\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^redis-server'; then kill -9 ${p#/proc/}; fi; done`)
	return err
}

// A server that has no run ID cannot recognize a cursor from before a restart.
func TestAServerWithoutARunID(t *testing.T) {
	store, err := adapter.Open(t.Context(), "redis://"+answering(t, "*4\r\n$0\r\n\r\n$0\r\n\r\n$1\r\n0\r\n*0"))
	check(t, err)
	defer store.Close()
	_, err = enumerator(t, store).EnumerateUsers(t.Context(), "", 10)
	if !errors.Is(err, adapter.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
}

// While a slot moves, its users are on two servers, and after that on another one, which may
// have been scanned before: neither goes unnoticed.
func TestSlotsThatMoveEndAnEnumeration(t *testing.T) {
	for _, slot := range []int{0, 16001} { // the one by which the first server is found, and one of the last
		t.Run(fmt.Sprint(slot), func(t *testing.T) {
			store, _, prefix := cluster.newStore(t, redis.Options{})
			client := cluster.open(t, cluster.server(t).URL) // so that the store's client learns nothing
			defer client.Close()
			e, ids := enumerator(t, store), inSlot(slot, 20)
			want := populate(t, store, len(ids), func(i int) string { return ids[i] })
			before := []string{halfWay(t, e, 1000)} // a cursor for each page
			for last := before[0]; last != ""; {
				before = append(before, last)
				page, err := e.EnumerateUsers(t.Context(), last, 1000)
				check(t, err)
				last = page.Next
			}

			m := begin(t, client, slot)
			for _, id := range ids[:10] {
				m.keys(prefix + ":u:{" + id + "}")
			}
			unavailable := 0
			for _, cursor := range append(before, "") {
				_, err := e.EnumerateUsers(t.Context(), cursor, 1000)
				if errors.Is(err, adapter.ErrUnavailable) {
					unavailable++
				} else if err != nil {
					t.Errorf("while the slot moves: got %v, want ErrUnavailable", err)
				}
			}
			if unavailable == 0 {
				t.Error("while the slot moves each page was answered")
			}

			m.end()
			for _, cursor := range before {
				refuses(t, "after the slot has moved", e, cursor)
			}
			if got, _ := rest(t, e, "", 1000); !slices.Equal(got, want) {
				t.Errorf("begun again: got %d users, want %d", len(got), len(want))
			}
		})
	}
}
