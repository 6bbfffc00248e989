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
	// if not, what it leads to. A guard can be left alone: by the Auth.js adapter, which
	// deletes records and knows no guards, and by what was written for a user while it was
	// deleted; and a session expires before the service removes it.
	leads func(ctx context.Context, guard item) (leads bool, rest rest, err error)

	stale item // the guard that leads nowhere, whose place is taken
	rest       // what it leads to
	old   item // what such a user has in the record's place
}

// rest is what a guard leads to that leads to no user who has what it says.
type rest struct {
	left key  // the record of a user who is gone, which goes
	none key  // a record that is missing, and has to be still
	over item // a session that has expired, which goes
}

// steps returns the steps that make the guard, and the record.
func (c *claim) steps(s *store) []step {
	steps := []step{s.create(c.guard, c.stale, func(ctx context.Context, held item) error { return c.evict(ctx, held) })}
	if c.left != (key{}) {
		gone := s.absent(userKey(inPartitionOf(c.left)))
		gone.failed = c.lookAgain // the ID has a user again
		steps = append(steps, gone, s.remove(c.left))
	}
	if c.none != (key{}) {
		missing := s.absent(c.none)
		missing.failed = c.lookAgain // it was being written
		steps = append(steps, missing)
	}
	if c.over != nil {
		ended := s.removeRead(c.over)
		ended.failed = c.lookAgain // it was extended
		steps = append(steps, ended)
	}
	if c.record != nil {
		steps = append(steps, c.put(s))
	}
	return steps
}

// put returns the step that makes the record, in the place of what is left there.
func (c *claim) put(s *store) step {
	return s.create(c.record, c.old, func(ctx context.Context, there item) (err error) {
		c.old, err = s.leftBehind(ctx, there, c.field)
		return err
	})
}

// lookAgain forgets what was found of the guard that holds the value.
func (c *claim) lookAgain(context.Context, item) error {
	c.stale, c.rest = nil, rest{}
	return nil
}

// evict takes note that the place of a guard can be had. ErrConflict if it cannot.
func (c *claim) evict(ctx context.Context, held item) error {
	if len(held) == 0 { // it is gone since
		return c.lookAgain(ctx, held)
	}
	leads, found, err := c.leads(ctx, held)
	if err == nil && leads {
		err = adapter.Conflict(c.field)
	}
	c.stale, c.rest = held, found
	return err
}

// owner returns whom the guard led to whose place is taken.
func (c *claim) owner() string { return text(c.stale[fieldUserID]) }

// leftBehind returns what is in the place of a new record, if its user is not there or it
// is a session that has expired. Else it is ErrConflict.
func (s *store) leftBehind(ctx context.Context, there item, field string) (item, error) {
	switch {
	case len(there) == 0:
		return nil, nil
	case s.isOver(there):
		return there, nil
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
		leads: func(ctx context.Context, guard item) (bool, rest, error) {
			owner := text(guard[fieldUserID])
			if owner == userID {
				return false, rest{}, nil
			}
			u, err := s.get(ctx, userKey(owner))
			if err != nil {
				return false, rest{}, absence(err)
			}
			return text(u[userEmail]) == email, rest{}, nil
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
		leads: func(ctx context.Context, guard item) (bool, rest, error) {
			held := key{userPartition(text(guard[fieldUserID])), at.sort}
			record, user, err := s.getTwo(ctx, held, userKey(inPartitionOf(held)), true)
			over := s.isOver(record)
			switch {
			case err != nil, held == at && (record == nil || user == nil || over): // see claim.old
				return false, rest{}, err
			case record == nil: // or is about to be there: two items are not read at one time
				return false, rest{none: held}, nil
			case user == nil:
				return false, rest{left: held}, nil
			case over:
				return false, rest{over: record}, nil
			}
			return true, rest{}, nil
		},
	}
}

// isOver reports whether a record is a session that has expired.
func (s *store) isOver(record item) bool {
	if record == nil || !hasPrefix(s.keyOf(record), prefixSession) {
		return false
	}
	expires, readable := expiry(record)
	return readable && !s.options.Now().Before(expires)
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
