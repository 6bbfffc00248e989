package adapter

import (
	"context"
	"encoding/base64"
	"time"
)

// Links makes and uses the one-time tokens of e-mail links. The store has their hashes
// only ([HashVerificationToken]), so that who reads it cannot use them. An Auth.js
// application with the same secret accepts what Go made, and Go what it made.
type Links struct {
	Store VerificationTokens
	// Secret is the application's own, the same wherever a link may be used. Auth.js
	// calls it AUTH_SECRET.
	Secret string
}

// NewLink stores a new token for an identifier, such as an e-mail address, and returns
// it: 43 characters that may stand in a URL, with 256 random bits. The link is live
// strictly before expires. One round trip.
func (l Links) NewLink(ctx context.Context, identifier string, expires time.Time) (token string, err error) {
	secret := newSecret()
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	_, err = l.Store.CreateVerificationToken(ctx, VerificationToken{
		Identifier: identifier, Token: HashVerificationToken(token, l.Secret), Expires: expires,
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// UseLink uses the token of a link up, and returns what was stored, whose Token is the
// hash: see [VerificationTokens.UseVerificationToken]. One round trip.
func (l Links) UseLink(ctx context.Context, identifier, token string) (VerificationToken, error) {
	return l.Store.UseVerificationToken(ctx, identifier, HashVerificationToken(token, l.Secret))
}
