package redistest

import (
	"context"
	"regexp"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
)

// accessRule finds the least rights of a user in a page of docs.
var accessRule = regexp.MustCompile(`(?m)^ACL SETUSER authstore on >password (.*(?:\n  .*)*)`)

// Restricted gives a user of a server the rights that a page of docs lists, on keys with a
// prefix before the ones that it has there, and returns its password.
func Restricted(t testing.TB, client goredis.UniversalClient, page, user, prefix string) (password string) {
	t.Helper()
	m := accessRule.FindStringSubmatch(measure.Page(t, page))
	if m == nil {
		t.Fatalf("docs/%s has no line ACL SETUSER", page)
	}
	password = "password-of-" + user
	args := []any{"ACL", "SETUSER", user, "on", ">" + password}
	for _, rule := range strings.Fields(m[1]) {
		if pattern, keys := strings.CutPrefix(rule, "~"); keys {
			rule = "~" + prefix + pattern
		}
		args = append(args, rule)
	}
	var err error
	server := func(ctx context.Context, c *goredis.Client) error { return c.Do(ctx, args...).Err() }
	if c, ok := client.(*goredis.ClusterClient); ok {
		err = c.ForEachShard(t.Context(), server)
	} else {
		err = server(t.Context(), client.(*goredis.Client))
	}
	if err != nil {
		t.Fatal(err)
	}
	return password
}

// CheckPrintedACL checks that a store prints the command that a page of docs has. It needs no
// server.
func CheckPrintedACL(t *testing.T, page, storeURL string) {
	t.Helper()
	store, err := adapter.Open(t.Context(), storeURL)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	printer, ok := adapter.As[adapter.SchemaPrinter](store)
	if !ok {
		t.Fatal("the store prints no schema")
	}
	texts, err := printer.PrintSchema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != 1 || texts[0].Text != accessRule.FindString(measure.Page(t, page))+"\n" {
		t.Errorf("got %q, want the command in docs/%s", texts, page)
	}
}
