package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return a, s.own(ctx, createAuthenticator, a.UserID, "Authenticator", args{"authenticator": encodeAuthenticator(a)})
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	d, err := s.one(ctx, getAuthenticator, args{"credentialID": credentialID}, "authenticator")
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(d), nil
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	if !isID(userID) {
		return nil, nil
	}
	return list(ctx, s, listAuthenticators, args{"id": userID}, decodeAuthenticator)
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	r, err := s.query(ctx, updateCounter, args{"credentialID": credentialID, "counter": counter})
	if err != nil {
		return adapter.Authenticator{}, err
	}
	d := fields(r["authenticator"])
	switch {
	case d == nil:
		return adapter.Authenticator{}, adapter.ErrNotFound
	case r["grows"] != true:
		return adapter.Authenticator{}, adapter.Conflict(adapter.FieldCounter)
	}
	return decodeAuthenticator(d), nil
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	_, err := s.query(ctx, deleteAuthenticator, args{"credentialID": credentialID})
	return err
}
