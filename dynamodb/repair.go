package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// Repair implements adapter.Repairer. It reads the whole table.
func (s *store) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	found, err := s.findings(ctx)
	if err != nil {
		return nil, err
	}
	all, err := repair.All(ctx, found, dryRun)
	return all, err
}

// findings returns the records that break a rule. The Auth.js adapter makes them all: it
// writes no guards, looks for nothing before it writes, and deletes 25 items of a user at
// most.
func (s *store) findings(ctx context.Context) ([]repair.Finding, error) {
	g, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	return repair.Plan(repair.Decide(g), func(ctx context.Context, t task) error { return failure(unlessChanged(s.mend(ctx, t))) }), nil
}

// mend does a task. Each write has as its condition what the task relies on: others write at
// any time, and the survey may be minutes old.
func (s *store) mend(ctx context.Context, t task) error {
	switch t.Do {
	case repair.DeleteOrphan:
		return s.removeOrphan(ctx, recordKey(t.Record))
	case repair.DeleteUser:
		return s.removeUnused(ctx, t)
	case repair.LetFind:
		return s.found(ctx, t)
	case repair.MakeEntry:
		return s.guard(ctx, recordKey(t.Record))
	case repair.DeleteEntry:
		return s.removeStray(ctx, t.Entry)
	}
	return fmt.Errorf("nothing is known to do about %s", t.Object)
}

// removeOrphan deletes a record, as it is now, and its guard, if its user is still not
// there.
func (s *store) removeOrphan(ctx context.Context, at key) error {
	it, err := s.get(ctx, at)
	if err != nil {
		return absence(err)
	}
	id := partitionUser(at)
	release := s.newRelease(id)
	return s.transact(ctx, func() ([]step, error) {
		steps := []step{s.absent(userKey(id)), s.removeRead(it)}
		if isOwned(at) || it[fieldGuard] != nil {
			steps = append(steps, release.guard(recordGuard(at.sort))...)
		}
		return steps, nil
	})
}

// unlessChanged returns the error of a mend, which is none if somebody changed meanwhile
// what it relies on: the next Repair sees what it is now.
func unlessChanged(err error) error {
	if errors.Is(err, errChanged) || errors.Is(err, adapter.ErrConflict) {
		return nil
	}
	return err
}

// removeUnused deletes a user, as it is now, if that is what was decided on, nothing belongs
// to it, and the user who stays in its place has the address. The guard of its address
// stays: it leads nowhere, and is taken over by found or deleted by removeStray.
func (s *store) removeUnused(ctx context.Context, t task) error {
	id := t.User.Name
	all, _, err := s.page(ctx, query{partition: userPartition(id)})
	if err != nil || len(all) != 1 || s.keyOf(all[0]) != userKey(id) {
		return err
	}
	if now := s.person(id, all[0]); now.Blank != t.User.Blank || now.More != t.User.More || now.Verified != t.User.Verified || now.Email != t.User.Email {
		return nil
	}
	tombstone, err := s.get(ctx, tombstoneKey(id))
	if absence(err) != nil {
		return err
	}
	var checks []step
	if t.Stays != nil {
		checks = append(checks, s.has(t.Stays.Name, t.Stays.Email, t.Email))
	}
	err = s.transact(ctx, func() ([]step, error) { return append(checks, s.removeRead(all[0])), nil })
	if errors.Is(err, errChanged) {
		return nil
	}
	// After any other error it may be done or not.
	if lost := s.restore(ctx, all[0], s.unchanged(tombstoneKey(id), tombstone)); err == nil {
		err = lost
	}
	return err
}

// restore puts a user back who was deleted, if something belongs to it by now: a writer
// that knows no transactions looks for a user first, and then writes what belongs to it.
// The address is the user's again, and the guard is where it was, unless another user who
// has the address claimed it: both are twins then, as before. A user whom DeleteUser has
// deleted meanwhile, which the check of its tombstone tells, stays deleted. The end of the
// context is no reason to leave this half done.
func (s *store) restore(ctx context.Context, user item, check step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	all, _, err := s.page(ctx, query{partition: s.keyOf(user).partition})
	if err != nil || len(all) == 0 {
		return err
	}
	return unlessChanged(s.transact(ctx, func() ([]step, error) { return []step{s.create(user, nil, changed), check}, nil }))
}

// found lets a user be found by its address, unless it was changed since it was read, or
// one of those who had the address too is not gone.
func (s *store) found(ctx context.Context, t task) error {
	id, email, others := t.User.Name, t.Email, map[string]string{}
	for _, u := range t.Others {
		others[u.Name] = u.Email
	}
	stamp := newStamp()
	c := &changes{set: item{userEmail: str(email), fieldStamp: str(stamp)}}
	s.index(c.set, prefixUser+email, prefixUser+email)
	claimed := s.claimEmail(email, id, stamp)
	return s.transact(ctx, func() ([]step, error) {
		change := s.change(userKey(id), c, item{fieldStamp: str(t.User.Ref)}, changed)
		up := change.write.Update // Auth.js leaves the stamp as it is
		condition := *up.ConditionExpression + " AND #was=:was"
		up.ConditionExpression, up.ExpressionAttributeNames["#was"], up.ExpressionAttributeValues[":was"] = &condition, userEmail, str(t.User.Email)
		steps := append(claimed.steps(), change)
		if owner := claimed.owner(); owner != "" && owner != id {
			others[owner] = cmp.Or(others[owner], email)
		}
		for _, other := range slices.Sorted(maps.Keys(others)) {
			if len(steps) < maxSteps {
				steps = append(steps, s.lacks(other, others[other], email))
			}
		}
		return steps, nil
	})
}

// guard makes the guard of an account or an authenticator. A guard that leads to another
// user's is taken over, if that user still has no such record.
func (s *store) guard(ctx context.Context, at key) error {
	claimed := s.claimKey(at, newStamp())
	return s.transact(ctx, func() ([]step, error) {
		return append(claimed.steps(), s.check(at, isThere, s.pkNames, nil)), nil
	})
}

// removeStray deletes a guard that is as it was read, if what it led to is still gone.
func (s *store) removeStray(ctx context.Context, g *entry) error {
	k, gone := recordGuard(g.Key), s.absent(key{userPartition(g.Owner.Name), g.Key})
	if g.Kind == repair.Address {
		k, gone = emailGuard(g.Key), s.lacks(g.Owner.Name, g.Key, g.Key)
	}
	condition, names, values := s.stillStamped(g.Ref)
	return s.transact(ctx, func() ([]step, error) {
		return []step{{write: types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}}, failed: changed}, gone}, nil
	})
}

// The steps of a mend that are not in transact.go.

// has makes sure that a user has an address, as it was or in its right form.
func (s *store) has(id, was, email string) step {
	return s.check(userKey(id), aws.String("#e IN (:was,:e)"), map[string]string{"#e": userEmail}, item{":was": str(was), ":e": str(email)})
}

// lacks makes sure of the opposite: that a user is gone, or has another address.
func (s *store) lacks(id, was, email string) step {
	return s.check(userKey(id), aws.String("attribute_not_exists(#e) OR NOT #e IN (:was,:e)"),
		map[string]string{"#e": userEmail}, item{":was": str(was), ":e": str(email)})
}

// unchanged makes sure that an item is as it was read.
func (s *store) unchanged(k key, read item) step {
	condition, names, values := s.asRead(read)
	return s.check(k, condition, names, values)
}
