package dynamodb

import (
	"context"
	"errors"
	"maps"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	record, err := s.encodeAuthenticator(a, newStamp())
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return a, failure(s.own(ctx, record, authenticators))
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	found, err := s.find(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	return decodeAuthenticator(found.record)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	return listOwned(ctx, s, userID, prefixAuthenticator, decodeAuthenticator)
}

// UpdateAuthenticatorCounter takes two calls: the user, in whose partition the record
// is, is not known before the first.
func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	found, err := s.find(ctx, authenticatorSort(credentialID))
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	stamp := newStamp()
	after, err := s.rewrite(ctx, found, authenticators, func(old item) (item, error) {
		a, err := decodeAuthenticator(old)
		switch {
		case err != nil:
			return nil, err
		case !adapter.CounterGrows(a.Counter, counter):
			return nil, adapter.Conflict(adapter.FieldCounter)
		}
		now := maps.Clone(old)
		now[credentialCounter], now[fieldStamp] = number(int64(counter)), str(stamp)
		return now, nil
	})
	if err != nil {
		return adapter.Authenticator{}, failure(err)
	}
	return decodeAuthenticator(after)
}

// DeleteAuthenticator takes two calls, as UpdateAuthenticatorCounter does.
func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	found, err := s.find(ctx, authenticatorSort(credentialID))
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return failure(err)
	}
	return failure(s.disown(ctx, found))
}
