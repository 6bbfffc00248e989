package upstash

import (
	"context"
	"slices"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

// Accounts, sessions and authenticators are kept alike: one record each under its own
// key, which names its user.

// brought is a record that a user gets.
type brought struct {
	record     driver.Record
	field      string   // that is taken if its key is
	keys       []string // that it can have
	list       string   // the key of the user's last record of the kind, or of its list of authenticators
	value      string
	expires    time.Time // zero: never
	credential string    // ID of an authenticator
}

// inList returns how the list of authenticators has one.
func (b brought) inList() string {
	if b.credential == "" {
		return ""
	}
	id, _ := text(b.credential) // a string is JSON
	return string(id)
}

// own gives a user a record under one of the keys that it can have.
func (s *store) own(ctx context.Context, userID string, b brought) error {
	absent := adapter.Invalid(string(b.record)+".UserID", "must be the ID of a user")
	user, possible := s.layout.user(userID)
	if !possible {
		return absent
	}
	var expiry, now string
	if !b.expires.IsZero() {
		expiry, now = millis(b.expires), s.options.Now().UTC().Format(timeForm)
	}
	keys := append([]string{s.layout.reply(), user, b.list}, b.keys...)
	result, err := s.run(ctx, ownedCreate, keys, b.value, expiry, b.credential, b.inList(), s.layout.prefix[users], now).Text()
	switch result {
	case "ABSENT":
		return absent
	case "HELD":
		return adapter.Conflict(b.field)
	}
	return client.Failure(err)
}

// found is a record and its user, as they are stored.
type found struct{ value, user, key, userID string }

// owned returns the record that has one of the keys. credential is the ID of an
// authenticator.
func (s *store) owned(ctx context.Context, keys []string, credential string) (found, error) {
	reply, err := s.query(ctx, ownedGet, keys, s.layout.prefix[users], credential).StringSlice()
	if err != nil {
		return found{}, client.Failure(err)
	}
	f := found{reply[0], reply[1], reply[2], reply[3]}
	if f.userID == "" {
		return s.owner(ctx, f)
	}
	return f, nil
}

// owner finds the user of a record of which Lua cannot tell it: its JSON is too deep for
// cjson, or the ID is a number that JavaScript and Lua write otherwise. What cannot be read
// here either is an error for who decodes the record.
func (s *store) owner(ctx context.Context, f found) (_ found, err error) {
	record, err := parse(f.value)
	if err != nil {
		return f, nil
	}
	r := reader{record: record}
	if f.userID = r.key("userId"); r.err != nil {
		return f, nil
	}
	user, possible := s.layout.user(f.userID)
	if f.userID == "" || !possible {
		return f, adapter.ErrNotFound
	}
	f.user, err = s.get(ctx, user)
	return f, err
}

// update changes a record, which costs two round trips: it is read, and put back changed
// if it is still the same. change returns the new record and when it expires.
func (s *store) update(ctx context.Context, keys []string, credential string, change func(value string) (after string, expires time.Time, err error)) error {
	reply := s.layout.reply()
	return persist(ctx, func() (again bool, err error) {
		before, err := s.owned(ctx, keys, credential)
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

// disown removes a record if a member of it has a value, and what leads to it.
func (s *store) disown(ctx context.Context, keys []string, member, value string, list kind) error {
	isList := "0"
	if list == authenticatorList {
		isList = "1"
	}
	keys = append([]string{s.layout.reply()}, keys...)
	unread, err := s.run(ctx, ownedDelete, keys, member, value, s.layout.prefix[list], isList).StringSlice()
	if err != nil {
		return client.Failure(err)
	}
	return s.judge(unread, member, value, func(key, value string) error {
		_, err := s.applied(ctx, remove, []string{key}, value)
		return err
	})
}

// judge calls each for those keys and values in a list, which Lua could not read, whose
// member has a value.
func (s *store) judge(unread []string, member, value string, each func(key, value string) error) error {
	for i := 0; i+1 < len(unread); i += 2 {
		record, err := parse(unread[i+1])
		if err != nil {
			continue
		}
		r := reader{record: record}
		if r.key(member) != value || r.err != nil {
			continue
		}
		if err := each(unread[i], unread[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// owns returns a user's records of a kind. keys returns the keys that a record can have:
// what lies under another one is not it. What cannot be read is left out: CheckSchema lists
// it.
func owns[T any](ctx context.Context, s *store, k kind, userID string, decode func(key, value string) (T, error), keys func(T) []string) ([]T, error) {
	user, possible := s.layout.user(userID)
	if !possible {
		return nil, nil
	}
	byKey := map[string]T{} // a walk may come twice by one key
	err := s.scan(ctx, walk{member: "userId", value: userID, kinds: []kind{k}, while: user}, func(at, value string) error {
		if v, err := decode(at, value); err == nil && slices.Contains(keys(v), at) {
			byKey[at] = v
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
