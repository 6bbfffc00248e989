package redis

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/redis/internal/client"
)

// Accounts and authenticators are stored alike: in a hash of the user's, with an index entry
// for each.

// getOwned returns the ID of a user, its record under a field, and the user's own record.
func (s *store) getOwned(ctx context.Context, kind, hash, field string) (id, record, user string, err error) {
	index := s.key(kind, field)
	id, err = s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	l := look{script: ownedGet, key: index, args: [3]string{id, hash, field}}
	if id != "" {
		l.key, l.other = s.key(kindUser, id), s.key(hash, id)
	}
	reply, err := listReply(s.look(ctx, l))
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	_, user = splitNonce(reply[2])
	return unescape(reply[0]), reply[1], user, nil
}

// updateOwned runs a script that changes the record under a field. It returns the status of
// the script, the user's ID and the record.
func (s *store) updateOwned(ctx context.Context, script *client.Script, kind, hash, field string, args ...any) (result, id, record string, err error) {
	index := s.key(kind, field)
	tag, err := s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", client.Failure(err)
	}
	result, reply, err := s.statusReply(s.write(ctx, script, tag, s.userKeys(index, tag, hash), append([]any{tag, hash, field}, args...)...))
	switch {
	case err != nil:
		return "", "", "", client.Failure(err)
	case result == "ABSENT":
		return "", "", "", adapter.ErrNotFound
	case result == "GONE":
		return "", "", "", driver.Caused(adapter.ErrUnavailable, changedError{})
	case result != "OK":
		return result, "", "", nil
	}
	return result, unescape(reply[0]), reply[1], nil
}

// listOwned returns the records in a user's hash.
func listOwned[T any](ctx context.Context, s *store, hash, userID string, decode func(field, record string) (T, error)) ([]T, error) {
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

// lookUp returns the escaped ID of the user that an index entry leads to, on a Cluster. On
// a single server it returns "", and the script that follows reads the entry itself.
func (s *store) lookUp(ctx context.Context, index string) (string, error) {
	if s.isSingle() {
		return "", nil
	}
	entry, err := textReply(s.look(ctx, look{key: index}))
	if err == nil && owner(entry) == "" {
		return "", adapter.ErrNotFound
	}
	return owner(entry), err
}
