package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/redis/internal/client"
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
		removed, err := s.applied(ctx, remove, []string{key}, value)
		if removed {
			n++
		}
		return err
	})
	return n, err
}

// expired reports whether a value is a session or a verification token that has
// expired.
func (s *store) expired(key, value string, now time.Time) bool {
	if se, err := s.layout.decodeSession(key, value); err == nil && s.layout.session(se.SessionToken) == key {
		return !now.Before(se.Expires)
	}
	t, err := s.layout.decodeLink(key, value)
	return err == nil && s.layout.link(t.Identifier, t.Token) == key && !now.Before(t.Expires)
}

// applied runs a script that makes a change only if something is as it was, and reports
// whether it was.
func (s *store) applied(ctx context.Context, script *client.Script, keys []string, args ...any) (bool, error) {
	n, err := s.run(ctx, script, keys, args...).Int()
	return n == 1, client.Failure(err)
}
