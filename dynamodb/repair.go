package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// Repair implements adapter.Repairer. It reads the whole table.
func (s *store) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	found, err := s.findings(ctx)
	if err != nil {
		return nil, adapter.WrapError(ctx, backend, "Repair", failure(err))
	}
	all, err := repair.All(ctx, found, dryRun)
	return all, adapter.WrapError(ctx, backend, "Repair", failure(err))
}

// findings returns the records that break a rule, those that others stand on first. The
// Auth.js adapter makes them all: it writes no guards, looks for nothing before it writes,
// and deletes 25 items of a user at most.
func (s *store) findings(ctx context.Context) ([]repair.Finding, error) {
	v, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(s.unreadable(v), s.orphans(v), s.ghosts(v), s.twins(v), s.owners(v), s.strayGuards(v)), nil
}

func (s *store) unreadable(v *survey) (all []repair.Finding) {
	for i, err := range v.unread {
		all = append(all, repair.New(fmt.Sprintf("record %d of those that cannot be read", i+1), err.Error()+": look for it, and mend or delete it", "", nil))
	}
	return all
}

// name tells a record apart, without a token.
func (s *store) name(b belonging) string {
	switch {
	case strings.HasPrefix(b.at.sort, prefixSession):
		return "session " + s.sessionIDOf(b.item)
	case strings.HasPrefix(b.at.sort, prefixAccount):
		return "account " + text(b.item[accountProvider]) + " " + text(b.item[accountID])
	}
	return "authenticator " + text(b.item[credentialID])
}

// orphans are records of users who are not there.
func (s *store) orphans(v *survey) (all []repair.Finding) {
	for _, b := range v.owned {
		if v.users[b.userID] == nil {
			all = append(all, repair.New(s.name(b), "belongs to the user "+b.userID+", who is gone: call DeleteUser again, or Repair", "deleted",
				func(ctx context.Context) error {
					if _, err := s.get(ctx, userKey(b.userID)); !errors.Is(err, adapter.ErrNotFound) {
						return err
					}
					if err := s.clear(ctx, b.userID, []item{b.item}); !errors.Is(err, errChanged) {
						return err
					}
					return nil // the next Repair sees what it is now
				}))
		}
	}
	return all
}

// ghosts are users who were never created: what an update of a user who is not there
// makes.
func (s *store) ghosts(v *survey) (all []repair.Finding) {
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		u := v.users[id]
		switch {
		case !u.ghost:
		case u.owns > 0:
			all = append(all, repair.New("user "+id, "was not created, but updated when it was not there, and something belongs to it: delete it, or set its attribute type to USER", "", nil))
		default:
			all = append(all, repair.New("user "+id, "was not created, but updated when it was not there: delete it, or Repair", "deleted", s.removal(u)))
		}
	}
	return all
}

// removal returns a function that deletes a user to whom nothing belongs, as it was read,
// and the guard of its address.
func (s *store) removal(u *person) func(context.Context) error {
	id, k := strings.TrimPrefix(s.keyOf(u.item).partition, prefixUser), s.keyOf(u.item)
	return func(ctx context.Context) error {
		rest, _, err := s.page(ctx, query{partition: k.partition})
		if err != nil || len(rest) != 1 {
			return err // something belongs to it by now
		}
		skip := map[key]bool{}
		err = s.transact(ctx, func() ([]step, error) {
			steps := []step{s.removeUser(id, u.item)}
			if u.email != "" {
				steps = s.removeGuard(steps, id, emailGuard(u.email), skip)
			}
			return steps, nil
		})
		if errors.Is(err, errChanged) {
			return nil
		}
		return err
	}
}

// twins are users with one address, and those who are not found by theirs: without the
// guard, or the key in the index. Of twins the one stays that something belongs to; if it
// is more than one, a person has to decide.
func (s *store) twins(v *survey) (all []repair.Finding) {
	for _, email := range slices.Sorted(maps.Keys(v.emails)) {
		ids := slices.DeleteFunc(slices.Sorted(slices.Values(v.emails[email])), func(id string) bool { return v.users[id].ghost })
		used := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return v.users[id].owns == 0 })
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
			} else if owner := text(v.guards[emailGuard(email)][fieldUserID]); slices.Contains(ids, owner) {
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
	for _, id := range ids {
		if id != stays {
			all = append(all, repair.New("user "+id, "has the e-mail address of the user "+stays+", and nothing belongs to it: delete it, or Repair", "deleted",
				s.removal(v.users[id])))
		}
	}
	u, indexed := v.users[stays], item{}
	s.index(indexed, prefixUser+email, prefixUser+email)
	detail := "has no guard, so that its e-mail address can be taken again"
	switch {
	case u.email != email:
		detail = "has an e-mail address that is not in the form of adapter.NormalizeEmail, so that it is not found"
	case !s.options.NoIndex && text(indexed[s.options.IndexPartitionKey]) != text(u.item[s.options.IndexPartitionKey]):
		detail = "has another e-mail address in the index, so that it is not found by its own"
	case text(v.guards[emailGuard(email)][fieldUserID]) == stays:
		return all
	}
	return append(all, repair.New("user "+stays, detail+": set the address again, or Repair", "is found by its address, and has a guard",
		func(ctx context.Context) error { return s.found(ctx, stays, u.item, email, indexed) }))
}

