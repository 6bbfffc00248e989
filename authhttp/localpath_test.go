package authhttp

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/orders?page=2#top": "/orders?page=2#top", "/a//b": "/a//b", "/%2F%5Cevil.example": "/%2F%5Cevil.example", "/@evil.example": "/@evil.example",
		"": "/", "orders": "/", "?page=2": "/", "#top": "/", "//evil.example": "/", "///evil.example": "/", "https://evil.example/": "/", "https:/evil.example": "/",
		`/\evil.example`: "/", `\/evil.example`: "/", `/a\b`: "/", "/\t/evil.example": "/", "/\n/evil.example": "/", " /": "/", "/ ": "/", "/\x00": "/", "/\u00a0": "/",
		"javascript:alert(1)": "/", "/\x7f": "/", "/caf\u00e9": "/", "/\xff": "/", "/" + strings.Repeat("a", maxPath): "/",
	} {
		if got := LocalPath(path); got != want {
			t.Errorf("LocalPath(%q) is %q, want %q", path, got, want)
		}
	}
}

// Whatever is asked for, nobody leaves the site.
func FuzzLocalPath(f *testing.F) {
	for _, path := range []string{"", "/", "/a?b#c", "//evil.example", `/\evil.example`, "/\t/evil.example", "/..//evil.example", "/%", "https://evil.example"} {
		f.Add(path)
	}
	site := url.URL{Scheme: "https", Host: "site.example", Path: "/signin"}
	f.Fuzz(func(t *testing.T, path string) {
		got := LocalPath(path)
		// Browsers leave out tabs and line ends, and take "\" for "/".
		seen := strings.NewReplacer("\t", "", "\r", "", "\n", "", `\`, "/").Replace(got)
		if seen != got || strings.HasPrefix(seen, "//") || !strings.HasPrefix(seen, "/") {
			t.Fatalf("LocalPath(%q) is %q", path, got)
		}
		if u, err := site.Parse(got); err == nil && (u.Host != site.Host || u.Scheme != site.Scheme || u.User != nil) {
			t.Fatalf("LocalPath(%q) leads to %s", path, u)
		}
	})
}
