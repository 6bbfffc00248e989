package dynamodb

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	record, err := s.encodeAuthenticator(a, newStamp())
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return a, failure(s.own(ctx, record, authenticators))
}

// GetAuthenticator takes two calls, as GetAccount does.
func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	found, err := s.find(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, failure(err)
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
		return adapter.Authenticator{}, failure(err)
	}
	it, err := s.count(ctx, at, counter)
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	return s.decodeAuthenticator(it)
}

// count stores a counter that is newer than the stored one. What another program stored is
// looked at first.
func (s *store) count(ctx context.Context, at key, counter uint32) (item, error) {
	c := &changes{set: item{fieldStamp: str(newStamp()), credentialCounter: number(int64(counter))}}
	it, ok, err := s.updateItem(ctx, at, c, isNewer(counter))
	for r := newRetrier(); err == nil && !ok; {
		if len(it) == 0 {
			return nil, adapter.ErrNotFound
		}
		a, err := s.decodeAuthenticator(it)
		if err != nil {
			return nil, err
		}
		if counter <= a.Counter && (counter != 0 || a.Counter != 0) {
			return nil, adapter.Conflict(adapter.FieldCounter)
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
	return func(e *expression) string {
		stored, zero := e.name(credentialCounter), e.value(number(0))
		newer := stored + "=" + zero
		if counter > 0 {
			newer = stored + ">=" + zero + " AND " + stored + "<" + e.value(number(int64(counter)))
		}
		return "attribute_type(" + e.name(credentialPublicKey) + "," + e.value(str("S")) + ") AND " + newer
	}
}

// DeleteAuthenticator takes two calls, as UpdateAuthenticatorCounter does.
func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	at, err := s.behind(ctx, authenticatorSort(credentialID))
	if err == nil {
		err = s.disown(ctx, at)
	}
	return failure(absence(err))
}
