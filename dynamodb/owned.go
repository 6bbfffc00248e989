package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// Accounts and authenticators are kept alike: a record in the user's partition, and a
// guard that leads there. Both are made and deleted in one transaction; a change is that
// of the record alone.

// kind is how accounts or authenticators differ.
type kind struct {
	record string                   // in errors
	field  string                   // that is unique
	check  func(*store, item) error // why it cannot be read
}

var (
	accounts       = kind{"Account", adapter.FieldAccount, checked((*store).decodeAccount)}
	authenticators = kind{"Authenticator", adapter.FieldCredentialID, checked((*store).decodeAuthenticator)}
)

func checked[T any](decode func(*store, item) (T, error)) func(*store, item) error {
	return func(s *store, it item) error {
		_, err := decode(s, it)
		return err
	}
}

// own stores a record and its guard.
func (s *store) own(ctx context.Context, record item, kind kind) error {
	c := s.claimRecord(record, kind.field)
	return s.transact(ctx, func() ([]step, error) { return c.steps(s), nil })
}

// owned is a record as it was found, and its user.
type owned struct {
	record, user item
	at           key
}

// find returns the record that a guard leads to.
func (s *store) find(ctx context.Context, sort string) (owned, error) {
	at, err := s.behind(ctx, sort)
	if err != nil {
		return owned{}, err
	}
	return s.lookUp(ctx, at)
}

// behind returns where a guard says that its record is.
func (s *store) behind(ctx context.Context, sort string) (key, error) {
	guard, err := s.get(ctx, recordGuard(sort))
	return key{userPartition(text(guard[fieldUserID])), sort}, err
}

// lookUp reads a record with its user. ErrNotFound if either is gone: the Auth.js adapter
// leaves guards of accounts that it unlinked, and accounts of users that it deleted.
func (s *store) lookUp(ctx context.Context, at key) (owned, error) {
	record, user, err := s.getTwo(ctx, at, userKey(inPartitionOf(at)), true)
	if err == nil && (record == nil || user == nil) {
		err = adapter.ErrNotFound
	}
	return owned{record, user, at}, err
}

// findAccount finds an account by its guard, and if that leads nowhere by the index.
func (s *store) findAccount(ctx context.Context, k adapter.AccountKey) (owned, error) {
	found, err := s.find(ctx, accountSort(k))
	if errors.Is(err, adapter.ErrNotFound) {
		return s.findIndexed(ctx, k)
	}
	return found, err
}

// findIndexed finds an account that has no guard: as the Auth.js adapter writes its keys in
// the index, and as it did before its version 4. What the index says is believed only if
// the account itself agrees.
func (s *store) findIndexed(ctx context.Context, k adapter.AccountKey) (owned, error) {
	for _, keys := range [][2]string{{k.Provider, k.ProviderAccountID}, {k.ProviderAccountID, k.Provider}} {
		items, err := s.indexed(ctx, prefixAccount+keys[0], prefixAccount+keys[1])
		if err != nil {
			return owned{}, err
		}
		for _, it := range items {
			if !isOwned(s.keyOf(it)) {
				continue
			}
			found, err := s.lookUp(ctx, s.keyOf(it))
			if err == nil && s.accountKey(found.record) == k {
				return found, nil
			}
			if absence(err) != nil {
				return owned{}, err
			}
		}
	}
	return owned{}, adapter.ErrNotFound
}

// disown removes a record and its guard. ErrNotFound if there was no record: the guard, if
// it led there, is gone then too.
func (s *store) disown(ctx context.Context, at key) error {
	guard, there, others := recordGuard(at.sort), true, false
	err := s.transact(ctx, func() (steps []step, _ error) {
		if there {
			gone := s.remove(at)
			gone.write.Delete.ConditionExpression, gone.write.Delete.ExpressionAttributeNames = isThere, s.pkNames
			gone.failed = func(context.Context, item) error {
				there = false
				return nil
			}
			steps = append(steps, gone)
		}
		if !others {
			steps = append(steps, s.removeOf(inPartitionOf(at), guard, func(context.Context, item) error {
				others = true
				return nil
			}))
		}
		return steps, nil
	})
	if err == nil && !there {
		err = adapter.ErrNotFound
	}
	return err
}

// adopt changes a record that has no guard, and makes the guard. The record is returned as
// it is then.
func (s *store) adopt(ctx context.Context, found owned, kind kind, c *changes) (after item, err error) {
	claimed := s.claimAgain(found.at, c.stamp(), kind.field)
	err = s.transact(ctx, func() ([]step, error) {
		after = c.apply(found.record)
		if err := checkSize(kind.record, after); err != nil {
			return nil, err
		}
		change := s.change(found.at, c, found.record, refresh(&found.record))
		return append(claimed.steps(s), change), nil
	})
	return after, err
}

// rewrite changes a record in more fields than an update expression has room for.
func (s *store) rewrite(ctx context.Context, at key, kind kind, c *changes) (after item, err error) {
	current, err := s.get(ctx, at)
	if err != nil {
		return nil, err
	}
	err = s.transact(ctx, func() ([]step, error) {
		if err := kind.check(s, current); err != nil {
			return nil, err
		}
		after = c.apply(current)
		return []step{s.replaceRead(after, current, refresh(&current))}, checkSize(kind.record, after)
	})
	return after, err
}

// listOwned returns a user's records of a kind. One that cannot be read is left out, and
// told by CheckSchema: it is no reason not to show the others.
func listOwned[T any](ctx context.Context, s *store, userID, prefix string, decode func(item) (T, error)) ([]T, error) {
	items, err := s.all(ctx, userID, prefix)
	if err != nil {
		return nil, failure(err)
	}
	all := make([]T, 0, len(items))
	for _, it := range items {
		if !s.isRecord(it) {
			continue
		}
		if record, err := decode(it); err == nil {
			all = append(all, record)
		}
	}
	return all, nil
}

// isRecord reports whether an item in the partition of a user is a session, an account or
// an authenticator. An application may keep other items there, under such a sort key too:
// they have none of a record's key fields.
func (s *store) isRecord(it item) bool {
	fields := []string{fieldStamp, sessionToken, fieldExpires}
	switch k := s.keyOf(it); {
	case hasPrefix(k, prefixAccount):
		fields = []string{fieldStamp, accountProvider, accountProviderV3, accountID}
	case hasPrefix(k, prefixAuthenticator):
		fields = []string{fieldStamp, credentialID}
	case !hasPrefix(k, prefixSession):
		return false
	}
	for _, name := range fields {
		if it[name] != nil {
			return true
		}
	}
	return hasPrefix(s.keyOf(it), prefixSession) && text(it[fieldType]) == typeSession
}

// is is the condition that an attribute is as it was read.
func is(name string, read item) func(*expression) string {
	return func(e *expression) string {
		if v := read[name]; v != nil {
			return e.name(name) + "=" + e.value(v)
		}
		return "attribute_not_exists(" + e.name(name) + ")"
	}
}
