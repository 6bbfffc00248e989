package redis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis"
)

// What an adapter with plain tokens stored, one with digests lists by digests, and ends by
// them; the reverse too. Neither opens what the other made, so that an ID from a list opens
// nothing.
func TestAListShowsNoTokenWhateverTheOptions(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			client, prefix := top.open(t, top.server(t).URL), newPrefix()
			defer client.Close()
			stores := []world{
				{T: t, Adapter: redis.New(client, redis.Options{Prefix: prefix, Options: adapter.Options{PlainSessionTokens: true}})},
				{T: t, Adapter: redis.New(client, redis.Options{Prefix: prefix})},
			}
			stores[0].must(stores[0].create())
			tokens := [][]string{
				{adapter.NewSessionToken("u", [32]byte{1}), "plain-" + prefix, adapter.SessionID("looks like a digest")},
				{adapter.NewSessionToken("u", [32]byte{2}), "digest-" + prefix, adapter.SessionID("looks like another")},
			}
			var want []string
			for i, w := range stores {
				for _, token := range tokens[i] {
					w.must(w.signIn(token))
					want = append(want, adapter.SessionID(token))
				}
			}
			slices.Sort(want)
			for i, w := range stores {
				list, err := w.ListSessions(t.Context(), "u")
				w.must(err)
				var got []string
				for _, s := range list {
					got = append(got, s.ID)
					w.gone("GetSessionAndUser by an ID", w.open(s.ID))
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("got the IDs %q, want %q", got, want)
				}
				for _, token := range tokens[1-i] {
					w.gone("GetSessionAndUser", w.open(token))
				}
			}
			for i, w := range stores {
				for _, token := range tokens[1-i][:2] {
					w.must(w.DeleteSessionByID(t.Context(), "u", adapter.SessionID(token)))
					w.gone("GetSessionAndUser", stores[1-i].open(token))
				}
			}
			stores[1].must(stores[1].DeleteSessions(t.Context(), "u"))
			for i, w := range stores {
				w.gone("GetSessionAndUser", w.open(tokens[i][2]))
			}
			all, _ := keysOf(t, client, prefix)
			for _, key := range all {
				if strings.Contains(key, ":s:") {
					t.Error("a session is left")
				}
			}
		})
	}
}
