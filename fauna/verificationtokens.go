package fauna

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	_, err := s.query(ctx, createVerificationToken, args{"link": encodeLink(t)})
	return t, err
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	now := s.options.Now()
	d, err := s.one(ctx, useVerificationToken, args{"identifier": identifier, "token": token}, "link")
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t := decodeLink(d)
	if !now.Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, nil
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return s.sweep(ctx, deleteVerificationTokens, args{"identifier": identifier})
}