// found lets a user be found by its address, unless it was changed since it was read.
func (s *store) found(ctx context.Context, id string, it item, email string, indexed item) error {
	stamp := newStamp()
	c := &changes{set: item{userEmail: str(email), fieldStamp: str(stamp)}}
	maps.Copy(c.set, indexed)
	claimed := s.claimEmail(email, id, stamp)
	err := s.transact(ctx, func() ([]step, error) {
		change := s.change(userKey(id), c, c.apply(it), stampOf(it), changed)
		if up := change.write.Update; up != nil { // Auth.js leaves the stamp as it is
			condition := *up.ConditionExpression + " AND #was=:was"
			up.ConditionExpression, up.ExpressionAttributeNames["#was"], up.ExpressionAttributeValues[":was"] = &condition, userEmail, it[userEmail]
		}
		return []step{change, claimed.step(s)}, nil
	})
	if errors.Is(err, errChanged) || errors.Is(err, adapter.ErrConflict) {
		return nil // the next Repair sees what it is now
	}
	return err
}

// owners are accounts and authenticators that more than one user has, and those whose
// guard is missing or leads to another one.
func (s *store) owners(v *survey) (all []repair.Finding) {
	for _, sort := range slices.Sorted(maps.Keys(v.accounts)) {
		records := slices.DeleteFunc(v.accounts[sort], func(b belonging) bool { return v.users[b.userID] == nil })
		switch {
		case len(records) == 0:
		case len(records) > 1:
			for _, b := range records {
				all = append(all, repair.New(s.name(b), fmt.Sprintf("belongs to the user %s and to %d others: unlink it from all but one", b.userID, len(records)-1), "", nil))
			}
		case text(v.guards[recordGuard(sort)][fieldUserID]) != records[0].userID:
			b := records[0]
			all = append(all, repair.New(s.name(b), "of the user "+b.userID+" has no guard, so that another user can have it too: link it again, or Repair", "has a guard",
				func(ctx context.Context) error { return s.guard(ctx, b) }))
		}
	}
	return all
}

// guard makes the guard of an account or an authenticator, unless it was changed since
// it was read.
func (s *store) guard(ctx context.Context, b belonging) error {
	of := accounts
	if strings.HasPrefix(b.at.sort, prefixAuthenticator) {
		of = authenticators
	}
	_, err := s.rewrite(ctx, owned{record: b.item, at: b.at}, of, func(it item) (item, error) {
		after := maps.Clone(it)
		after[fieldStamp] = str(newStamp())
		return after, nil
	})
	if errors.Is(err, adapter.ErrConflict) || errors.Is(err, adapter.ErrNotFound) {
		return nil // the next Repair sees what it is now
	}
	return err
}

// strayGuards are guards of what is not there any more.
func (s *store) strayGuards(v *survey) (all []repair.Finding) {
	there := map[key]bool{}
	for _, b := range v.owned {
		there[key{b.at.sort, b.userID}] = true
	}
	for k, guard := range v.guards {
		owner, what := text(guard[fieldUserID]), "record"
		leads := there[key{k.partition, owner}]
		if email, ok := strings.CutPrefix(k.partition, prefixEmail); ok {
			what = "e-mail address"
			leads = len(v.emails[adapter.NormalizeEmail(email)]) > 0 // else see twins
		}
		if leads || v.isRecord(k) {
			continue
		}
		all = append(all, repair.New("guard of the user "+owner, "leads to no "+what+" of the user any more: delete it, or Repair", "deleted",
			func(ctx context.Context) error { return s.removeStray(ctx, k, guard) }))
	}
	return all
}

// isRecord reports whether a guard is that of an account or an authenticator that a user
// has: see owners.
func (v *survey) isRecord(guard key) bool {
	return slices.ContainsFunc(v.accounts[guard.partition], func(b belonging) bool { return v.users[b.userID] != nil })
}

// removeStray deletes a guard that is as it was read.
func (s *store) removeStray(ctx context.Context, k key, guard item) error {
	condition, names, values := s.stillStamped(stampOf(guard))
	err := s.transact(ctx, func() ([]step, error) {
		return []step{{types.TransactWriteItem{Delete: &types.Delete{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}}, changed}}, nil
	})
	if errors.Is(err, errChanged) {
		return nil
	}
	return err
}
