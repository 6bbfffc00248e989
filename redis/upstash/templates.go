package upstash

import (
	"context"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// commands are what a user of the server must be allowed.
var commands = []string{"ping select eval evalsha get mget set del exists scan info"}

// PrintSchema implements adapter.SchemaPrinter: Redis needs no set-up, but a server with access
// control a user.
func (s *store) PrintSchema(context.Context) ([]adapter.SchemaText, error) {
	return client.ACL(s.layout.shortest(), commands), nil
}

// shortest returns the prefixes of keys, without those that begin with another one.
func (l layout) shortest() []string {
	all := slices.Sorted(slices.Values(l.prefix[:]))
	return slices.DeleteFunc(all, func(prefix string) bool {
		return slices.ContainsFunc(l.prefix[:], func(other string) bool { return other != prefix && strings.HasPrefix(prefix, other) })
	})
}
