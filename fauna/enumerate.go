package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

// EnumerateUsers returns users in the order of their IDs as numbers. A cursor is the ID at which
// a page begins. A page has fewer users than limit where more are too large for one answer. It
// implements adapter.Enumerator.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	first := "0"
	if cursor != "" {
		first = cursor
	}
	if !isID(first) {
		return adapter.UserPage{}, adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	}
	for n := limit; ; n = max(n/4, 1) {
		r, err := s.query(ctx, enumerateUsers, args{"from": first, "n": n + 1}) // the last one begins the next page
		if tooLarge(err) && n > 1 {
			continue
		}
		if err != nil {
			return adapter.UserPage{}, err
		}
		return userPage(r, n), nil
	}
}

// userPage returns the first users of an answer, and where the next page begins.
func userPage(r reply, limit int) (page adapter.UserPage) {
	documents, _ := r["users"].([]any)
	for _, d := range documents {
		page.Users = append(page.Users, decodeUser(fields(d)))
	}
	if len(page.Users) > limit {
		page.Next = page.Users[limit].ID
		page.Users = page.Users[:limit]
	}
	return page
}
