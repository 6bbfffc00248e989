package upstash

import (
	"context"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

// ownedRecord is an account, a session or an authenticator to be stored for a user.
type ownedRecord struct {
	record     driver.Record
	field      string   // in the conflict if its key is taken
	keys       []string // that the record can have
	list       string   // the key that names the user's last record of the kind, or lists its authenticators
	value      string
	expires    time.Time // zero: never
	credential string    // ID of an authenticator
}

// listMember returns the ID of an authenticator as its user's list has it, "" for other
// records.
func (b ownedRecord) listMember() string {
	if b.credential == "" {
		return ""
	}
	id, _ := jsonrecord.Encode(b.credential) // a string cannot fail
	return string(id)
}

// createOwned stores a record for a user, under one of the keys that it can have.
func (s *store) createOwned(ctx context.Context, userID string, b ownedRecord) error {
	absent := adapter.Invalid(string(b.record)+".UserID", "must be the ID of a user")
	user, possible := s.layout.user(userID)
	if !possible {
		return absent
	}
	var expiry, now string
	if !b.expires.IsZero() {
		expiry, now = millis(b.expires), s.options.Now().UTC().Format(jsonrecord.TimeForm)
	}
	keys := append([]string{s.layout.reply(), user, b.list}, b.keys...)
	result, err := s.run(ctx, ownedCreate, keys, b.value, expiry, b.credential, b.listMember(), s.layout.prefix[users], now).Text()
	switch result {
	case "ABSENT":
		return absent
	case "HELD":
		return adapter.Conflict(b.field)
	}
	return client.Failure(err)
}

// deleteOwned deletes a record if a member of it has a value, and what leads to the record.
func (s *store) deleteOwned(ctx context.Context, keys []string, member, value string, list kind) error {
	isList := "0"
	if list == authenticatorList {
		isList = "1"
	}
	keys = append([]string{s.layout.reply()}, keys...)
	unread, err := s.run(ctx, ownedDelete, keys, member, value, s.layout.prefix[list], isList).StringSlice()
	if err != nil {
		return client.Failure(err)
	}
	return s.eachMatch(unread, member, value, func(key, value string) error {
		_, err := s.applied(ctx, remove, []string{key}, value)
		return err
	})
}

// replaceUser replaces the record of a user if it is as it was read, and moves its e-mail
// address in the index.
func (s *store) replaceUser(ctx context.Context, reply, id, before, after, old, email string) (string, error) {
	key, _ := s.layout.user(id)
	movesAddress := "0"
	if old == email {
		email = ""
	} else if old != "" {
		movesAddress = "1"
	}
	keys := []string{reply, key}
	if movesAddress == "1" {
		keys = append(keys, s.layout.key(emails, old))
	}
	if email != "" {
		keys = append(keys, s.layout.key(emails, email))
	}
	return s.run(ctx, userUpdate, keys, before, after, email, movesAddress, id, s.layout.prefix[users]).Text()
}
