package upstash

import (
	"context"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

// Accounts, sessions and authenticators are stored alike: one record at a key of its own,
// which names its user.

// storedRecord is a record and its user, as they are stored.
type storedRecord struct{ value, user, key, userID string }

// getOwned returns the record at one of the keys. credential is the ID of an authenticator,
// else "".
func (s *store) getOwned(ctx context.Context, keys []string, credential string) (storedRecord, error) {
	reply, err := s.query(ctx, ownedGet, keys, s.layout.prefix[users], credential).StringSlice()
	if err != nil {
		return storedRecord{}, client.Failure(err)
	}
	f := storedRecord{reply[0], reply[1], reply[2], reply[3]}
	if f.userID == "" {
		return s.resolveUser(ctx, f)
	}
	return f, nil
}

// resolveUser finds the user of a record where Lua cannot: its JSON is too deep for cjson,
// or JavaScript and Lua write its numeric ID differently. A record that cannot be read here
// either is an error of its decoder.
func (s *store) resolveUser(ctx context.Context, f storedRecord) (_ storedRecord, err error) {
	record, err := jsonrecord.Parse(f.value)
	if err != nil {
		return f, nil
	}
	r := read(record)
	if f.userID = r.Key("userId"); r.Err != nil {
		return f, nil
	}
	user, possible := s.layout.user(f.userID)
	if f.userID == "" || !possible {
		return f, adapter.ErrNotFound
	}
	f.user, err = s.get(ctx, user)
	return f, err
}

// updateOwned changes a record in two round trips: it is read, and replaced if it has not
// changed meanwhile. change returns the new record and when it expires.
func (s *store) updateOwned(ctx context.Context, keys []string, credential string, change func(value string) (after string, expires time.Time, err error)) error {
	reply := s.layout.reply()
	return client.Retry(ctx, func() (again bool, err error) {
		before, err := s.getOwned(ctx, keys, credential)
		if err != nil {
			return false, err
		}
		after, expires, err := change(before.value)
		if err != nil {
			return false, err
		}
		var expiry string
		if !expires.IsZero() {
			expiry = millis(expires)
		}
		user, _ := s.layout.user(before.userID)
		result, err := s.run(ctx, ownedUpdate, []string{reply, before.key, user}, before.value, after, expiry).Text()
		switch result {
		case "CHANGED":
			return true, nil
		case "ABSENT":
			err = adapter.ErrNotFound
		}
		return false, client.Failure(err)
	})
}

// eachMatch calls each for those of some records that Lua could not read (keys and values)
// in which a member has a value.
func (s *store) eachMatch(unread []string, member, value string, each func(key, value string) error) error {
	for i := 0; i+1 < len(unread); i += 2 {
		record, err := jsonrecord.Parse(unread[i+1])
		if err != nil {
			continue
		}
		r := read(record)
		if r.Key(member) != value || r.Err != nil {
			continue
		}
		if err := each(unread[i], unread[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// listOwned returns a user's records of a kind. keys returns the keys that a record can
// have; a record at another key is not counted. Records that cannot be read are left out:
// CheckSchema lists them.
func listOwned[T any](ctx context.Context, s *store, k kind, userID string, decode func(key, value string) (T, error), keys func(T) []string) ([]T, error) {
	user, possible := s.layout.user(userID)
	if !possible {
		return nil, nil
	}
	byKey := map[string]T{} // a walk may return a key twice
	err := s.scan(ctx, walk{member: "userId", value: userID, kinds: []kind{k}, while: user}, func(key, value string) error {
		if v, err := decode(key, value); err == nil && slices.Contains(keys(v), key) {
			byKey[key] = v
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := make([]T, 0, len(byKey))
	for _, v := range byKey {
		all = append(all, v)
	}
	return all, nil
}
