package client

import (
	"strings"

	"github.com/authstore/authstore/adapter"
)

// globs escapes what has a meaning in a pattern of keys.
var globs = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)

// ACL returns the command that makes a user who may do no more than an adapter does: on keys
// with these prefixes, by these commands, of which each text is a line.
func ACL(prefixes, commands []string) []adapter.SchemaText {
	var b strings.Builder
	b.WriteString("ACL SETUSER authstore on >password")
	for _, prefix := range prefixes {
		b.WriteString(" ~" + globs.Replace(prefix) + "*")
	}
	for _, line := range commands {
		b.WriteString("\n  +" + strings.ReplaceAll(line, " ", " +"))
	}
	return []adapter.SchemaText{{
		Name: "acl", Use: "the user of the application, for redis-cli as one line or for an ACL file; replace the password", Text: b.String() + "\n",
	}}
}
