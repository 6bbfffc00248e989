package redis

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

// Accounts and authenticators are kept alike: a hash of the user's, and an index
// entry for each.

// errAbsent says that there is no such user.
var errAbsent = errors.New("no such user")

// possession is an account or an authenticator that a user is given.
type possession struct {
	kind, hash, field string // of its index entry; of the user's hash; its name in both
	encode            func(nonce string) ([]byte, error)
}

func possessedAccount(a adapter.Account) *possession {
	return &possession{kindAccount, kindAccounts, accountField(a.Key()), func(nonce string) ([]byte, error) { return encodeAccount(a, nonce) }}
}

func possessedAuthenticator(a adapter.Authenticator) *possession {
	return &possession{kindCredential, kindAuthenticators, escape(a.CredentialID), func(nonce string) ([]byte, error) { return encodeAuthenticator(a, nonce) }}
}

// own gives a user a record, under a claim on its field.
func (s *store) own(ctx context.Context, userID string, p *possession) error {
	id := escape(userID)
	var nonce string
	result, _, err := s.fulfil(ctx, func() []claim {
		nonce = newNonce()
		return []claim{s.newClaim(p.kind, p.field, nonce, id)}
	}, func(claims []claim, until string) (string, []string, error) {
		record, err := p.encode(nonce)
		if err != nil {
			return "", nil, err
		}
		return s.status(s.write(ctx, ownedCreate, id, s.granted(id, claims, s.key(kindUser, id), s.key(p.hash, id)),
			with(claims, id, until, p.field, record, nonce)...))
	})
	if held := (*heldError)(nil); errors.As(err, &held) {
		return adapter.Conflict(conflicts[p.kind])
	}
	if err == nil && result == "ABSENT" {
		return errAbsent
	}
	return err
}

// owned returns the user's ID, the record under a field, and the user.
func (s *store) owned(ctx context.Context, kind, hash, field string) (id, record, user string, err error) {
	index := s.key(kind, field)
	id, err = s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	reply, err := found(s.query(ctx, ownedGet, s.at(index, id, kindUser, hash), id, hash, field))
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	_, user = cut(reply[2])
	return unescape(reply[0]), reply[1], user, nil
}

// disown takes the record under a field away, and its index entry.
func (s *store) disown(ctx context.Context, kind, hash, field string) error {
	index := s.key(kind, field)
	id, err := s.lookUp(ctx, index)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := s.write(ctx, ownedDelete, id, s.at(index, id, hash), id, hash, field, kind).StringSlice()
	if err != nil {
		return err
	}
	return s.release(ctx, entries)
}

// change runs a script that changes the record under a field. It returns the script's
// status, the user's ID and the record.
func (s *store) change(ctx context.Context, script *client.Script, kind, hash, field string, args ...any) (result, id, record string, err error) {
	index := s.key(kind, field)
	tag, err := s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	result, reply, err := s.status(s.write(ctx, script, tag, s.at(index, tag, hash), append([]any{tag, hash, field}, args...)...))
	switch {
	case err != nil:
		return "", "", "", client.Failure(err)
	case result == "ABSENT":
		return "", "", "", adapter.ErrNotFound
	case result == "GONE":
		return "", "", "", driver.Caused(adapter.ErrUnavailable, goneError{})
	case result != "OK":
		return result, "", "", nil
	}
	return result, unescape(reply[0]), reply[1], nil
}

// list returns a user's records of a hash.
func list[T any](ctx context.Context, s *store, hash, userID string, decode func(field, record string) (T, error)) ([]T, error) {
	records, err := s.hgetall(ctx, s.key(hash, escape(userID))).Result()
	if err != nil {
		return nil, client.Failure(err)
	}
	all := make([]T, 0, len(records))
	for field, record := range records {
		v, err := decode(field, record)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
