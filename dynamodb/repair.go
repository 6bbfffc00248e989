package dynamodb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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

// findings returns the records that break a rule, those that others stand on first. The
// Auth.js adapter makes them all: it writes no guards, looks for nothing before it writes,
// and deletes 25 items of a user at most.
func (s *store) findings(ctx context.Context) ([]repair.Finding, error) {
	v, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(s.unread(v), s.orphans(v), s.ghosts(v), s.twins(v), s.owners(v), s.strayGuards(v))
	for i, f := range all {
		if f.Mend != nil {
			all[i].Mend = func(ctx context.Context) error { return failure(f.Mend(ctx)) }
		}
	}
	return all, nil
}

// unread are records that cannot be read.
func (s *store) unread(v *survey) (all []repair.Finding) {
	for _, err := range v.unread {
		var e *adapter.RecordError
		if errors.As(err, &e) {
			all = append(all, repair.New(e.Place, e.Error(), "", nil))
		}
	}
	return all
}

// orphans are records of users who are not there.
func (s *store) orphans(v *survey) (all []repair.Finding) {
	var orphans []key
	for at := range v.owned {
		if v.users[partitionUser(at)] == nil {
			orphans = append(orphans, at)
		}
	}
	slices.SortFunc(orphans, func(a, b key) int {
		return cmp.Or(strings.Compare(a.partition, b.partition), strings.Compare(a.sort, b.sort))
	})
	for _, at := range orphans {
		all = append(all, repair.New(v.owned[at], "belongs to the user "+partitionUser(at)+", who is gone: call DeleteUser again, or Repair", "deleted",
			func(ctx context.Context) error { return s.removeOrphan(ctx, at) }))
	}
	return all
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
	return unlessChanged(s.transact(ctx, func() ([]step, error) {
		steps := []step{s.absent(userKey(id)), s.removeRead(it)}
		if isOwned(at) || it[fieldGuard] != nil {
			steps = append(steps, release.guard(recordGuard(at.sort))...)
		}
		return steps, nil
	}))
}

// unlessChanged returns the error of a mend, which is none if somebody changed meanwhile
// what it relies on: the next Repair sees what it is now.
func unlessChanged(err error) error {
	if errors.Is(err, errChanged) || errors.Is(err, adapter.ErrConflict) {
		return nil
	}
	return err
}

// ghosts are users who were never created: what an update of a user who is not there
// makes.
func (s *store) ghosts(v *survey) (all []repair.Finding) {
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		switch {
		case !v.users[id].ghost:
		case v.owns[id] > 0:
			all = append(all, repair.New("user "+id, "was not created, but updated when it was not there, and something belongs to it: delete it, or give it a name or an address", "", nil))
		default:
			all = append(all, repair.New("user "+id, "was not created, but updated when it was not there: delete it, or Repair", "deleted",
				func(ctx context.Context) error { return s.removeUnused(ctx, id, s.isGhost) }))
		}
	}
	return all
}

// removeUnused deletes a user, as it is now, if that is what it was taken for, nothing
// belongs to it, and checks hold. The guard of its address stays: it leads nowhere, and is
// taken over by found or deleted by removeStray.
func (s *store) removeUnused(ctx context.Context, id string, still func(item) bool, checks ...step) error {
	all, _, err := s.page(ctx, query{partition: userPartition(id)})
	if err != nil || len(all) != 1 || s.keyOf(all[0]) != userKey(id) || !still(all[0]) {
		return err
	}
	tombstone, err := s.get(ctx, tombstoneKey(id))
	if absence(err) != nil {
		return err
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

// twins are users with one address, and those who are not found by theirs: without the
// guard, or the key in the index. Of twins the one stays that something belongs to; if it
// is more than one, a person has to decide.
func (s *store) twins(v *survey) (all []repair.Finding) {
	for _, email := range slices.Sorted(maps.Keys(v.emails)) {
		ids := slices.DeleteFunc(slices.Sorted(slices.Values(v.emails[email])), func(id string) bool { return v.users[id].ghost })
		used := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return v.owns[id] == 0 })
		switch {
		case len(ids) == 0:
		case len(used) > 1:
			for _, id := range ids {
				all = append(all, repair.New("user "+id, fmt.Sprintf("has the e-mail address of %d others, and sessions, accounts or authenticators "+
					"belong to more than one of them: move what belongs to them to one, and delete the others", len(ids)-1), "", nil))
			}
		default:
			stays := ids[0]
			if len(used) == 1 {
				stays = used[0]
			} else if owner := v.guards[emailGuard(email)].owner; slices.Contains(ids, owner) {
				stays = owner
			}
			all = append(all, s.stay(v, email, stays, ids)...)
		}
	}
	return all
}

