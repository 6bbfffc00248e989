package memory

import (
	"context"
	"slices"

	"github.com/authstore/authstore/adapter"
)

// EnumerateUsers returns users in the order of their IDs. A cursor is the last ID of a page. Each
// page reads all users. It implements adapter.Enumerator.
func (m *memory) EnumerateUsers(_ context.Context, cursor string, limit int) (adapter.UserPage, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	ids := m.idsAfter(cursor, limit+1)
	var page adapter.UserPage
	if len(ids) > limit {
		ids = ids[:limit]
		page.Next = ids[limit-1]
	}
	for _, id := range ids {
		page.Users = append(page.Users, m.users[id].copy())
	}
	return page, nil
}

// idsAfter returns the first n IDs after another one, in order.
func (s *Store) idsAfter(previous string, n int) []string {
	first := make([]string, 0, n+1)
	for id := range s.users {
		if id <= previous || len(first) == n && id > first[n-1] {
			continue
		}
		i, _ := slices.BinarySearch(first, id)
		first = slices.Insert(first, i, id)
		first = first[:min(len(first), n)]
	}
	return first
}
