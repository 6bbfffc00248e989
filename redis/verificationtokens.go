package redis

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
)

// links returns the key of an identifier's tokens.
func (s *store) links(tag string) []string { return []string{s.key(kindLinks, tag)} }

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	tag, now := escape(t.Identifier), s.options.Now()
	err := s.write(ctx, linkCreate, tag, s.links(tag), encodeLink(t), t.Token, life(t.Expires, now), millis(now)).Err()
	return t, err
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	record, err := s.runOnce(ctx, linkUse, s.links(escape(identifier)), token).Text()
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
	return s.write(ctx, linksDelete, tag, s.links(tag)).Err()
}

// grace is how much longer than it is valid something stays in the store. What is valid
// is judged by the adapter's clock, which may be behind that of the adapter that made it.
const grace = time.Hour

// life returns how long something stays that expires at a time, in ms.
func life(expires, now time.Time) int64 {
	return max(1, (expires.Sub(now) + grace).Milliseconds())
}
