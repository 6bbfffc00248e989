package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, err
	}
	return u, s.createUser(ctx, u, nil)
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	return u, a, s.createUser(ctx, u, ownedAccount(a))
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	return u, a, s.createUser(ctx, u, ownedAuthenticator(a))
}

func (s *store) NewID() string { return s.options.NewID() }

// createUser stores a user, and the record that it signs up with, if there is one.
func (s *store) createUser(ctx context.Context, u adapter.User, p *ownedRecord) error {
	id := escape(u.ID)
	var nonce string
	claims := func() []claim {
		nonce = newNonce()
		var all []claim
		if u.Email != "" {
			all = append(all, s.newClaim(kindEmail, u.Email, nonce, id))
		}
		if p != nil {
			all = append(all, s.newClaim(p.kind, p.field, nonce, id))
		}
		return all
	}
	write := func(claims []claim, until string) (string, []string, error) {
		user, err := encodeUser(u)
		if err != nil {
			return "", nil, err
		}
		keys := []string{s.key(kindUser, id)}
		var field string
		var record []byte
		if p != nil {
			field, keys = p.field, append(keys, s.key(p.hash, id))
			if record, err = p.encode(nonce); err != nil {
				return "", nil, err
			}
		}
		return s.statusReply(s.write(ctx, userCreate, id, s.withClaimKeys(id, claims, keys...),
			withClaims(claims, id, until, nonce, append([]byte(nonce), user...), field, record)...))
	}
	result, _, err := s.fulfil(ctx, claims, write)
	if held := (*heldError)(nil); errors.As(err, &held) {
		return adapter.Conflict(conflictFields[held.claim.kind])
	}
	if err == nil && result == "ID" {
		return adapter.Conflict(adapter.FieldUserID)
	}
	return err
}

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	reply, err := s.look(ctx, look{key: s.key(kindUser, escape(id))})
	if err != nil {
		return adapter.User{}, err
	}
	u, _ := reply.(string)
	_, record := splitNonce(u)
	return decodeUser(id, record)
}

func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	index := s.key(kindEmail, escape(email))
	if s.isSingle() {
		reply, err := listReply(s.look(ctx, look{script: userByEmail, key: index, args: [3]string{email}}))
		if err != nil {
			return adapter.User{}, err
		}
		_, record := splitNonce(reply[1])
		return decodeUser(unescape(reply[0]), record)
	}
	id, err := s.lookUp(ctx, index)
	if err != nil {
		return adapter.User{}, err
	}
	u, err := s.GetUser(ctx, unescape(id))
	if err == nil && u.Email != email {
		return adapter.User{}, adapter.ErrNotFound
	}
	return u, err
}

func (s *store) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	id, _, user, err := s.getOwned(ctx, kindAccount, kindAccounts, accountField(key))
	if err != nil {
		return adapter.User{}, err
	}
	return decodeUser(id, user)
}

func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	changes, err := encodeUserUpdate(up, s.options.Now())
	if err != nil {
		return adapter.User{}, err
	}
	tag := escape(id)
	for since := time.Now(); time.Since(since) < maxRetryTime; {
		result, reply, err := s.updateUser(ctx, tag, up.Email, changes)
		switch {
		case err != nil:
			return adapter.User{}, err
		case result == "ABSENT":
			return adapter.User{}, adapter.ErrNotFound
		case result == "GONE":
			return adapter.User{}, driver.Caused(adapter.ErrUnavailable, changedError{})
		case result == "OK":
			if err := s.releaseEntries(ctx, reply[1:]); err != nil {
				return adapter.User{}, err
			}
			return decodeUser(id, reply[0])
		}
	}
	return adapter.User{}, driver.Caused(adapter.ErrUnavailable, contentionError{})
}

// updateUser makes one attempt at an update. The status is REVOKED if the address seemed to
// be the user's own and is not any more.
func (s *store) updateUser(ctx context.Context, id string, email *string, changes []byte) (string, []string, error) {
	claims := func() []claim {
		if email == nil || *email == "" {
			return nil
		}
		return []claim{s.newClaim(kindEmail, *email, newNonce(), id)}
	}
	write := func(claims []claim, until, owned string) (string, []string, error) {
		return s.statusReply(s.write(ctx, userUpdate, id, s.withClaimKeys(id, claims, s.key(kindUser, id)), withClaims(claims, id, until, changes, owned)...))
	}
	result, reply, err := s.fulfil(ctx, claims, func(claims []claim, until string) (string, []string, error) {
		return write(claims, until, "0")
	})
	held := (*heldError)(nil)
	switch {
	case !errors.As(err, &held):
		return result, reply, err
	case held.by == id:
		return write(nil, "", "1")
	}
	return s.whyTaken(ctx, id)
}

// whyTaken returns why a user cannot have an address whose claim failed: the user does not
// exist, or the address is taken.
func (s *store) whyTaken(ctx context.Context, id string) (string, []string, error) {
	_, err := s.look(ctx, look{key: s.key(kindUser, id)})
	switch {
	case errors.Is(err, redis.Nil):
		return "ABSENT", nil, nil
	case err != nil:
		return "", nil, err
	}
	return "", nil, adapter.Conflict(adapter.FieldUserEmail)
}

// DeleteUser costs one round trip on a single server. On a Cluster it costs three: one in
// the user's slot, after which nothing of the user can be reached; one, in parallel, for
// the index entries in other slots; and one to delete the list of them, by which a repeated
// call would finish. For more than a thousand sessions each further thousand costs one, for
// cleaning up.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	tag := escape(id)
	keys := s.userKeys("", tag, kindUser, kindAccounts, kindAuthenticators, kindSessions, kindEnded, kindUnreleased)
	result, entries, err := s.statusReply(s.write(ctx, userDelete, tag, keys, tag, unreleasedTTL.Milliseconds()))
	if err != nil {
		return err
	}
	if err := s.cleanUp(ctx, tag, result, entries); err != nil || len(entries) == 0 {
		return err
	}
	return s.del(ctx, s.key(kindUnreleased, tag)).Err()
}
