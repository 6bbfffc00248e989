package betterauth

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

func (s *store) CreateUser(ctx context.Context, u adapter.User) (made adapter.User, err error) {
	err = s.begin(ctx, u.ID, func() error {
		made, err = s.users.CreateUser(ctx, u)
		return err
	})
	return made, err
}

func (s *store) CreateUserWithAccount(ctx context.Context, u adapter.User, a adapter.Account) (made adapter.User, linked adapter.Account, err error) {
	err = s.begin(ctx, u.ID, func() error {
		made, linked, err = s.users.CreateUserWithAccount(ctx, u, a)
		return err
	})
	return made, linked, err
}

func (s *store) CreateUserWithAuthenticator(ctx context.Context, u adapter.User, a adapter.Authenticator) (made adapter.User, registered adapter.Authenticator, err error) {
	err = s.begin(ctx, u.ID, func() error {
		made, registered, err = s.users.CreateUserWithAuthenticator(ctx, u, a)
		return err
	})
	return made, registered, err
}

// begin makes a user. One with an ID of the caller's may have had a predecessor, whose deletion was
// cut short: that one's sessions end before and after.
func (s *store) begin(ctx context.Context, id string, create func() error) error {
	if id == "" {
		return create()
	}
	_, err := s.users.GetUser(ctx, id)
	if errors.Is(err, adapter.ErrNotFound) {
		err = s.DeleteSessions(ctx, id)
	}
	if err != nil {
		return err
	}
	if err := create(); err != nil {
		return err
	}
	return s.DeleteSessions(ctx, id)
}

// UpdateUser costs what it does in the store of users, and two round trips: the copies of the
// user are read, and replaced by changed ones.
func (s *store) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := s.users.UpdateUser(ctx, id, up)
	if err != nil {
		return u, err
	}
	return u, client.Retry(ctx, func() (again bool, err error) { return s.updateCopies(ctx, id, up.RemoveAttributes) })
}

// updateCopies has the copies of a user be as the user is now, and reports whether some have
// changed meanwhile.
func (s *store) updateCopies(ctx context.Context, id string, removed []string) (again bool, err error) {
	all, _, err := s.listed(ctx, id)
	if err != nil || len(all) == 0 {
		return false, err
	}
	u, err := s.users.GetUser(ctx, id) // others may have changed it since
	if err != nil {
		return false, err
	}
	keys, args := []string{s.layout.reply()}, []any{}
	for _, l := range all {
		v, err := parse(l.text)
		if err != nil {
			continue // it opens for nobody
		}
		if err := setUser(v.user, u, removed); err != nil {
			return false, err
		}
		after, err := v.String()
		if err != nil {
			return false, err
		}
		keys, args = append(keys, s.layout.session(l.token)), append(args, l.text, after)
	}
	changed, err := s.run(ctx, copiesUpdate, keys, args...).Int()
	return changed > 0, err
}

// DeleteUser ends the sessions of a user once the user is deleted, which opens none any more here.
// Those that are made meanwhile are older than the time of revocation. It costs one round trip
// more than in the store of users.
func (s *store) DeleteUser(ctx context.Context, id string) error {
	if err := s.users.DeleteUser(ctx, id); err != nil {
		return err
	}
	return s.DeleteSessions(ctx, id)
}
