package dynamodb_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// enumerate returns how often each user was returned, the cursors, and how many requests each
// page took.
func (s shared) enumerate(limit int) (seen map[string]int, cursors []string, calls []int) {
	s.t.Helper()
	m := &meanwhile{}
	e, ok := adapter.As[adapter.Enumerator](s.through(m))
	if !ok {
		s.t.Fatal("no adapter.Enumerator")
	}
	seen = map[string]int{}
	for cursor := ""; ; cursors = append(cursors, cursor) {
		page, err := e.EnumerateUsers(s.t.Context(), cursor, limit)
		check(s.t, err)
		calls, m.scans = append(calls, m.scans), 0
		if len(page.Users) > limit {
			s.t.Errorf("got a page of %d users, want %d at most", len(page.Users), limit)
		}
		for _, u := range page.Users {
			seen[u.ID]++
		}
		if cursor = page.Next; cursor == "" {
			return seen, cursors, calls
		}
	}
}

// Each user is returned once, also those of the Auth.js adapter, whatever else is in the table.
// A cursor holds nothing but a user's ID.
func TestUsersAreEnumeratedOnce(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	want := map[string]int{"their user": 1, "ghost": 1, "#": 1}
	s.put(theirUser("their user", "theirs@example.com"))
	s.put(theirGhost("ghost"))
	check(t, errOf(s.CreateUser(ctx, adapter.User{ID: "#"})))
	for i := range 10 {
		u, err := s.CreateUser(ctx, adapter.User{Email: fmt.Sprintf("u%d@example.com", i)})
		check(t, err)
		want[u.ID] = 1
		for _, token := range []string{"", fmt.Sprint("secret-", i)} {
			check(t, errOf(s.CreateSession(ctx, adapter.Session{UserID: u.ID, SessionToken: token, Expires: time.Now().Add(time.Hour)})))
		}
		check(t, errOf(s.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: u.Email, Token: "t", Expires: time.Now().Add(time.Hour)})))
	}
	for _, other := range []item{
		{"pk": "USER#", "sk": "USER#"}, {"pk": "USER#nobody", "sk": "USER#somebody"}, {"pk": "ORG#1", "sk": "ORG#1"}, {"pk": "USERS", "sk": "USERS"},
	} {
		s.put(other)
	}
	for _, limit := range []int{1, 2, 5, 1000} {
		seen, cursors, _ := s.enumerate(limit)
		if !maps.Equal(seen, want) {
			t.Errorf("pages of %d: got %v, want each user once: %v", limit, seen, want)
		}
		for _, cursor := range cursors {
			text, err := base64.RawURLEncoding.DecodeString(cursor)
			check(t, err)
			if id := strings.TrimPrefix(string(text), "USER#"); want[id] == 0 {
				t.Errorf("got the cursor %q, want a user's ID in it", text)
			}
		}
	}
}

// Pages without a user, and all that belongs to one user, take few requests.
func TestAPageGoesPastWhatIsNoUser(t *testing.T) {
	s := newShared(t)
	for i := range 200 {
		s.put(theirSession("u", fmt.Sprint("token-", i), 4102444800))
		s.put(item{"pk": fmt.Sprint("ORG#", i), "sk": "x"})
	}
	s.put(theirNobody("u"))
	seen, _, calls := s.enumerate(1)
	if !maps.Equal(seen, map[string]int{"u": 1}) {
		t.Errorf("got %v, want the one user", seen)
	}
	// 1 + 2 + 4 + … items, before the user and after it.
	if most := slices.Max(calls); len(calls) > 2 || most > 12 {
		t.Errorf("got %v calls a page, want 12 at most", calls)
	}
}

// A cursor works after its user is gone.
func TestACursorOutlivesItsUser(t *testing.T) {
	s, ctx := newShared(t), t.Context()
	for i := range 5 {
		s.put(theirNobody(fmt.Sprint(i)))
	}
	e, _ := adapter.As[adapter.Enumerator](s.Adapter)
	rest := 5
	for cursor := ""; ; {
		page, err := e.EnumerateUsers(ctx, cursor, 1)
		check(t, err)
		for _, u := range page.Users {
			rest--
			s.remove("USER#"+u.ID, "USER#"+u.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if rest != 0 {
		t.Errorf("got %d users too few", rest)
	}
}

func TestCursorsOfAnotherStoreAreRefused(t *testing.T) {
	e, _ := adapter.As[adapter.Enumerator](open(t, newClient(t), dynamodb.Options{}))
	encode := base64.RawURLEncoding.EncodeToString
	for _, cursor := range []string{
		"0", "u", "VVNFUiN1=", encode([]byte("u")), encode([]byte("USER#")), encode([]byte("EMAIL#" + ada)), encode([]byte("USER#\xff")),
		encode([]byte("USER#" + strings.Repeat("u", 2048))),
	} {
		_, err := e.EnumerateUsers(t.Context(), cursor, 1)
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), "cursor") {
			t.Errorf("%s: got %v, want ErrInvalid", cursor, err)
		}
	}
}
