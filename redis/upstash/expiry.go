package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
)

// PurgeExpired removes what has expired, in a walk through the store. It implements
// adapter.Purger. The server removes by itself what was last written here; what
// JavaScript wrote last has no expiry there.
func (s *store) PurgeExpired(ctx context.Context) (int, error) {
	n, now := 0, s.options.Now()
	err := s.scan(ctx, walk{kinds: []kind{sessions, links}}, func(key, value string) error {
		if !s.expired(key, value, now) {
			return nil
		}
		removed, err := s.replace(ctx, []string{key}, value, "")
		if removed {
			n++
		}
		return err
	})
	return n, adapter.WrapError(ctx, backend, "PurgeExpired", err)
}

// expired reports whether a value is a session or a verification token that has
// expired.
func (s *store) expired(key, value string, now time.Time) bool {
	if se, err := decodeSession(value); err == nil && s.layout.session(se.SessionToken) == key {
		return !now.Before(se.Expires)
	}
	t, err := decodeLink(value)
	return err == nil && s.layout.link(t.Identifier, t.Token) == key && !now.Before(t.Expires)
}

// replace puts a value in the place of what was found at the first key, "" for nothing,
// if that is as it was and the second key, if one is given, is not there.
func (s *store) replace(ctx context.Context, keys []string, found, value string) (bool, error) {
	n, err := s.run(ctx, replace, keys, found, value).Int()
	return n == 1, err
}
