package dynamodb

import (
	"context"
	"math"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	record, err := s.encodeAuthenticator(a, newStamp())
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return a, s.transact(ctx, s.claimRecord(record).write)
}

// GetAuthenticator takes two requests, as GetAccount does.
func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	found, err := s.findGuarded(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(found.record)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return listOwned(ctx, s, userID, prefixAuthenticator, s.decodeAuthenticator)
}

// UpdateAuthenticatorCounter takes two requests, since the guard says in which user's partition
// the record is.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	c := newChanges(newStamp(), s.options.Now())
	c.set[credentialCounter] = number(int64(counter))
	return s.updateAuthenticator(ctx, credentialID, c, &counter)
}

// UpdateAuthenticator takes two requests, as UpdateAuthenticatorCounter does.
func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	return s.updateAuthenticator(ctx, credentialID, s.encodeAuthenticatorUpdate(up, newStamp()), nil)
}

func (s *store) updateAuthenticator(ctx context.Context, credentialID string, c *changes, counter *uint32) (adapter.Authenticator, error) {
	found, err := s.followGuard(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	w := &authenticatorUpdate{update{s: s, key: found, record: "Authenticator", changes: c}, counter}
	it, err := w.run(ctx)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(it)
}

// authenticatorUpdate is a write that changes a readable authenticator.
type authenticatorUpdate struct {
	update
	counter *uint32 // which must be greater than the stored one; nil: that one stays
}

func (w *authenticatorUpdate) run(ctx context.Context) (item, error) {
	if w.changes.many() {
		return w.commit(ctx, w.steps)
	}
	it, ok, err := w.send(ctx, w.usual)
	for r := newRetrier(); err == nil && !ok; {
		if len(it) == 0 {
			return nil, adapter.ErrNotFound
		}
		if err := w.check(it); err != nil {
			return nil, err
		}
		// It may be changed: its counter is of another form.
		if it, ok, err = w.send(ctx, is(credentialCounter, it)); err == nil && !ok {
			err = r.again(ctx, errChanged)
		}
	}
	return it, err
}

func (w *authenticatorUpdate) steps() ([]step, error) {
	if err := w.check(w.current); err != nil {
		return nil, err
	}
	return w.update.steps()
}

// check returns why an authenticator cannot be changed: it is unreadable, or the counter does
// not grow. It accepts every form in which another program may have written the counter.
func (w *authenticatorUpdate) check(it item) error {
	a, err := w.s.decodeAuthenticator(it)
	if err == nil && w.counter != nil && !driver.CounterGrows(a.Counter, *w.counter) {
		err = adapter.Conflict(adapter.FieldCounter)
	}
	return err
}

// usual is the condition that check would accept an authenticator in the form that this package
// writes: its counter is smaller than the new one, or both are 0 (WebAuthn Level 3, sections
// 6.1.1 and 7.2).
func (w *authenticatorUpdate) usual(e *expression) string {
	most := int64(math.MaxUint32)
	if w.counter != nil {
		most = max(int64(*w.counter)-1, 0)
	}
	return "attribute_type(" + e.name(credentialPublicKey) + "," + e.value(str("S")) + ") AND " +
		e.name(credentialCounter) + " BETWEEN " + e.value(number(0)) + " AND " + e.value(number(most))
}

// DeleteAuthenticator takes two requests, as UpdateAuthenticatorCounter does.
func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	found, err := s.followGuard(ctx, authenticatorSort(credentialID))
	if err == nil {
		err = s.deleteGuarded(ctx, found)
	}
	return absence(err)
}
