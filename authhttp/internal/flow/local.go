package flow

import (
	"net/url"
	"strings"
)

const maxPath = 2048

// LocalPath returns a path of this site, with its query, as a request gave it, and "/" for
// everything else: another site, another scheme, and what only some browsers take for
// one ("//host", "/\host", "/<tab>/host").
func LocalPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > maxPath || strings.ContainsFunc(path, notInPath) {
		return "/"
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return path
}

// notInPath reports whether a character has to be escaped in a path, or is read as a slash
// by browsers.
func notInPath(c rune) bool { return c <= ' ' || c >= 0x7f || c == '\\' }
