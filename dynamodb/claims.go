package dynamodb

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

// A guard makes a value unique among all users, and leads to the user who has it, by the user's
// ID. It holds nothing else: everything that is returned of a record is read from the record
// itself, which other programs may change.

// claim is the part of a write that makes a guard, and also the record that the guard leads to
// if that is new.
//
// A guard can lead nowhere: the Auth.js adapter deletes records and knows no guards, a write
// for a user who is being deleted leaves one, and a session expires before the service removes
// it. A claim replaces such a guard.
type claim struct {
	s      *store
	guard  item   // with its key; nil: only the key of the record has to be free
	email  string // the address that is claimed, "" for a record
	key    key    // of the record that is claimed
	record item   // to be created; nil: the record is there
	field  string // for ErrConflict

	stale    item // the guard to replace, as it was read
	leftover      // what that guard leads to
	old      item // the item to replace by the record, as it was read
}

// leftover is what a guard still leads to if it leads to no user who has the value.
type leftover struct {
	orphan  key  // a record whose user is gone: it is deleted
	missing key  // a record that is not there, and must still be missing
	expired item // a session that has expired: it is deleted
}

// claimEmail claims an e-mail address for a user.
func (s *store) claimEmail(email, userID, stamp string) *claim {
	return &claim{s: s, guard: s.newGuard(emailGuard(email), userID, stamp), email: email, field: adapter.FieldUserEmail}
}

// claimRecord claims the key of a new record for its user.
func (s *store) claimRecord(record item) *claim {
	c := s.claimKey(s.keyOf(record), stampOf(record))
	c.record = record
	return c
}

// claimKey claims the key of a record that is there.
func (s *store) claimKey(k key, stamp string) *claim {
	return &claim{s: s, guard: s.newGuard(recordGuard(k.sort), partitionUser(k), stamp), key: k, field: uniqueField(k)}
}

// uniqueField returns the field that is unique among the records of a kind, for errors.
func uniqueField(k key) string {
	switch {
	case hasPrefix(k, prefixAccount):
		return adapter.FieldAccount
	case hasPrefix(k, prefixAuthenticator):
		return adapter.FieldCredentialID
	}
	return adapter.FieldSessionToken
}

// newGuard returns a guard that leads to a user.
func (s *store) newGuard(k key, userID, stamp string) item {
	return s.withKey(item{fieldUserID: str(userID), fieldStamp: str(stamp)}, k)
}

// write returns the steps of a transaction that is this claim and nothing else.
func (c *claim) write() ([]step, error) { return c.steps(), nil }

// steps returns the steps that make the guard and the record, and that delete what the replaced
// guard still leads to. Each has as its condition that the item is as it was read.
func (c *claim) steps() (steps []step) {
	if c.guard != nil {
		steps = append(steps, c.s.create(c.guard, c.stale, c.examine))
	}
	if c.orphan != (key{}) {
		steps = append(steps, c.s.absent(userKey(partitionUser(c.orphan))).otherwise(c.forget), c.s.remove(c.orphan))
	}
	if c.missing != (key{}) {
		steps = append(steps, c.s.absent(c.missing).otherwise(c.forget))
	}
	if c.expired != nil {
		steps = append(steps, c.s.removeRead(c.expired).otherwise(c.forget))
	}
	if c.record != nil {
		steps = append(steps, c.s.create(c.record, c.old, c.examineRecord))
	}
	return steps
}

// owner returns the user that the replaced guard leads to, "" if none is replaced.
func (c *claim) owner() string { return text(c.stale[fieldUserID]) }

// forget is called if what the replaced guard leads to has changed: it starts over.
func (c *claim) forget(context.Context, item) error {
	c.stale, c.leftover = nil, leftover{}
	return nil
}

// examine is called if another guard holds the value. It follows that guard: ErrConflict if it
// leads to a user who has the value; otherwise the guard is replaced.
func (c *claim) examine(ctx context.Context, guard item) error {
	if len(guard) == 0 { // it is gone since
		return c.forget(ctx, guard)
	}
	found, err := c.follow(ctx, text(guard[fieldUserID]))
	if err != nil {
		return err
	}
	c.stale, c.leftover = guard, found
	return nil
}

func (c *claim) follow(ctx context.Context, owner string) (leftover, error) {
	if c.email != "" {
		return leftover{}, c.followEmail(ctx, owner)
	}
	return c.followRecord(ctx, owner)
}

// followEmail returns ErrConflict if a user has the address. A guard that leads to the very
// user that claims it is no obstacle: the step that writes the user decides.
func (c *claim) followEmail(ctx context.Context, owner string) error {
	if owner == text(c.guard[fieldUserID]) {
		return nil
	}
	u, err := c.s.get(ctx, userKey(owner))
	if err == nil && text(u[userEmail]) == c.email {
		return adapter.Conflict(c.field)
	}
	return absence(err)
}

// followRecord returns what a guard still leads to, and ErrConflict if that is a record of a
// user.
func (c *claim) followRecord(ctx context.Context, owner string) (leftover, error) {
	k := key{userPartition(owner), c.key.sort}
	items, err := c.s.lookup.get(ctx, want{k, userKey(owner)})
	record, user := items[0], items[1]
	expired := c.s.isExpired(record)
	switch {
	case err != nil:
		return leftover{}, err
	case k == c.key && (record == nil || user == nil || expired): // see examineRecord
		return leftover{}, nil
	case record == nil: // or is about to be there: two items are not read at one time
		return leftover{missing: k}, nil
	case user == nil:
		return leftover{orphan: k}, nil
	case expired:
		return leftover{expired: record}, nil
	}
	return leftover{}, adapter.Conflict(c.field)
}

// examineRecord is called if another item is in the place of the new record. It is replaced if
// its user is gone or if it is an expired session; otherwise it is ErrConflict.
func (c *claim) examineRecord(ctx context.Context, record item) error {
	c.old = nil
	if len(record) == 0 { // it is gone since
		return nil
	}
	if !c.s.isExpired(record) {
		_, err := c.s.get(ctx, userKey(partitionUser(c.key)))
		if err == nil {
			err = adapter.Conflict(c.field)
		}
		if absence(err) != nil {
			return err
		}
	}
	c.old = record
	return nil
}

// isExpired reports whether a record is a session that has expired.
func (s *store) isExpired(record item) bool {
	if record == nil || !hasPrefix(s.keyOf(record), prefixSession) {
		return false
	}
	expires, readable := expiry(record)
	return readable && !s.options.Now().Before(expires)
}

// release is the part of a write that deletes guards of a user. A guard that turns out to
// belong to another user stays.
type release struct {
	s      *store
	userID string
	others map[key]bool // guards of other users

	records []key // that write deletes with their guards
}

func (s *store) newRelease(userID string) *release {
	return &release{s: s, userID: userID, others: map[key]bool{}}
}

// write returns the steps of a transaction that is this release and nothing else.
func (r *release) write() (steps []step, _ error) {
	for _, k := range r.records {
		steps = append(steps, r.record(k)...)
	}
	return steps, nil
}

// record returns the steps that delete a record and its guard.
func (r *release) record(k key) []step {
	return append([]step{r.s.remove(k)}, r.guard(recordGuard(k.sort))...)
}

// guard returns the step that deletes a guard, or none if the guard is another user's.
func (r *release) guard(k key) []step {
	if r.others[k] {
		return nil
	}
	return []step{r.s.removeOwnedBy(r.userID, k, r.leave)}
}

// leave is called if a guard belongs to another user.
func (r *release) leave(_ context.Context, guard item) error {
	r.others[r.s.keyOf(guard)] = true
	return nil
}
