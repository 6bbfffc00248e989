package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

// Accounts and authenticators are stored alike: a record in the user's partition, and a guard
// that leads there. Both are created and deleted in one transaction; an update changes the
// record alone.

// owned is a record as it was found, with its user.
type owned struct {
	record, user item
	key          key
}

// findGuarded returns the record that a guard leads to.
func (s *store) findGuarded(ctx context.Context, sort string) (owned, error) {
	k, err := s.followGuard(ctx, sort)
	if err != nil {
		return owned{}, err
	}
	return s.getWithUser(ctx, k)
}

// followGuard returns the key of the record that a guard leads to.
func (s *store) followGuard(ctx context.Context, sort string) (key, error) {
	guard, err := s.get(ctx, recordGuard(sort))
	return key{userPartition(text(guard[fieldUserID])), sort}, err
}

// getWithUser reads a record with its user. ErrNotFound if either is gone: the Auth.js adapter
// leaves behind guards of accounts that it unlinked, and accounts of users that it deleted.
func (s *store) getWithUser(ctx context.Context, k key) (owned, error) {
	items, err := s.lookup.get(ctx, want{k, userKey(partitionUser(k))})
	if err == nil && (items[0] == nil || items[1] == nil) {
		err = adapter.ErrNotFound
	}
	return owned{items[0], items[1], k}, err
}

// findAccount finds an account by its guard, or by the index if the guard leads nowhere.
func (s *store) findAccount(ctx context.Context, k adapter.AccountKey) (owned, error) {
	found, err := s.findGuarded(ctx, accountSort(k))
	if errors.Is(err, adapter.ErrNotFound) {
		return s.findIndexed(ctx, k)
	}
	return found, err
}

// findIndexed finds an account without a guard in the index, under the keys that the Auth.js
// adapter writes, and wrote before its version 4. What the index returns counts only if the
// account itself agrees.
func (s *store) findIndexed(ctx context.Context, k adapter.AccountKey) (owned, error) {
	for _, keys := range [][2]string{{k.Provider, k.ProviderAccountID}, {k.ProviderAccountID, k.Provider}} {
		items, err := s.queryIndex(ctx, prefixAccount+keys[0], prefixAccount+keys[1])
		if err != nil {
			return owned{}, err
		}
		for _, it := range items {
			if !isOwned(s.keyOf(it)) {
				continue
			}
			found, err := s.getWithUser(ctx, s.keyOf(it))
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

// deleteGuarded deletes a record and its guard. If there is no record, and still none in the
// step that does it, it deletes the guard alone, and returns ErrNotFound.
func (s *store) deleteGuarded(ctx context.Context, k key) error {
	w := &removal{s: s, key: k, release: s.newRelease(partitionUser(k))}
	err := s.transact(ctx, w.steps)
	if err == nil && w.missing {
		err = adapter.ErrNotFound
	}
	return err
}

// removal is a write that deletes a record and its guard.
type removal struct {
	s       *store
	key     key
	missing bool // the record was not there
	release *release
}

func (w *removal) steps() ([]step, error) {
	guard := w.release.guard(recordGuard(w.key.sort))
	switch {
	case !w.missing:
		return append([]step{w.s.removeThere(w.key, w.turn)}, guard...), nil
	case len(guard) == 0:
		return nil, nil
	}
	// Somebody may make the record again, and the guard leads to it then.
	return append(guard, w.s.absent(w.key).otherwise(w.turn)), nil
}

// turn is called if the record is not there although it was, or the other way round.
func (w *removal) turn(context.Context, item) error {
	w.missing = !w.missing
	return nil
}

// listOwned returns a user's records of a kind. An unreadable record does not hide the others:
// it is left out, and listed by CheckSchema.
func listOwned[T any](ctx context.Context, s *store, userID, prefix string, decode func(item) (T, error)) ([]T, error) {
	items, err := s.listItems(ctx, userID, prefix)
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

// isRecord reports whether an item in the partition of a user is a session, an account or an
// authenticator. Items of other programs may have such a sort key too: they have none of the
// attributes by which a record is recognized.
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

func isOwned(k key) bool { return hasPrefix(k, prefixAccount) || hasPrefix(k, prefixAuthenticator) }
