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
	_, err = store.CreateSession(t.Context(), adapter.Session{SessionToken: "madeByTheApplication", UserID: u.ID, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	h := api(store, "secret")
	for secret, want := range map[string]string{"secret": "{\"id\":\"7\"}\n", "another": "please sign in\n"} {
		r := httptest.NewRequest("GET", "/me", nil)
		r.Header.Set("Authorization", "Bearer "+authhttp.BetterAuthCookie(secret).Encode("madeByTheApplication"))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if got := rec.Body.String(); got != want {
			t.Errorf("signed with %s: got %q, want %q", secret, got, want)
		}
	}
}
