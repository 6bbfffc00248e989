package driver

import (
	"github.com/authstore/authstore/adapter"
)

func normalizeUserUpdate(up adapter.UserUpdate) (adapter.UserUpdate, error) {
	c := checker{record: string(UserRecord)}
	c.text("Name", up.Name)
	if up.Email != nil {
		up.Email = new(c.email("Email", *up.Email))
	}
	up.EmailVerified = c.timePtr("EmailVerified", up.EmailVerified)
	c.text("Image", up.Image)
	c.removed(up.RemoveAttributes, up.Attributes)
	up.Attributes = c.attributes(up.Attributes)
	return up, c.err
}

func normalizeAccountUpdate(up adapter.AccountUpdate) (adapter.AccountUpdate, error) {
	c := checker{record: string(AccountRecord)}
	c.text("RefreshToken", up.RefreshToken)
	c.text("AccessToken", up.AccessToken)
	if up.ExpiresAt != nil {
		c.seconds("ExpiresAt", *up.ExpiresAt)
	}
	c.text("TokenType", up.TokenType)
	c.text("Scope", up.Scope)
	c.text("IDToken", up.IDToken)
	c.text("SessionState", up.SessionState)
	c.removed(up.RemoveAttributes, up.Attributes)
	up.Attributes = c.attributes(up.Attributes)
	return up, c.err
}

func normalizeSessionUpdate(up adapter.SessionUpdate) (adapter.SessionUpdate, error) {
	c := checker{record: string(SessionRecord)}
	if up.Expires != nil {
		up.Expires = new(c.expires(*up.Expires))
	}
	c.removed(up.RemoveAttributes, up.Attributes)
	up.Attributes = c.attributes(up.Attributes)
	return up, c.err
}

func normalizeAuthenticatorUpdate(up adapter.AuthenticatorUpdate) (adapter.AuthenticatorUpdate, error) {
	c := checker{record: string(AuthenticatorRecord)}
	if up.Transports != nil {
		up.Transports = new(c.transports(*up.Transports))
	}
	c.removed(up.RemoveAttributes, up.Attributes)
	up.Attributes = c.attributes(up.Attributes)
	return up, c.err
}

// CounterGrows reports whether a signature counter may be followed by another:
// it must grow, unless the authenticator has none, which always says 0
// (WebAuthn Level 3, section 6.1.1).
func CounterGrows(stored, next uint32) bool {
	return next > stored || next == 0 && stored == 0
}
