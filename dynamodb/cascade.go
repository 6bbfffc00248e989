package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A user is deleted in one transaction: the user itself, the guard of its e-mail address, and
// as many of its accounts and authenticators, with their guards, as fit. From then on nothing
// leads to the user. The same transaction writes a tombstone, whose key is the digest of the
// ID. The rest of the partition is deleted page by page.
//
// CreateUser checks for a tombstone. If there is one, it sweeps the partition, and then deletes
// the tombstone in the transaction that creates the user. So the next user with the ID gets
// nothing that a cut deletion left, and no session that was created during or after the
// deletion.

// tombstoneLife is how long the ID of a deleted user is remembered.
const tombstoneLife = 400 * 24 * time.Hour

// maxBytes is how much one transaction deletes, in bytes of records. DynamoDB's limit is 4 MB.
const maxBytes = 1 << 20

// DeleteUser takes one request to read a megabyte of the user's partition, one to delete the
// user, and one for each further 49 accounts and authenticators or 25 sessions. It ends even if
// others keep writing to the partition.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	// The user has the greatest sort key of its partition.
	items, next, err := s.page(ctx, query{partition: userPartition(id), backward: true})
	if err != nil || len(items) == 0 {
		return err
	}
	w := s.newDeletion(id, items)
	err = s.transact(ctx, w.steps)
	if err == nil {
		err = s.deleteItems(ctx, id, w.left)
	}
	if err == nil && next != nil {
		err = s.sweep(ctx, id, next)
	}
	return unlessReused(err)
}

// sweep deletes what is in the partition of a deleted user, from a key downwards. It ends as
// soon as the ID has a user again, since whoever created that user has swept the partition.
func (s *store) sweep(ctx context.Context, id string, after item) error {
	q := query{partition: userPartition(id), backward: true, after: after}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil || len(items) == 0 {
			return err
		}
		// A page read while the tombstone was there holds nothing of a later user.
		if _, err := s.get(ctx, tombstoneKey(id)); err != nil {
			return absence(err)
		}
		if err := s.deleteItems(ctx, id, items); err != nil || next == nil {
			return unlessReused(err)
		}
		q.after = next
	}
}

// deletion is a write that deletes a user and as much of its partition as one transaction
// holds, and leaves a tombstone.
type deletion struct {
	cascade
	tombstone step
	user      item // as it was last read, nil if there is none
}

func (s *store) newDeletion(id string, items []item) *deletion {
	w := &deletion{cascade: s.newCascade(id, items), tombstone: s.tombstone(id)}
	if s.keyOf(items[0]) == userKey(id) {
		w.user, w.items = items[0], items[1:]
	}
	return w
}

func (w *deletion) steps() ([]step, error) {
	steps := []step{w.tombstone, w.s.removeUser(w.id, w.user, w.refresh)}
	if email := text(w.user[userEmail]); email != "" {
		steps = append(steps, w.release.guard(emailGuard(email))...)
	}
	return w.removeOwned(steps), nil
}

// refresh takes over the user as it is now, nil if it is gone: another writer changed it.
func (w *deletion) refresh(_ context.Context, now item) error {
	w.user = now
	return nil
}

// errReused says that the ID of a deleted user has a user again.
var errReused = errors.New("the ID has a user again")

func reused(context.Context, item) error { return errReused }

// unlessReused returns the error of a sweep. A user who has the ID again is none: there is
// nothing left to sweep.
func unlessReused(err error) error {
	if errors.Is(err, errReused) {
		return nil
	}
	return err
}

// tombstone is a step that remembers the ID of a deleted user.
func (s *store) tombstone(id string) step {
	w := writer{s.withKey(item{}, tombstoneKey(id))}
	w.text(fieldStamp, newStamp())
	w.item[fieldExpires] = number(seconds(s.options.Now().Add(tombstoneLife)))
	return step{write: types.TransactWriteItem{Put: &types.Put{TableName: s.table, Item: w.item}}}
}

// stillDeleted is a step that makes sure that the tombstone is there.
func (s *store) stillDeleted(id string) step {
	return s.check(tombstoneKey(id), isThere, s.pkNames, nil).otherwise(reused)
}

// removeUser is a step that deletes a user whose address is as it was read. For a nil user it
// makes sure that there is none.
func (s *store) removeUser(id string, user item, failed func(context.Context, item) error) step {
	if user == nil {
		return s.absentOr(userKey(id), failed)
	}
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{}}
	condition := *isThere + " AND " + is(userEmail, user)(&e)
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: s.attributes(userKey(id)), ConditionExpression: &condition, ExpressionAttributeNames: e.names,
		ExpressionAttributeValues: e.used(), ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed}
}

// cascade is a write that deletes what belongs to a deleted user, as much as one transaction
// holds.
type cascade struct {
	s       *store
	id      string
	items   []item
	left    []item // of the items, after the write
	release *release
}

func (s *store) newCascade(id string, items []item) cascade {
	return cascade{s: s, id: id, items: items, release: s.newRelease(id)}
}

func (w *cascade) steps() ([]step, error) {
	return w.removeOwned([]step{w.s.stillDeleted(w.id)}), nil
}

// removeOwned adds the steps that delete accounts and authenticators with their guards, as long
// as there is room.
func (w *cascade) removeOwned(steps []step) []step {
	bytes := 0
	w.left = nil
	for _, it := range w.items {
		k := w.s.keyOf(it)
		if !w.s.isRecord(it) || !isOwned(k) || len(steps)+2 > maxSteps || bytes > maxBytes {
			w.left = append(w.left, it)
			continue
		}
		bytes += size(it)
		steps = append(steps, w.release.record(k)...)
	}
	return steps
}

// deleteItems deletes items of a deleted user that were read before. errReused if the ID has a
// user again. Items of other programs stay.
func (s *store) deleteItems(ctx context.Context, id string, items []item) error {
	var owned, sessions []item
	for _, it := range items {
		switch k := s.keyOf(it); {
		case !s.isRecord(it):
		case isOwned(k):
			owned = append(owned, it)
		default:
			sessions = append(sessions, it)
		}
	}
	w := s.newCascade(id, owned)
	for ; len(w.items) > 0; w.items = w.left {
		if err := s.transact(ctx, w.steps); err != nil {
			return err
		}
	}
	return s.deleteSessionItems(ctx, id, sessions)
}
