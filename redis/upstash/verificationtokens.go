package upstash

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	value, err := encodeLink(t)
	if err != nil {
		return t, err
	}
	cmd := s.run(ctx, linkCreate, []string{s.layout.reply(), s.layout.link(t.Identifier, t.Token)}, value, millis(t.Expires))
	return t, cmd.Err()
}

// UseVerificationToken takes a token in one step. Only a token that another program has
// written in a form of its own is read first, and then taken if it has not changed.
func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	key := s.layout.link(identifier, token)
	reply, err := s.runOnce(ctx, linkUse, []string{key}, identifier, token).StringSlice()
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	value, taken := reply[0], reply[1] == "1"
	t, err := s.layout.decodeLink(key, value)
	if err == nil && (t.Identifier != identifier || t.Token != token) {
		err = adapter.ErrNotFound
	}
	if err == nil && !taken {
		err = s.takeLink(ctx, key, value)
	}
	if err == nil && !s.options.Now().Before(t.Expires) {
		err = adapter.ErrExpired
	}
	return t, err
}

// takeLink deletes a token if it has not changed. The caller that deletes it has used it.
func (s *store) takeLink(ctx context.Context, key, value string) error {
	n, err := s.runOnce(ctx, remove, []string{key}, value).Int()
	if err == nil && n == 0 {
		return adapter.ErrNotFound
	}
	return client.Failure(err)
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return s.scan(ctx, walk{
		kinds: []kind{links}, member: "identifier", value: identifier, within: s.layout.key(links, identifier+":"), remove: true,
	}, nil)
}
