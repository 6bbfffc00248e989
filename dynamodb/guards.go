package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// A guard keeps a value unique over all users, and leads to the user who has it, by the
// user's ID. It says nothing else of the record: what is told of it is read from the
// record itself, which others may change.

// claim is a guard that a write makes, with the record that the guard is for where that
// is made too.
type claim struct {
	guard  item // with its key
	record item // nil: it is there
	field  string
	// leads reports whether the guard that holds the value leads to a user who has it, and
	// if not, where a record is that was left behind, or is missing. A guard can be left alone: by the
	// Auth.js adapter, which deletes records and knows no guards, and by what was written
	// for a user while it was deleted.
	leads func(ctx context.Context, guard item) (leads bool, left, none key, err error)

	stale item // the guard that leads nowhere, whose place is taken
	left  key  // the record of a user who is gone that goes with it
	none  key  // the record that it leads to, which has to be missing still
	old   item // what such a user has in the record's place
}

// steps returns the steps that make the guard, and the record.
func (c *claim) steps(s *store) []step {
	steps := []step{s.create(c.guard, c.stale, func(ctx context.Context, held item) error { return c.evict(ctx, held) })}
	if c.left != (key{}) {
		gone := s.absent(userKey(inPartitionOf(c.left)))
		gone.failed = func(context.Context, item) error { // the ID has a user again: look once more
			c.stale, c.left = nil, key{}
			return nil
		}
		steps = append(steps, gone, s.remove(c.left))
	}
	if c.none != (key{}) {
		missing := s.absent(c.none)
		missing.failed = func(context.Context, item) error { // it was being written: look once more
			c.stale, c.none = nil, key{}
			return nil
		}
		steps = append(steps, missing)
	}
	if c.record != nil {
		steps = append(steps, s.create(c.record, c.old, func(ctx context.Context, there item) error {
			var err error
			c.old, err = s.leftBehind(ctx, there, c.field)
			return err
		}))
	}
	return steps
}

// evict takes note that the place of a guard can be had. ErrConflict if it cannot.
func (c *claim) evict(ctx context.Context, held item) error {
	if len(held) == 0 { // it is gone since
		c.stale, c.left, c.none = nil, key{}, key{}
		return nil
	}
	leads, left, none, err := c.leads(ctx, held)
	if err == nil && leads {
		err = adapter.Conflict(c.field)
	}
	c.stale, c.left, c.none = held, left, none
	return err
}

// owner returns whom the guard led to whose place is taken.
func (c *claim) owner() string { return text(c.stale[fieldUserID]) }

// leftBehind returns what is in the place of a new record, if its user is not there. If
// the user is, it is ErrConflict.
func (s *store) leftBehind(ctx context.Context, there item, field string) (item, error) {
	if len(there) == 0 {
		return nil, nil
	}
	switch _, err := s.get(ctx, userKey(inPartitionOf(s.keyOf(there)))); {
	case err == nil:
		return nil, adapter.Conflict(field)
	default:
		return there, absence(err)
	}
}

// guardOf returns a guard that leads to a user.
func (s *store) guardOf(k key, userID, stamp string) item {
	return s.place(item{fieldUserID: str(userID), fieldStamp: str(stamp)}, k)
}

// claimEmail claims an address for a user. A guard that leads to this user is no
// obstacle: the step that writes the user says what is.
func (s *store) claimEmail(email, userID, stamp string) *claim {
	return &claim{
		guard: s.guardOf(emailGuard(email), userID, stamp),
		field: adapter.FieldUserEmail,
		leads: func(ctx context.Context, guard item) (bool, key, key, error) {
			owner := text(guard[fieldUserID])
			if owner == userID {
				return false, key{}, key{}, nil
			}
			u, err := s.get(ctx, userKey(owner))
			if err != nil {
				return false, key{}, key{}, absence(err)
			}
			return text(u[userEmail]) == email, key{}, key{}, nil
		},
	}
}

// claimRecord claims the sort key of a new record for its user.
func (s *store) claimRecord(record item, field string) *claim {
	at := s.keyOf(record)
	return &claim{
		guard:  s.guardOf(recordGuard(at.sort), inPartitionOf(at), stampOf(record)),
		record: record,
		field:  field,
		leads: func(ctx context.Context, guard item) (bool, key, key, error) {
			held := key{userPartition(text(guard[fieldUserID])), at.sort}
			record, user, err := s.getTwo(ctx, held, userKey(inPartitionOf(held)), true)
			switch {
			case err != nil, held == at && (record == nil || user == nil): // see claim.old
				return false, key{}, key{}, err
			case record == nil: // or is about to be there: two items are not read at one time
				return false, key{}, held, nil
			case user != nil:
				return true, key{}, key{}, nil
			}
			return false, held, key{}, nil
		},
	}
}

// claimAgain claims the sort key of a record that is there.
func (s *store) claimAgain(at key, stamp, field string) *claim {
	c := s.claimRecord(s.place(item{fieldStamp: str(stamp)}, at), field)
	c.record = nil
	return c
}

// absence returns nil for ErrNotFound, and other errors as they are.
func absence(err error) error {
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	return err
}