// stay returns what to do so that of the users with an address one stays, and is found
// by it.
func (s *store) stay(v *survey, email, stays string, ids []string) (all []repair.Finding) {
	u, others := v.users[stays], map[string]string{}
	for _, id := range ids {
		if id == stays {
			continue
		}
		others[id] = v.users[id].email
		all = append(all, repair.New("user "+id, "has the e-mail address of the user "+stays+", and nothing belongs to it: delete it, or Repair", "deleted",
			func(ctx context.Context) error {
				return s.removeUnused(ctx, id, func(it item) bool {
					return !s.isGhost(it) && adapter.NormalizeEmail(text(it[userEmail])) == email
				}, s.has(stays, u.email, email))
			}))
	}
	indexed := item{}
	s.index(indexed, prefixUser+email, prefixUser+email)
	detail := "has no guard, so that its e-mail address can be taken again"
	switch {
	case u.email != email:
		detail = "has an e-mail address that is not in the form of adapter.NormalizeEmail, so that it is not found"
	case !s.options.NoIndex && text(indexed[s.options.IndexPartitionKey]) != u.index:
		detail = "has another e-mail address in the index, so that it is not found by its own"
	case v.guards[emailGuard(email)].owner == stays:
		return all
	}
	return append(all, repair.New("user "+stays, detail+": set the address again, or Repair", "is found by its address, and has a guard",
		func(ctx context.Context) error { return s.found(ctx, stays, u, email, indexed, others) }))
}

// found lets a user be found by its address, unless it was changed since it was read, or
// one of the others, whose addresses are given by their IDs, is not gone.
func (s *store) found(ctx context.Context, id string, u *person, email string, indexed item, others map[string]string) error {
	stamp := newStamp()
	c := &changes{set: item{userEmail: str(email), fieldStamp: str(stamp)}}
	maps.Copy(c.set, indexed)
	claimed := s.claimEmail(email, id, stamp)
	return unlessChanged(s.transact(ctx, func() ([]step, error) {
		change := s.change(userKey(id), c, item{fieldStamp: str(u.stamp)}, changed)
		up := change.write.Update // Auth.js leaves the stamp as it is
		condition := *up.ConditionExpression + " AND #was=:was"
		up.ConditionExpression, up.ExpressionAttributeNames["#was"], up.ExpressionAttributeValues[":was"] = &condition, userEmail, str(u.email)
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
	}))
}

// owners are accounts and authenticators that more than one user has, and those whose
// guard is missing or leads to another one.
func (s *store) owners(v *survey) (all []repair.Finding) {
	for _, sort := range slices.Sorted(maps.Keys(v.accounts)) {
		ids := slices.DeleteFunc(slices.Sorted(slices.Values(v.accounts[sort])), func(id string) bool { return v.users[id] == nil })
		for _, id := range ids {
			at := key{userPartition(id), sort}
			if len(ids) > 1 {
				all = append(all, repair.New(v.owned[at], fmt.Sprintf("belongs to the user %s and to %d others: unlink it from all but one", id, len(ids)-1), "", nil))
			} else if v.guards[recordGuard(sort)].owner != id {
				all = append(all, repair.New(v.owned[at], "of the user "+id+" has no guard, so that another user can have it too: link it again, or Repair", "has a guard",
					func(ctx context.Context) error { return s.guard(ctx, at) }))
			}
		}
	}
	return all
}

// guard makes the guard of an account or an authenticator. A guard that leads to another
// user's is taken over, if that user still has no such record.
func (s *store) guard(ctx context.Context, at key) error {
	claimed := s.claimKey(at, newStamp())
	return unlessChanged(s.transact(ctx, func() ([]step, error) {
		return append(claimed.steps(), s.check(at, isThere, s.pkNames, nil)), nil
	}))
}

// strayGuards are guards of what is not there any more.
func (s *store) strayGuards(v *survey) (all []repair.Finding) {
	for k, g := range v.guards {
		_, leads := v.owned[key{userPartition(g.owner), k.partition}]
		what, gone := "record", s.absent(key{userPartition(g.owner), k.partition})
		if email, ok := strings.CutPrefix(k.partition, prefixEmail); ok {
			leads = slices.ContainsFunc(v.emails[adapter.NormalizeEmail(email)], v.inUse) // see twins
			what, gone = "e-mail address", s.lacks(g.owner, email, email)
		}
		if leads || v.isRecord(k) {
			continue
		}
		all = append(all, repair.New("guard of the user "+g.owner, "leads to no "+what+" of the user any more: delete it, or Repair", "deleted",
			func(ctx context.Context) error { return s.removeStray(ctx, k, g, gone) }))
	}
	return all
}

// isRecord reports whether a guard is that of an account or an authenticator that a user
// has: see owners.
func (v *survey) isRecord(guard key) bool {
	return slices.ContainsFunc(v.accounts[guard.partition], func(id string) bool { return v.users[id] != nil })
}

// removeStray deletes a guard that is as it was read, if what it led to is still gone.
func (s *store) removeStray(ctx context.Context, k key, g guard, gone step) error {
	condition, names, values := s.stillStamped(g.stamp)
	return unlessChanged(s.transact(ctx, func() ([]step, error) {
		return []step{{write: types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}}, failed: changed}, gone}, nil
	}))
}

// The steps of a mend. What they rely on is a condition of the transaction that writes:
// others write at any time, and the survey may be minutes old.

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
