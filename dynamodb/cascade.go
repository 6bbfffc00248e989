package dynamodb

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A user is deleted in one transaction: its record, the guard of its address, and as
// many of its accounts and authenticators, with their guards, as there is room for.
// From then on nothing leads to the user. The same transaction leaves a tombstone,
// under the digest of the ID. What else is in the partition goes page by page.
//
// CreateUser looks for a tombstone. Where there is one, it sweeps the partition before
// it makes the user, and takes the tombstone away in the same step: so nothing that a
// cut deletion left, and no session that was made while a user was deleted or after,
// comes to the next user of the ID.

// tombstoneLife is how long the ID of a deleted user is remembered.
const tombstoneLife = 400 * 24 * time.Hour

// maxBytes is how much one transaction may delete: DynamoDB's limit is 4 MB, guards
// are as large as their records.
const maxBytes = 1 << 20

// DeleteUser takes one call to read a megabyte of what the user has, one to delete the
// user, and one for each 49 accounts and authenticators and each 25 sessions beyond. It
// does not depend on what is written meanwhile: who writes without end is deleted too.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	// Backward, as the user is the last item of its partition.
	items, next, err := s.page(ctx, query{partition: userPartition(id), backward: true})
	if err != nil || len(items) == 0 {
		return err
	}
	rest, err := s.bury(ctx, id, items)
	if err == nil {
		err = s.clear(ctx, id, rest)
	}
	if err == nil && next != nil {
		err = s.sweep(ctx, id, next)
	}
	return unlessAlive(err)
}

// sweep deletes what is in the partition of a user who is not there, after a key. It
// ends if the ID has a user again, who has seen to it that the partition was swept.
func (s *store) sweep(ctx context.Context, id string, after item) error {
	q := query{partition: userPartition(id), backward: true, after: after}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil || len(items) == 0 {
			return err
		}
		// A page that was read while the tombstone was there holds nothing of a user
		// to come.
		if _, err := s.get(ctx, tombstoneKey(id)); err != nil {
			return absence(err)
		}
		if err := s.clear(ctx, id, items); err != nil || next == nil {
			return unlessAlive(err)
		}
		q.after = next
	}
}

// bury deletes a user, with what fits into the transaction, and leaves a tombstone. It
// returns the items that are left to delete.
func (s *store) bury(ctx context.Context, id string, items []item) (rest []item, err error) {
	var user item
	if s.keyOf(items[0]) == userKey(id) {
		user, items = items[0], items[1:]
	}
	skip, tombstone := map[key]bool{}, s.tombstone(id) // guards that are another user's
	err = s.transact(ctx, func() ([]step, error) {
		steps := []step{tombstone, s.removeUser(id, user, func(_ context.Context, now item) error {
			user = now
			return nil
		})}
		if email := text(user[userEmail]); email != "" {
			steps = s.removeGuard(steps, id, emailGuard(email), skip)
		}
		steps, rest = s.removeOwned(steps, id, items, skip)
		return steps, nil
	})
	return rest, err
}

// errChanged says that what a step relies on was changed meanwhile.
var errChanged = errors.New("changed meanwhile")

func changed(context.Context, item) error { return errChanged }

// errAlive says that the ID of a deleted user has a user again.
var errAlive = errors.New("the ID has a user again")

// unlessAlive returns the error of a sweep, which is none if there is nothing to sweep any
// more.
func unlessAlive(err error) error {
	if errors.Is(err, errAlive) {
		return nil
	}
	return err
}

// tombstone is a step that remembers a deleted ID.
func (s *store) tombstone(id string) step {
	w := writer{s.place(item{}, tombstoneKey(id))}
	w.text(fieldStamp, newStamp())
	w.item[fieldExpires] = number(seconds(s.options.Now().Add(tombstoneLife)))
	return step{write: types.TransactWriteItem{Put: &types.Put{TableName: s.table, Item: w.item}}}
}

// stillDead is a step that makes sure that the tombstone is there.
func (s *store) stillDead(id string) step {
	dead := s.look(tombstoneKey(id), isThere, s.pkNames, nil)
	dead.failed = func(context.Context, item) error { return errAlive }
	return dead
}

// removeUser is a step that deletes a user whose address is still the one that was
// read. Without a user, it makes sure that there is none.
func (s *store) removeUser(id string, user item, failed func(context.Context, item) error) step {
	if user == nil {
		none := s.absent(userKey(id))
		none.write.ConditionCheck.ReturnValuesOnConditionCheckFailure, none.failed = oldOnFailure, failed
		return none
	}
	e := expression{names: map[string]string{"#pk": s.options.PartitionKey}, values: item{}}
	condition := *isThere + " AND " + is(userEmail, user)(&e)
	if len(e.values) == 0 {
		e.values = nil
	}
	return step{write: types.TransactWriteItem{Delete: &types.Delete{
		TableName: s.table, Key: s.attributes(userKey(id)), ConditionExpression: &condition, ExpressionAttributeNames: e.names,
		ExpressionAttributeValues: e.values, ReturnValuesOnConditionCheckFailure: oldOnFailure,
	}}, failed: failed}
}

// removeGuard adds the step that deletes a guard of a user's, unless it turned out to
// be another's.
func (s *store) removeGuard(steps []step, userID string, k key, skip map[key]bool) []step {
	if skip[k] {
		return steps
	}
	return append(steps, s.removeOf(userID, k, func(context.Context, item) error {
		skip[k] = true
		return nil
	}))
}

// removeOwned adds steps that delete accounts and authenticators with their guards, as
// long as there is room, and returns what is left to delete.
func (s *store) removeOwned(steps []step, userID string, items []item, skip map[key]bool) (_ []step, rest []item) {
	bytes := 0
	for _, it := range items {
		k := s.keyOf(it)
		if !s.isRecord(it) || !isOwned(k) || len(steps)+2 > maxSteps || bytes > maxBytes {
			rest = append(rest, it)
			continue
		}
		bytes += size(it)
		steps = s.removeGuard(append(steps, s.remove(k)), userID, recordGuard(k.sort), skip)
	}
	return steps, rest
}

func isOwned(k key) bool { return hasPrefix(k, prefixAccount) || hasPrefix(k, prefixAuthenticator) }

// clear deletes items of a user who was deleted after they were read. errAlive if the ID
// has a user by now. What is of another program stays.
func (s *store) clear(ctx context.Context, id string, items []item) error {
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
	skip, dead := map[key]bool{}, s.stillDead(id)
	for left := owned; len(owned) > 0; owned = left {
		err := s.transact(ctx, func() (steps []step, _ error) {
			steps, left = s.removeOwned([]step{dead}, id, owned, skip)
			return steps, nil
		})
		if err != nil {
			return err
		}
	}
	return s.deleteSessionItems(ctx, id, sessions)
}
