package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

// EnumerateUsers returns users in the order of their IDs; a cursor is the ID at which a page
// begins. Where so many are too large for an answer the page has fewer. It implements
// adapter.Enumerator.
func (s *store) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	from := "0"
	if cursor != "" {
		from = cursor
	}
	if !isID(from) {
		return adapter.UserPage{}, adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	}
	for n := limit; ; n = max(n/4, 1) {
		r, err := s.query(ctx, enumerateUsers, args{"from": from, "n": n + 1}) // one more is the next page's first
		if tooMuch(err) && n > 1 {
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
