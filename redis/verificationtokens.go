package redis

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// links returns the key of an identifier's list of tokens, and what the key of each
// token begins with.
func (s *store) links(identifier string) (list, link string) {
	tag := escape(identifier)
	return s.key(kindLinks, tag), s.key(kindLink, tag) + ":"
}

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	list, link := s.links(t.Identifier)
	err := s.run(ctx, verificationCreate, []string{list, link + t.Token},
		encodeLink(t), millis(t.Expires), t.Token, s.lifetime(t.Expires), newNonce()).Err()
	return t, client.Failure(err)
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	_, link := s.links(identifier)
	record, err := s.take(ctx, link+token).Result()
	if err != nil {
		return adapter.VerificationToken{}, client.Failure(err)
	}
	t, err := decodeLink(identifier, token, record)
	if err == nil && !s.options.Now().Before(t.Expires) {
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, err
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	list, link := s.links(identifier)
	return client.Failure(s.run(ctx, verificationDelete, []string{list}, link).Err())
}
