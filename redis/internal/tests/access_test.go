package redis_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/internal/redistest"
	"github.com/authstore/authstore/redis"
)

// as returns a client of a user.
func as(t *testing.T, admin goredis.UniversalClient, user, password string) goredis.UniversalClient {
	switch c := admin.(type) {
	case *goredis.ClusterClient:
		return goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: c.Options().Addrs, Username: user, Password: password})
	case *goredis.Client:
		return goredis.NewClient(&goredis.Options{Addr: c.Options().Addr, Username: user, Password: password})
	}
	t.Fatalf("got a client of type %T", admin)
	return nil
}

// The suite passes with the rights that docs/redis.md lists.
func TestAccess(t *testing.T) {
	for _, top := range []topology{single, cluster} {
		t.Run(top.name, func(t *testing.T) {
			admin := top.open(t, top.server(t).URL)
			t.Cleanup(func() { check(t, admin.Close()) })
			password := redistest.Restricted(t, admin, "redis.md", "least", fmt.Sprintf("t%d-*", os.Getpid()))
			h := top.harness(t)
			h.Namespace = func(context.Context) (conformance.Namespace, error) {
				client, prefix := as(t, admin, "least", password), newPrefix()+"authstore"
				return conformance.Namespace{
					Open: func(o adapter.Options) (adapter.Adapter, error) {
						return redis.New(client, redis.Options{Options: o, Prefix: prefix})
					},
					Close: client.Close,
				}, nil
			}
			redistest.CheckAll(t, h)
		})
	}
}

// The command that is printed is the one that docs/redis.md lists, with which TestAccess passes.
func TestPrintedACL(t *testing.T) {
	redistest.CheckPrintedACL(t, "redis.md", "redis://127.0.0.1:1")
}
