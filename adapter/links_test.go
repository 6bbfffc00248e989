package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/memory"
)

func TestALinkIsUsedOnce(t *testing.T) {
	store := memory.NewStore()
	a := memory.New(memory.Options{Store: store})
	links := adapter.Links{Store: a, Secret: "secret"}
	expires := time.Now().Add(time.Hour)
	token, err := links.NewLink(t.Context(), "ada@example.com", expires)
	if err != nil || !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(token) {
		t.Fatalf("got %q, %v, want 43 characters that may stand in a URL", token, err)
	}
	other, err := links.NewLink(t.Context(), "ada@example.com", expires)
	if err != nil || other == token {
		t.Fatalf("got %q, %v, want another token", other, err)
	}
	hash := adapter.HashVerificationToken(token, "secret")
	for _, r := range store.Records() {
		if v := r.(adapter.VerificationToken); v.Token == token || v.Token == other {
			t.Error("the store has a token")
		}
	}
	for name, wrong := range map[string]func() (adapter.VerificationToken, error){
		"the hash": func() (adapter.VerificationToken, error) { return links.UseLink(t.Context(), "ada@example.com", hash) },
		"another secret": func() (adapter.VerificationToken, error) {
			return adapter.Links{Store: a}.UseLink(t.Context(), "ada@example.com", token)
		},
		"somebody else": func() (adapter.VerificationToken, error) {
			return links.UseLink(t.Context(), "grace@example.com", token)
		},
		"no token": func() (adapter.VerificationToken, error) { return links.UseLink(t.Context(), "ada@example.com", "") },
		"the bare adapter": func() (adapter.VerificationToken, error) {
			return a.UseVerificationToken(t.Context(), "ada@example.com", token)
		},
	} {
		if _, err := wrong(); !errors.Is(err, adapter.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	v, err := links.UseLink(t.Context(), "ada@example.com", token)
	if err != nil || v.Token != hash || v.Identifier != "ada@example.com" || !v.Expires.Equal(adapter.Milliseconds(expires)) {
		t.Errorf("got %+v, %v", v, err)
	}
	if _, err := links.UseLink(t.Context(), "ada@example.com", token); !errors.Is(err, adapter.ErrNotFound) {
		t.Errorf("used again: got %v, want ErrNotFound", err)
	}
}

func TestALinkThatWasNotStoredIsNoLink(t *testing.T) {
	links := adapter.Links{Store: memory.New(memory.Options{}), Secret: "secret"}
	if token, err := links.NewLink(t.Context(), "ada@example.com", time.Time{}); !errors.Is(err, adapter.ErrInvalid) || token != "" {
		t.Errorf("got %q, %v, want no token and ErrInvalid", token, err)
	}
}

func ExampleLinks() {
	ctx := context.Background()
	links := adapter.Links{Store: memory.New(memory.Options{}), Secret: "the application's own secret"}
	token, err := links.NewLink(ctx, "ada@example.com", time.Now().Add(15*time.Minute))
	fmt.Println(len(token), err) // it goes into the mail, and nowhere else

	v, err := links.UseLink(ctx, "ada@example.com", token)
	fmt.Println(v.Identifier, err)
	_, err = links.UseLink(ctx, "ada@example.com", token)
	fmt.Println(errors.Is(err, adapter.ErrNotFound))
	// Output:
	// 43 <nil>
	// ada@example.com <nil>
	// true
}
