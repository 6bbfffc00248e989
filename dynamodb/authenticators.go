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
	return a, s.own(ctx, record, authenticators)
}

// GetAuthenticator takes two calls, as GetAccount does.
func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	found, err := s.find(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(found.record)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return listOwned(ctx, s, userID, prefixAuthenticator, s.decodeAuthenticator)
}

// UpdateAuthenticatorCounter takes two calls: the user, in whose partition the record
// is, is not known before the first.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	at, err := s.behind(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	it, err := s.count(ctx, at, counter)
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(it)
}

// count stores a counter that is newer than the stored one.
func (s *store) count(ctx context.Context, at key, counter uint32) (item, error) {
	c := newChanges(newStamp(), s.options.Now())
	c.set[credentialCounter] = number(int64(counter))
	return s.updateReadable(ctx, at, c, isNewer(counter), func(a adapter.Authenticator) error {
		if !driver.CounterGrows(a.Counter, counter) {
			return adapter.Conflict(adapter.FieldCounter)
		}
		return nil
	})
}

// updateReadable changes an authenticator that can be read, if a condition holds. If it does
// not, which may be for the form in which another program wrote the counter, allowed says
// whether it is changed.
func (s *store) updateReadable(ctx context.Context, at key, c *changes, condition func(*expression) string, allowed func(adapter.Authenticator) error) (item, error) {
	it, ok, err := s.updateItem(ctx, at, c, condition)
	for r := newRetrier(); err == nil && !ok; {
		if len(it) == 0 {
			return nil, adapter.ErrNotFound
		}
		a, err := s.decodeAuthenticator(it)
		if err == nil {
			err = allowed(a)
		}
		if err != nil {
			return nil, err
		}
		read := it
		if it, ok, err = s.updateItem(ctx, at, c, is(credentialCounter, read)); err != nil || ok {
			return it, err
		}
		if err := r.again(ctx, errChanged); err != nil {
			return nil, err
		}
	}
	return it, err
}

// isNewer is the condition that a stored counter is smaller than another one, or that both
// are 0 (WebAuthn Level 3, sections 6.1.1 and 7.2), in a record that can be read.
func isNewer(counter uint32) func(*expression) string {
	return counts(max(int64(counter)-1, 0))
}

// counts is the condition that a counter is a number from 0 to most, in a record that can be
// read.
func counts(most int64) func(*expression) string {
	return func(e *expression) string {
		return "attribute_type(" + e.name(credentialPublicKey) + "," + e.value(str("S")) + ") AND " +
			e.name(credentialCounter) + " BETWEEN " + e.value(number(0)) + " AND " + e.value(number(most))
	}
}

// UpdateAuthenticator takes two calls, as UpdateAuthenticatorCounter does.
func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	at, err := s.behind(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, err
	}
	it, err := s.updateAuthenticator(ctx, at, s.encodeAuthenticatorUpdate(up, newStamp()))
	switch {
	case isTooLarge(err):
		return adapter.Authenticator{}, tooLarge("Authenticator")
	case err != nil:
		return adapter.Authenticator{}, err
	}
	return s.decodeAuthenticator(it)
}

// updateAuthenticator changes an authenticator where a guard says that it is.
func (s *store) updateAuthenticator(ctx context.Context, at key, c *changes) (item, error) {
	if c.many() {
		return s.rewrite(ctx, at, authenticators, c)
	}
	return s.updateReadable(ctx, at, c, counts(math.MaxUint32), func(adapter.Authenticator) error { return nil })
}

// DeleteAuthenticator takes two calls, as UpdateAuthenticatorCounter does.
func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	at, err := s.behind(ctx, authenticatorSort(credentialID))
	if err == nil {
		err = s.disown(ctx, at)
	}
	return absence(err)
}
