package redistest

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// accessRule finds the least rights of a user in a package comment.
var accessRule = regexp.MustCompile(`(?m)^//\tACL SETUSER authstore on >password (.*(?:\n//\t  .*)*)`)

// Restricted gives a user of a server the rights that the package comment of the layout
// whose internal/tests runs lists, on keys with a prefix before the ones that it has there,
// and returns its password.
func Restricted(t testing.TB, client goredis.UniversalClient, user, prefix string) (password string) {
	t.Helper()
	doc, err := os.ReadFile("../../doc.go")
	if err != nil {
		t.Fatal(err)
	}
	m := accessRule.FindSubmatch(doc)
	if m == nil {
		t.Fatal("doc.go has no line ACL SETUSER")
	}
	password = "password-of-" + user
	args := []any{"ACL", "SETUSER", user, "on", ">" + password}
	for _, rule := range strings.Fields(strings.ReplaceAll(string(m[1]), "//", "")) {
		if pattern, keys := strings.CutPrefix(rule, "~"); keys {
			rule = "~" + prefix + pattern
		}
		args = append(args, rule)
	}
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
