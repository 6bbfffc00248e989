package main

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/authhttp"
	"github.com/authstore/authstore/memory"
)

func TestAPI(t *testing.T) {
	store := memory.New(memory.Options{})
	defer store.Close()
	u, err := store.CreateUser(t.Context(), adapter.User{ID: "7"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.CreateSession(t.Context(), adapter.Session{SessionToken: "made-by-the-application", UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	h := api((&authhttp.Sessions{Store: store, Cookie: authhttp.AuthJSCookie()}).Require)
	for cookie, want := range map[string]string{"made-by-the-application": "{\"id\":\"7\"}\n", "forged": "please sign in\n"} {
		r := httptest.NewRequest("GET", "/me", nil)
		r.Header.Set("Cookie", "__Secure-authjs.session-token="+cookie)
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if got := rec.Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", cookie, got, want)
		}
	}
}
