package upstash

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, err
	}
	return u, s.createUser(ctx, u, ownedRecord{})
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (adapter.User, adapter.Account, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	b, err := s.ownedAccount(a)
	if err != nil {
		return u, a, err
	}
	return u, a, s.createUser(ctx, u, b)
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (adapter.User, adapter.Authenticator, error) {
	_, err := driver.Identify(s.options, &u)
	if err != nil {
		return u, a, err
	}
	a.UserID = u.ID
	b, err := s.ownedAuthenticator(a)
	if err != nil {
		return u, a, err
	}
	return u, a, s.createUser(ctx, u, b)
}

func (s *store) NewID() string { return s.options.NewID() }

// createUser stores a user, and the record that it signs up with, if that has keys.
func (s *store) createUser(ctx context.Context, u adapter.User, b ownedRecord) error {
	key, possible := s.layout.user(u.ID)
	if !possible {
		return adapter.Invalid(adapter.FieldUserID, `must not begin like the rest of another key, such as "email:"`)
	}
	r := record{}
	setUser(r, u)
	user, err := r.WithAttributes(u.Attributes, nil)
	if err != nil {
		return err
	}
	keys := []string{s.layout.reply(), key, s.layout.key(deletions, u.ID)}
	if u.Email != "" {
		keys = append(keys, s.layout.key(emails, u.Email))
	}
	if b.keys != nil {
		keys = append(append(keys, b.list), b.keys...)
	}
	return client.Retry(ctx, func() (again bool, err error) {
		result, err := s.run(ctx, userCreate, keys, user, u.Email, s.layout.prefix[users], u.ID, b.value, b.credential, b.listMember()).Text()
		switch result {
		case "DELETED":
			err = s.finishDeletion(ctx, u.ID)
			return err == nil, err
		case "ID":
			err = adapter.Conflict(adapter.FieldUserID)
		case "EMAIL":
			err = adapter.Conflict(adapter.FieldUserEmail)
		case "HELD":
			err = adapter.Conflict(b.field)
		}
		return false, client.Failure(err)
	})
}

func (s *store) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, _, err := s.readUser(ctx, id)
	return u, err
}

// readUser returns the user with an ID, and its record as it is stored.
func (s *store) readUser(ctx context.Context, id string) (adapter.User, string, error) {
	key, possible := s.layout.user(id)
	if !possible {
		return adapter.User{}, "", adapter.ErrNotFound
	}
	value, err := s.get(ctx, key)
	if err != nil {
		return adapter.User{}, "", err
	}
	u, err := s.layout.decodeUser(id, value)
	return u, value, err
}

// GetUserByEmail finds a user by the index of addresses. An entry of an address that its
// user has given up is ignored: the JavaScript adapter leaves such entries.
func (s *store) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	value, err := s.query(ctx, userByEmail, []string{s.layout.key(emails, email)}, s.layout.prefix[users]).Text()
	if err != nil {
		return adapter.User{}, err
	}
	u, err := s.userByRecord(value)
	if err == nil && u.Email != email {
		return adapter.User{}, adapter.ErrNotFound
	}
	return u, err
}

// userByRecord reads a user by its record alone.
func (s *store) userByRecord(value string) (adapter.User, error) {
	record, err := jsonrecord.Parse(value)
	if err != nil {
		return adapter.User{}, s.layout.unreadable(err, users, "user", "")
	}
	r := read(record)
	id := r.Key("id")
	if _, possible := s.layout.user(id); r.Err == nil && (id == "" || !possible) {
		return adapter.User{}, adapter.ErrNotFound
	}
	return s.layout.decodeUser(id, value)
}

func (s *store) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	f, err := s.getOwned(ctx, []string{s.layout.account(key)}, "")
	if err != nil {
		return adapter.User{}, err
	}
	a, err := s.accountWithKey(key, f.value)
	if err != nil {
		return adapter.User{}, err
	}
	return s.layout.decodeUser(a.UserID, f.user)
}

// UpdateUser costs two round trips: the record is read, and replaced if it has not changed
// meanwhile.
func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	var u adapter.User
	reply := s.layout.reply()
	err := client.Retry(ctx, func() (again bool, err error) {
		var before string
		if u, before, err = s.readUser(ctx, id); err != nil {
			return false, err
		}
		old, oldFields, newFields := u.Email, record{}, record{}
		setUser(oldFields, u)
		up.Apply(&u, s.options.Now())
		setUser(newFields, u)
		after, err := jsonrecord.Changed(before, oldFields, newFields, up.Attributes, up.RemoveAttributes, nil)
		if err != nil {
			return false, err
		}
		result, err := s.replaceUser(ctx, reply, id, before, after, old, u.Email)
		switch result {
		case "CHANGED":
			return true, nil
		case "ABSENT":
			err = adapter.ErrNotFound
		case "EMAIL":
			err = adapter.Conflict(adapter.FieldUserEmail)
		}
		return false, client.Failure(err)
	})
	return u, err
}

// DeleteUser costs one round trip, after which nothing of the user can be reached, and
// those of a scan of the whole store.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	key, possible := s.layout.user(id)
	if !possible {
		return nil
	}
	err := s.run(ctx, userDelete, []string{
		s.layout.reply(), s.layout.key(deletions, id),
		key, s.layout.key(lastAccount, id), s.layout.key(lastSession, id), s.layout.key(authenticatorList, id), s.layout.key(removals, id),
	}, id, s.layout.prefix[emails]).Err()
	if err != nil {
		return err
	}
	return s.finishDeletion(ctx, id)
}

// finishDeletion deletes what belonged to a deleted user, and the mark of its deletion.
func (s *store) finishDeletion(ctx context.Context, id string) error {
	return s.scan(ctx, s.deletion(id), nil)
}

// deletion is the walk that deletes them.
func (s *store) deletion(id string) walk {
	return walk{member: "userId", value: id, kinds: []kind{accounts, sessions, authenticators}, while: s.layout.key(deletions, id), remove: true}
}
