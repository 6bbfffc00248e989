package dynamodb

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
)

func (s *store) LinkAccount(ctx context.Context, a adapter.Account) (adapter.Account, error) {
	record, err := s.encodeAccount(a, newStamp())
	if err != nil {
		return adapter.Account{}, err
	}
	return a, s.transact(ctx, s.claimRecord(record).write)
}

// GetAccount takes two requests: the account's guard, then the account with its user. An
// account that the Auth.js adapter wrote takes three, and one more in the layout of that
// adapter before version 4.
func (s *store) GetAccount(ctx context.Context, k adapter.AccountKey) (adapter.Account, error) {
	found, err := s.findAccount(ctx, k)
	if err != nil {
		return adapter.Account{}, err
	}
	return s.decodeAccount(found.record)
}

func (s *store) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	return listOwned(ctx, s, userID, prefixAccount, s.decodeAccount)
}

// UpdateAccount takes two requests, since the guard says in which user's partition the account
// is. While the account is being unlinked and linked again, its guard may lead nowhere, and the
// account that the index returns may have another guard: then it starts over.
func (s *store) UpdateAccount(ctx context.Context, k adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	c := s.encodeAccountUpdate(up, newStamp())
	for r := newRetrier(); ; {
		it, err := s.updateGuarded(ctx, k, c)
		if errors.Is(err, adapter.ErrNotFound) {
			it, err = s.updateIndexed(ctx, k, c)
		}
		if err == nil {
			return s.decodeAccount(it)
		}
		if !errors.Is(err, adapter.ErrConflict) {
			return adapter.Account{}, err
		}
		if err := r.again(ctx, errChanged); err != nil {
			return adapter.Account{}, err
		}
	}
}

// updateGuarded changes an account that has a guard.
func (s *store) updateGuarded(ctx context.Context, k adapter.AccountKey, c *changes) (item, error) {
	found, err := s.followGuard(ctx, accountSort(k))
	if err != nil {
		return nil, err
	}
	w := &accountUpdate{update: update{s: s, key: found, record: "Account", changes: c}}
	if !c.many() {
		return w.sendAny(ctx)
	}
	return w.commit(ctx, w.steps)
}

// updateIndexed changes an account that the index returns, and makes its guard. ErrConflict if
// it has a guard by now.
func (s *store) updateIndexed(ctx context.Context, k adapter.AccountKey, c *changes) (item, error) {
	found, err := s.findIndexed(ctx, k)
	if err != nil {
		return nil, err
	}
	w := &accountUpdate{
		update: update{s: s, key: found.key, record: "Account", changes: c, current: found.record},
		claim:  s.claimKey(found.key, c.stamp()),
	}
	return w.commit(ctx, w.steps)
}

// accountUpdate is a write that changes an account.
type accountUpdate struct {
	update
	claim *claim // of an account without a guard
}

func (w *accountUpdate) steps() ([]step, error) {
	if _, err := w.s.decodeAccount(w.current); err != nil {
		return nil, err
	}
	steps, err := w.update.steps()
	if err != nil || w.claim == nil {
		return steps, err
	}
	return append(w.claim.steps(), steps...), nil
}

// UnlinkAccount takes two requests, as UpdateAccount does.
func (s *store) UnlinkAccount(ctx context.Context, k adapter.AccountKey) error {
	guarded, err := s.followGuard(ctx, accountSort(k))
	if err == nil {
		if err = s.deleteGuarded(ctx, guarded); err == nil {
			return nil
		}
	}
	if !errors.Is(err, adapter.ErrNotFound) {
		return err
	}
	found, err := s.findIndexed(ctx, k)
	if err == nil {
		err = s.deleteGuarded(ctx, found.key)
	}
	return absence(err)
}
