package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authstore/authstore/memory"
)

func TestSite(t *testing.T) {
	server := httptest.NewServer(site(memory.New(memory.Options{})))
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	sees := func(want string) func(*http.Response, error) {
		return func(res *http.Response, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/html") {
				t.Errorf("the page is %s", got)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || !strings.Contains(string(body), want) {
				t.Errorf("got %q, %v, want %q", body, err, want)
			}
		}
	}
	sees("Sign in")(browser.Get(server.URL))
	sees("Hello Guest")(browser.Post(server.URL+"/signin", "", nil))
	sees("Hello Guest")(browser.Get(server.URL))
	sees("Sign in")(browser.Post(server.URL+"/signout", "", nil))
}
