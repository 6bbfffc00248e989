package betterauth

import (
	"context"

	"github.com/authstore/authstore/adapter"
)

func (s *store) CreateVerificationToken(ctx context.Context, t adapter.VerificationToken) (adapter.VerificationToken, error) {
	row, err := encodeLink(t)
	if err != nil {
		return t, err
	}
	return t, s.run(ctx, linkCreate, []string{s.layout.reply(), s.layout.link(t.Identifier, t.Token), s.layout.links(t.Identifier)},
		row, millis(t.Expires), t.Token, millis(s.options.Now())).Err()
}

// UseVerificationToken takes a token in one step, if it can be read.
func (s *store) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	reply, err := s.runOnce(ctx, linkUse, []string{s.layout.link(identifier, token), s.layout.links(identifier)}, token).StringSlice()
	if err != nil {
		return adapter.VerificationToken{}, err
	}
	t, err := decodeLink(reply[0], identifier, token)
	if err == nil && reply[1] != "1" {
		err = &adapter.RecordError{Place: place(identifier, token), Field: "expiresAt", Want: "a date", Got: "another value"}
	}
	if err == nil && !s.options.Now().Before(t.Expires) {
		err = adapter.ErrExpired
	}
	return t, err
}

func (s *store) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	return s.run(ctx, linksDelete, []string{s.layout.reply(), s.layout.links(identifier)}, s.layout.link(identifier, "")).Err()
}
