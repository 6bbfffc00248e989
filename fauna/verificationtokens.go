package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	create := func() error {
		_, err := s.query(ctx, createVerificationToken, args{"link": encodeVerificationToken(t)})
		return err
	}
	return t, createOverExpired(create, func() error {
		_, err := s.query(ctx, deleteExpiredToken, args{"identifier": t.Identifier, "token": t.Token, "now": s.options.Now()})
		return err
	})
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	now := s.options.Now()
	a := args{"identifier": identifier, "token": token, "seen": nil}
	d, err := s.changeReadable(ctx, useVerificationToken, a, "link", func(d doc) error {
		_, err := decodeVerificationToken(d, s.names.VerificationTokens) // an expired one is used up too
		return err
	})
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := decodeVerificationToken(d, s.names.VerificationTokens)
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	if !now.Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, nil
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	err := s.sweep(ctx, deleteVerificationTokens, args{"identifier": identifier})
	if !contended(err) {
		return err
	}
	return s.deleteListed(ctx, s.names.VerificationTokens, listTokens, args{"identifier": identifier}, func(doc) bool { return true })
}
