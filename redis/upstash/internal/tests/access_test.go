package upstash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/internal/engine"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis/upstash"
)

// restricted returns the options of a client of a user who has the rights that
// docs/upstash.md lists, and no other.
func restricted(t *testing.T, user string) *goredis.Options {
	admin := newClient(t)
	t.Cleanup(func() {
		check(t, admin.Do(context.Background(), "ACL", "DELUSER", user).Err())
		check(t, admin.Close())
	})
	o, err := goredis.ParseURL(engine.Redis(t).URL)
	check(t, err)
	o.Username, o.Password = user, redistest.Restricted(t, admin, "upstash.md", user, fmt.Sprintf("t%d-*:", os.Getpid()))
	return o
}

// The suite passes with the rights that docs/upstash.md lists.
func TestAccess(t *testing.T) {
	h, o := harness(t), restricted(t, "least")
	h.Namespace = func(context.Context) (conformance.Namespace, error) {
		client, prefix := goredis.NewClient(o), newPrefix()
		return conformance.Namespace{
			Open: func(o adapter.Options) (adapter.Adapter, error) {
				return upstash.New(client, upstash.Options{Options: o, BaseKeyPrefix: prefix})
			},
			PlainTokens: true,
			Close: func() error {
				_ = client.Close()
				return redistest.Remove(newClient(t), prefix)
			},
		}, nil
	}
	redistest.CheckAll(t, h)
}

// An error names the missing right, and no key.
func TestMissingAccess(t *testing.T) {
	admin := newClient(t)
	t.Cleanup(func() { check(t, admin.Close()) })
	for rule, says := range map[string]string{"-get": "command GET", "-evalsha": "command EVALSHA", "-set": "a command that a script uses", "resetkeys": "a key"} {
		t.Run(rule, func(t *testing.T) {
			o := restricted(t, "less")
			check(t, admin.Do(t.Context(), "ACL", "SETUSER", "less", rule).Err())
			client := goredis.NewClient(o)
			t.Cleanup(func() { check(t, client.Close()) })
			store := open(t, client, upstash.Options{BaseKeyPrefix: newPrefix()})
			_, errG := store.GetUser(t.Context(), "u")
			_, errC := store.CreateUser(t.Context(), adapter.User{Email: "ada@example.com"})
			_, errS := store.CreateSession(t.Context(), adapter.Session{UserID: "u", Expires: time.Now().Add(time.Hour)})
			said := false
			for _, err := range []error{errG, errC, errS} {
				if err == nil || errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrInvalid) {
					continue
				}
				said = said || strings.Contains(err.Error(), says)
				if !errors.Is(err, adapter.ErrSetup) || strings.Contains(err.Error(), "@") {
					t.Errorf("got %v, want ErrSetup without a key", err)
				}
			}
			if !said {
				t.Errorf("got %v, %v, %v, want one that says %q", errG, errC, errS, says)
			}
		})
	}
}

// The command that is printed is the one that docs/upstash.md lists, with which TestAccess passes.
func TestPrintedACL(t *testing.T) {
	redistest.CheckPrintedACL(t, "upstash.md", "redis+upstash://127.0.0.1:1")
}
