package redis

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	tag, now := escape(t.Identifier), s.options.Now()
	err := s.share(ctx, linkCreate, tag, s.linkKeys(tag), encodeLink(t), t.Token, timeToLive(t.Expires, now), millis(now)).Err()
	return t, err
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	record, err := s.runOnce(ctx, linkUse, s.linkKeys(escape(identifier)), token).Text()
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := decodeLink(identifier, token, record)
	if err == nil && !s.options.Now().Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, err
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	tag := escape(identifier)
	return s.write(ctx, linksDelete, tag, s.linkKeys(tag)).Err()
}
