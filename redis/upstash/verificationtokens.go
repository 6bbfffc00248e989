package upstash

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	value, err := encodeLink(t)
	if err != nil {
		return t, err
	}
	cmd := client.Prompt(ctx, &s.calls, func() *redis.StatusCmd {
		cmd := redis.NewStatusCmd(ctx, "SET", s.layout.link(t.Identifier, t.Token), value, "PXAT", t.Expires.UnixMilli())
		_ = s.client.Process(ctx, cmd) // the command has the error
		return cmd
	}, redis.NewStatusCmd)
	return t, client.Failure(cmd.Err())
}

func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	value, err := s.take(ctx, s.layout.link(identifier, token))
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := decodeLink(value)
	switch {
	case err != nil:
		return adapter.VerificationToken{}, err
	case t.Identifier != identifier || t.Token != token:
		return adapter.VerificationToken{}, adapter.ErrNotFound
	case !s.options.Now().Before(t.Expires):
		return adapter.VerificationToken{}, adapter.ErrExpired
	}
	return t, nil
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return s.scan(ctx, walk{
		kinds: []kind{links}, member: "identifier", value: identifier, within: s.layout.key(links, identifier+":"), remove: true,
	}, nil)
}
