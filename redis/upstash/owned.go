package upstash

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// Accounts, sessions and authenticators are kept alike: one record each under its own
// key, which names its user.

var (
	errAbsent = errors.New("no such user")
	errHeld   = errors.New("the key is taken")
)

// own gives a user a record. list is the user's last record of the kind, or for an
// authenticator, whose ID is then credential, the list of all.
func (s *store) own(ctx context.Context, userID, key, list, value string, expires time.Time, credential string) error {
	user, possible := s.layout.user(userID)
	if !possible {
		return errAbsent
	}
	var expiry string
	if !expires.IsZero() {
		expiry = millis(expires)
	}
	result, err := s.run(ctx, ownedCreate, []string{s.layout.reply(), key, user, list}, value, expiry, credential, s.layout.prefix[users]).Text()
	switch result {
	case "ABSENT":
		return errAbsent
	case "HELD":
		return errHeld
	}
	return client.Failure(err)
}

// owned returns a record and its user, as they are stored.
func (s *store) owned(ctx context.Context, key string) (value, user string, err error) {
	reply, err := s.run(ctx, ownedGet, []string{key}, s.layout.prefix[users]).StringSlice()
	if err != nil {
		return "", "", client.Failure(err)
	}
	return reply[0], reply[1], nil
}

// update changes a record, which costs two round trips: it is read, and put back changed
// if it is still the same. change returns the new record and when it expires.
func (s *store) update(ctx context.Context, key string, change func(value string) (after string, expires time.Time, err error)) error {
	reply := s.layout.reply()
	return persist(ctx, func() (again bool, err error) {
		before, _, err := s.owned(ctx, key)
		if err != nil {
			return false, err
		}
		after, expires, err := change(before)
		if err != nil {
			return false, err
		}
		var expiry string
		if !expires.IsZero() {
			expiry = millis(expires)
		}
		result, err := s.run(ctx, ownedUpdate, []string{reply, key}, before, after, expiry, s.layout.prefix[users]).Text()
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
func (s *store) disown(ctx context.Context, key, member, value string, list kind) error {
	isList := "0"
	if list == authenticatorList {
		isList = "1"
	}
	return client.Failure(s.run(ctx, ownedDelete, []string{key}, member, value, s.layout.prefix[list], isList).Err())
}

// owns returns a user's records of a kind. key returns the key that a record must have:
// what lies under another one is not it.
func owns[T any](ctx context.Context, s *store, k kind, userID string, decode func(value string) (T, error), key func(T) string) ([]T, error) {
	user, possible := s.layout.user(userID)
	if !possible {
		return nil, nil
	}
	byKey := map[string]T{} // a walk may come twice by one key
	err := s.scan(ctx, walk{member: "userId", value: userID, kinds: []kind{k}, while: user}, func(at, value string) error {
		v, err := decode(value)
		if err == nil && key(v) == at {
			byKey[at] = v
		}
		return err
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
