package upstash

import (
	"context"
	"time"
)

// PurgeExpired deletes what has expired, in a scan of the whole store. It implements
// adapter.Purger. The server removes by itself what was last written here; what JavaScript
// wrote last has no expiry at the server.
func (s *store) PurgeExpired(ctx context.Context) (int, error) {
	n, now := 0, s.options.Now()
	err := s.scan(ctx, walk{kinds: []kind{sessions, links}}, func(key, value string) error {
		if !s.expired(key, value, now) {
			return nil
		}
		removed, err := s.applied(ctx, remove, []string{key}, value)
		if removed {
			n++
		}
		return err
	})
	return n, err
}

// expired reports whether a value is a session or a verification token that has expired.
func (s *store) expired(key, value string, now time.Time) bool {
	if se, err := s.layout.decodeSession(key, value); err == nil && s.layout.session(se.SessionToken) == key {
		return !now.Before(se.Expires)
	}
	t, err := s.layout.decodeLink(key, value)
	return err == nil && s.layout.link(t.Identifier, t.Token) == key && !now.Before(t.Expires)
}
