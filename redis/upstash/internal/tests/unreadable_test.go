package upstash_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// A session whose expiry cannot be read is an error that names it, and disturbs nothing else.
func TestAnExpiryThatCannotBeRead(t *testing.T) {
	for _, expires := range []string{`"soon"`, `{}`, `true`, `null`, `[1]`, `1e999`, `""`} {
		t.Run(expires, func(t *testing.T) {
			store, client, prefix := newStore(t)
			hash := adapter.HashVerificationToken("t", "")
			odd := keys{
				"user:a": jsUser("a", mail), "user:email:" + mail: "a", "user:session:good": jsSession("good", "a"),
				"user:session:secret":    `{"sessionToken":"secret","userId":"a","expires":` + expires + `}`,
				"user:token:ada:" + hash: `{"identifier":"ada","token":"` + hash + `","expires":` + expires + `}`,
			}
			odd.put(t, client, prefix)
			_, _, err := store.GetSessionAndUser(t.Context(), "secret")
			var unreadable *adapter.RecordError
			if !errors.As(err, &unreadable) || unreadable.UserID != "a" || unreadable.Field != "expires" || !strings.Contains(unreadable.Place, adapter.SessionID("secret")) {
				t.Errorf("GetSessionAndUser: got %v, want an error that names the session", err)
			}
			soon := time.Now().Add(time.Hour)
			for range 2 {
				_, errS := store.UpdateSession(t.Context(), "secret", adapter.SessionUpdate{Expires: &soon})
				_, errT := store.UseVerificationToken(t.Context(), "ada", hash)
				if !errors.Is(errS, adapter.ErrUnreadable) || !errors.Is(errT, adapter.ErrUnreadable) {
					t.Errorf("got %v and %v, want ErrUnreadable", errS, errT)
				}
				if text := fmt.Sprint(err, errS, errT); strings.Contains(text, "secret") || strings.Contains(text, hash) || strings.Contains(text, "soon") {
					t.Errorf("got %s, which holds a token or a value", text)
				}
			}
			p, _ := adapter.As[adapter.Purger](store)
			if n, err := p.PurgeExpired(t.Context()); n != 0 || err != nil {
				t.Errorf("PurgeExpired: got %d, %v, want nothing", n, err)
			}
			all, err := store.ListSessions(t.Context(), "a")
			check(t, err)
			if len(all) != 1 || all[0].ID != adapter.SessionID("good") {
				t.Errorf("got the sessions %v, want the good one", all)
			}
			if found := repair(t, store, false); len(found) != 2 || found[0].Action+found[1].Action != "" {
				t.Errorf("Repair: got %v, want both left to a person", found)
			}
			odd.are(t, client, prefix)
			check(t, store.DeleteVerificationTokens(t.Context(), "ada"))
			check(t, store.DeleteSessionByID(t.Context(), "a", adapter.SessionID("secret")))
			keys{"user:session:secret": "", "user:token:ada:" + hash: "", "user:session:good": jsSession("good", "a")}.are(t, client, prefix)
			odd.put(t, client, prefix)
			check(t, store.DeleteSession(t.Context(), "secret"))
			keys{"user:session:secret": ""}.are(t, client, prefix)
			odd.put(t, client, prefix)
			check(t, store.DeleteSessions(t.Context(), "a"))
			keys{"user:session:secret": "", "user:session:good": ""}.are(t, client, prefix)
		})
	}
}

// A signature counter out of range is unreadable, not another number.
func TestCountersOutOfRange(t *testing.T) {
	store, client, prefix := newStore(t)
	for _, counter := range []string{"-1", "4294967296", `"many"`} {
		keys{"authenticator:c": `{"credentialID":"c","userId":"12","credentialPublicKey":"k","counter":` + counter + `}`, "user:12": jsUser("12", "")}.put(t, client, prefix)
		if _, err := store.GetAuthenticator(t.Context(), "c"); !errors.Is(err, adapter.ErrUnreadable) {
			t.Errorf("%s: got %v, want ErrUnreadable", counter, err)
		}
	}
}
