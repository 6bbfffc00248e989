package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// claim is a guard that a write makes: what keeps a value unique over all users. It
// leads to a record of a user's, by the user's ID.
type claim struct {
	guard item // with its key
	field string
	// leads reports whether the guard that holds the value leads to a record that has
	// it. A guard can be left alone: by the Auth.js adapter, which deletes records and
	// knows no guards.
	leads func(ctx context.Context, guard item) (bool, error)
	stale string // the stamp of such a guard, whose place is taken
	owner string // whom it led to
}

// step returns the step that makes the guard.
func (c *claim) step(s *store) step {
	return s.create(c.guard, c.stale, func(ctx context.Context, old item) error {
		leads, err := c.leads(ctx, old)
		if err != nil {
			return err
		}
		if c.stale, c.owner = stampOf(old), text(old[fieldUserID]); leads || c.stale == "" {
			return adapter.Conflict(c.field)
		}
		return nil
	})
}

// claimEmail claims an address for a user. A guard that leads to this user is no
// obstacle: the step that writes the user says what is.
func (s *store) claimEmail(email, userID, stamp string) *claim {
	return &claim{
		guard: s.place(item{fieldUserID: str(userID), fieldStamp: str(stamp)}, emailGuard(email)),
		field: adapter.FieldUserEmail,
		leads: func(ctx context.Context, guard item) (bool, error) {
			owner := text(guard[fieldUserID])
			if owner == userID {
				return false, nil
			}
			u, err := s.get(ctx, userKey(owner))
			if err != nil {
				return false, absence(err)
			}
			return text(u[userEmail]) == email, nil
		},
	}
}

// claimRecord claims the sort key of a user's record. The guard is a copy of the
// record, so that a look-up takes one read.
func (s *store) claimRecord(record item, field string) *claim {
	sort := s.keyOf(record).sort
	return &claim{
		guard: s.guardOf(record),
		field: field,
		leads: func(ctx context.Context, guard item) (bool, error) {
			_, err := s.get(ctx, key{userPartition(text(guard[fieldUserID])), sort})
			return err == nil, absence(err)
		},
	}
}

// guardOf returns the guard of a record: a copy under another key, which is not in
// the index.
func (s *store) guardOf(record item) item {
	return s.place(s.withoutKeys(record), recordGuard(s.keyOf(record).sort))
}

// absence returns nil for ErrNotFound, and other errors as they are.
func absence(err error) error {
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	return err
}
