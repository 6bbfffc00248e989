package adapter

import (
	"slices"
	"time"
)

// Apply changes u as the update says, at the time now.
func (up UserUpdate) Apply(u *User, now time.Time) {
	set(&u.Name, up.Name)
	set(&u.Email, up.Email)
	set(&u.EmailVerified, up.EmailVerified)
	set(&u.Image, up.Image)
	u.Attributes = up.Attributes.applyTo(u.Attributes, up.RemoveAttributes)
	u.UpdatedAt = now
}

// Apply changes a as the update says, at the time now.
func (up AccountUpdate) Apply(a *Account, now time.Time) {
	set(&a.RefreshToken, up.RefreshToken)
	set(&a.AccessToken, up.AccessToken)
	set(&a.ExpiresAt, up.ExpiresAt)
	set(&a.TokenType, up.TokenType)
	set(&a.Scope, up.Scope)
	set(&a.IDToken, up.IDToken)
	set(&a.SessionState, up.SessionState)
	a.Attributes = up.Attributes.applyTo(a.Attributes, up.RemoveAttributes)
	a.UpdatedAt = now
}

// Apply changes s as the update says, at the time now.
func (up SessionUpdate) Apply(s *Session, now time.Time) {
	set(&s.Expires, up.Expires)
	s.Attributes = up.Attributes.applyTo(s.Attributes, up.RemoveAttributes)
	s.UpdatedAt = now
}

func set[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}

// applyTo returns a copy of old in which a is set and removed is gone. No
// attributes are nil.
func (a Attributes) applyTo(old Attributes, removed []string) Attributes {
	out := make(Attributes, len(old)+len(a))
	for name, v := range old {
		if !slices.Contains(removed, name) {
			out[name] = cloneValue(v)
		}
	}
	for name, v := range a {
		out[name] = cloneValue(v)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func normalizeUserUpdate(up UserUpdate) (UserUpdate, error) {
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

func normalizeAccountUpdate(up AccountUpdate) (AccountUpdate, error) {
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

func normalizeSessionUpdate(up SessionUpdate) (SessionUpdate, error) {
	c := checker{record: string(SessionRecord)}
	if up.Expires != nil {
		up.Expires = new(c.expires(*up.Expires))
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
