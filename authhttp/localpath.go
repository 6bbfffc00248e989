package authhttp

import "strings"

// maxPath is how long a path may be that a request asks to go back to, in bytes.
const maxPath = 2048

// LocalPath returns a path, with a query and a fragment if it has them, that a request asks to
// be sent to, such as "/orders?page=2"; and "/" for whatever is not a path of this site as every
// browser understands it: another site, with a scheme or without ("//site", "/\site"), white
// space, control characters and what is not ASCII, which a URL has percent-encoded, and more than
// 2048 bytes.
func LocalPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || len(path) > maxPath || strings.ContainsFunc(path, isOdd) {
		return "/"
	}
	return path
}

// isOdd reports whether a browser may read a character of a path as another one, or as none.
func isOdd(c rune) bool { return c <= ' ' || c == '\\' || c > '~' }
