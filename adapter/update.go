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

// Apply changes a as the update says, at the time now.
func (up AuthenticatorUpdate) Apply(a *Authenticator, now time.Time) {
	set(&a.CredentialBackedUp, up.CredentialBackedUp)
	if up.Transports != nil {
		a.Transports = copied(*up.Transports)
	}
	a.Attributes = up.Attributes.applyTo(a.Attributes, up.RemoveAttributes)
	a.UpdatedAt = now
}

// copied returns a copy of a list. An empty one is nil.
func copied(list []string) []string { return append([]string(nil), list...) }

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
