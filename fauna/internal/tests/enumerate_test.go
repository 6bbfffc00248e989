package fauna_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/fauna"
)

// Users are enumerated in the order of their IDs as numbers, from the lowest possible to the
// highest, and a cursor outlives the user that it names.
func TestEnumerationByID(t *testing.T) {
	s := newFixture(t, "enumerate", fauna.Options{})
	ctx := t.Context()
	ids := []string{"0", "9", "10", "100", "999999999999999999", "1000000000000000000", "9223372036854775807"}
	for _, id := range []string{"100", "9223372036854775807", "9", "1000000000000000000", "0", "999999999999999999", "10"} {
		_, err := s.CreateUser(ctx, adapter.User{ID: id})
		check(t, err)
	}
	page := func(cursor string, n int) ([]string, string) {
		p, err := users(t, s.Adapter).EnumerateUsers(ctx, cursor, n)
		check(t, err)
		found := []string{}
		for _, u := range p.Users {
			found = append(found, u.ID)
		}
		return found, p.Next
	}
	all, next := page("", len(ids))
	same(t, "all users", all, ids)
	same(t, "the cursor after all", next, "")
	first, next := page("", 3)
	same(t, "the first page", first, ids[:3])
	check(t, s.DeleteUser(ctx, "100"))
	rest, next := page(next, 3)
	same(t, "the next page, whose first user is gone", rest, ids[4:])
	same(t, "the cursor at the end", next, "")
	last, _ := page("9223372036854775807", 3)
	same(t, "the page of the highest ID", last, ids[6:])
	check(t, s.DeleteUser(ctx, "9223372036854775807"))
	none, next := page("9223372036854775807", 3)
	same(t, "the page of the highest ID without its user", none, []string{})
	same(t, "its cursor", next, "")
}

// If an answer is too large for the server the page has fewer users, and the next page continues
// after them.
func TestEnumerationShrinks(t *testing.T) {
	var sizes []string
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(req.Body)
		_, n, _ := strings.Cut(string(body), `.take(",{"value":{"@int":"`)
		n, _, _ = strings.Cut(n, `"`)
		sizes = append(sizes, n)
		if len(n) > 2 {
			return answered(req, 400, failing("invalid_request")), nil
		}
		documents := make([]string, 32)
		for i := range documents {
			documents[i] = fmt.Sprintf(`{"id": "%d", "data": {}}`, i+1)
		}
		return answered(req, 200, fmt.Sprintf(`{"data": {"users": [%s]}, "stats": {}}`, strings.Join(documents, ", "))), nil
	}))
	page, err := users(t, open(t, client, fauna.Options{})).EnumerateUsers(t.Context(), "", 500)
	check(t, err)
	if got := strings.Join(sizes, " "); got != "501 126 32" || len(page.Users) != 31 || page.Next != "32" {
		t.Errorf("asked for %s, got %d users and the cursor %q, want 501 126 32, 31 and 32", got, len(page.Users), page.Next)
	}

	a, count := scripted(t, scriptedAnswer{status: 440, body: failing("time_out")})
	if _, err := users(t, a).EnumerateUsers(t.Context(), "", 1000); !errors.Is(err, adapter.ErrUnavailable) || count.Load() != 6 {
		t.Errorf("got %v after %d requests, want ErrUnavailable after 1000, 250, 62, 15, 3 and 1", err, count.Load())
	}
}
