package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// Accounts and authenticators are kept alike: a record in the user's partition, and a
// copy of it as its guard. Both are written in one transaction, always.

// kind is how accounts or authenticators differ.
type kind struct {
	name  string // in errors
	field string // that is unique
}

var (
	accounts       = kind{"Account", adapter.FieldAccount}
	authenticators = kind{"Authenticator", adapter.FieldCredentialID}
)

// own stores a record and its guard.
func (s *store) own(ctx context.Context, record item, kind kind) error {
	c := s.claimRecord(record, kind.field)
	return s.transact(ctx, func() ([]step, error) {
		return []step{
			s.create(record, "", func(context.Context, item) error { return adapter.Conflict(kind.field) }),
			c.step(s),
		}, nil
	})
}

// owned is a record as it was found.
type owned struct {
	record  item // with its own key, or that of its guard
	at      key  // in its user's partition
	guarded bool // false for an account that the Auth.js adapter has made
}

// find returns what a guard says, for one call.
func (s *store) find(ctx context.Context, sort string) (owned, error) {
	guard, err := s.get(ctx, recordGuard(sort))
	if err != nil {
		return owned{}, err
	}
	return owned{guard, key{userPartition(text(guard[fieldUserID])), sort}, true}, nil
}

// findAccount finds an account by its guard, and if it has none by the index: as the
// Auth.js adapter writes its keys, and as it did before its version 4. What the index
// says is believed only if the account itself agrees.
func (s *store) findAccount(ctx context.Context, k adapter.AccountKey) (owned, error) {
	found, err := s.find(ctx, accountSort(k))
	if s.options.NoIndex || !errors.Is(err, adapter.ErrNotFound) {
		return found, err
	}
	for _, keys := range [][2]string{{k.Provider, k.ProviderAccountID}, {k.ProviderAccountID, k.Provider}} {
		items, err := s.indexed(ctx, prefixAccount+keys[0], prefixAccount+keys[1])
		if err != nil {
			return owned{}, err
		}
		for _, it := range items {
			at := s.keyOf(it)
			record, err := s.get(ctx, at)
			if err == nil && text(record[accountProvider]) == k.Provider && text(record[accountID]) == k.ProviderAccountID {
				return owned{record: record, at: at}, nil
			}
			if absence(err) != nil {
				return owned{}, err
			}
		}
	}
	return owned{}, adapter.ErrNotFound
}

// rewrite changes a record that was found, and its guard. next returns the record
// after the change, or why there is none; it may be asked again.
func (s *store) rewrite(ctx context.Context, found owned, kind kind, next func(item) (item, error)) (item, error) {
	var after item
	var claimed claim
	stamp, guardStamp := stampOf(found.record), stampOf(found.record)
	changed := func(_ context.Context, now item) error { // somebody else was first
		if len(now) == 0 {
			return adapter.ErrNotFound
		}
		found.record, stamp = now, stampOf(now)
		return nil
	}
	guardChanged := func(_ context.Context, now item) error {
		found.guarded, guardStamp = len(now) > 0, stampOf(now)
		return nil
	}
	err := s.transact(ctx, func() ([]step, error) {
		var err error
		if after, err = next(found.record); err != nil {
			return nil, err
		}
		record := s.recordOf(after, found.at, kind)
		if err := checkSize(kind.name, record); err != nil {
			return nil, err
		}
		steps := []step{s.replace(record, stamp, changed)}
		if found.guarded {
			return append(steps, s.replace(s.guardOf(record), guardStamp, guardChanged)), nil
		}
		stale := claimed.stale
		claimed = *s.claimRecord(record, kind.field)
		claimed.stale = stale
		return append(steps, claimed.step(s)), nil
	})
	return after, err
}

// recordOf returns a record, which may come from its guard, with its own keys.
func (s *store) recordOf(it item, at key, kind kind) item {
	record := s.place(s.withoutKeys(it), at)
	if kind == accounts {
		s.indexAccount(record)
	}
	return record
}

// withoutKeys returns a copy of an item without its keys.
func (s *store) withoutKeys(it item) item {
	c := make(item, len(it)+4)
	for name, v := range it {
		if !s.keys[name] {
			c[name] = v
		}
	}
	return c
}

// errOther says that a guard is another user's by now.
var errOther = errors.New("the guard is another user's")

// disown removes a record that was found, and its guard.
func (s *store) disown(ctx context.Context, found owned) error {
	userID := text(found.record[fieldUserID])
	err := s.transact(ctx, func() ([]step, error) {
		return []step{
			s.remove(found.at),
			s.removeOf(userID, recordGuard(found.at.sort), func(context.Context, item) error { return errOther }),
		}, nil
	})
	if errors.Is(err, errOther) {
		return nil // it was removed before the other took it
	}
	return err
}

// listOwned returns a user's records of a kind.
func listOwned[T any](ctx context.Context, s *store, userID, prefix string, decode func(item) (T, error)) ([]T, error) {
	items, err := s.all(ctx, userID, prefix)
	if err != nil {
		return nil, failure(err)
	}
	all := make([]T, len(items))
	for i, it := range items {
		if all[i], err = decode(it); err != nil {
			return nil, err
		}
	}
	return all, nil
}
