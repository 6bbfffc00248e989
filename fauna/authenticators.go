package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	return a, s.createOwned(ctx, createAuthenticator, a.UserID, "Authenticator", adapter.FieldCredentialID, s.createAuthenticatorArgs(a))
}

// createAuthenticatorArgs returns the arguments that create an authenticator.
func (s *store) createAuthenticatorArgs(a adapter.Authenticator) args {
	return args{"credentialID": a.CredentialID, "name": s.names.Authenticators, "brought": encodeAuthenticator(a)}
}

func (s *store) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	d, err := s.queryDocument(ctx, getAuthenticator, args{"credentialID": credentialID}, "authenticator")
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(d, s.names.Authenticators)
}

func (s *store) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	if !isID(userID) {
		return nil, nil
	}
	return list(ctx, s, listAuthenticators, args{"id": userID}, func(d doc) (adapter.Authenticator, bool) {
		a, err := decodeAuthenticator(d, s.names.Authenticators)
		return a, err == nil
	})
}

func (s *store) UpdateAuthenticatorCounter(ctx context.Context, credentialID string, counter uint32) (adapter.Authenticator, error) {
	r, err := s.query(ctx, updateCounter, args{"credentialID": credentialID, "counter": counter, "now": s.options.Now()})
	if err != nil {
		return adapter.Authenticator{}, err
	}
	d := fields(r["authenticator"])
	if d == nil {
		return adapter.Authenticator{}, adapter.ErrNotFound
	}
	a, err := decodeAuthenticator(d, s.names.Authenticators)
	if err == nil && r["grows"] != true {
		err = adapter.Conflict(adapter.FieldCounter)
	}
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return a, nil
}

func (s *store) UpdateAuthenticator(ctx context.Context, credentialID string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	a := args{"credentialID": credentialID, "changes": encodeAuthenticatorUpdate(up, s.options.Now()), "seen": nil}
	d, err := s.changeReadable(ctx, updateAuthenticator, a, "authenticator", func(d doc) error {
		_, err := decodeAuthenticator(d, s.names.Authenticators)
		return err
	})
	if err != nil {
		return adapter.Authenticator{}, err
	}
	return decodeAuthenticator(d, s.names.Authenticators)
}

func (s *store) DeleteAuthenticator(ctx context.Context, credentialID string) error {
	_, err := s.query(ctx, deleteAuthenticator, args{"credentialID": credentialID})
	return err
}
