package adapter

import (
	"crypto/rand"
	"fmt"
	"time"
)

// Options are what all backends have in common. Each backend's own Options
// embeds them; the zero value is the default.
type Options struct {
	// Clock gives the time that expiry is judged by and that CreatedAt and
	// UpdatedAt are set to. It is called concurrently. Nil: time.Now.
	Clock func() time.Time

	// NewID gives the IDs of new users, never one twice. It is called concurrently.
	// Nil: random UUIDs (RFC 9562 version 4), or what the store's own IDs are.
	NewID func() string

	// NewSecret gives the 256 random bits of new session tokens. It is called
	// concurrently. Nil: crypto/rand.
	NewSecret func() [32]byte

	// PlainSessionTokens stores session tokens as they are instead of their
	// digests, which is how Auth.js stores them: for an application that shares
	// its sessions with one. Who reads such a store can sign in as anybody.
	PlainSessionTokens bool
}

// WithDefaults returns the options with nothing nil.
func (o Options) WithDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.NewID == nil {
		o.NewID = newUUID
	}
	if o.NewSecret == nil {
		o.NewSecret = newSecret
	}
	return o
}

// Now returns the clock's time as records hold it: UTC, in milliseconds.
func (o Options) Now() time.Time { return Milliseconds(o.WithDefaults().Clock()) }

// SessionKey returns what is stored for a session token: its [SessionID], or
// itself with PlainSessionTokens.
func (o Options) SessionKey(token string) string {
	if o.PlainSessionTokens {
		return token
	}
	return SessionID(token)
}

// Milliseconds returns t as records hold it: UTC, cut to the millisecond, without
// a monotonic reading. The zero time stays zero.
func Milliseconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

func newSecret() (secret [32]byte) {
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand, Go 1.24)
	return secret
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
