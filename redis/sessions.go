package redis

import (
	"context"
	"errors"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/redis/internal/client"
)

// sessionKey returns the key of a session by the user's escaped ID and the stored
// token.
func (s *store) sessionKey(id, stored string) string { return s.key(kindSession, id) + ":" + stored }

// lifetime returns how long something lives that expires at a time, in ms.
func (s *store) lifetime(expires time.Time) int64 {
	return expires.Sub(s.options.Now()).Milliseconds()
}

// sessionID returns the ID of a session by its stored token.
func (s *store) sessionID(stored string) string {
	if s.options.PlainSessionTokens {
		return adapter.SessionID(stored)
	}
	return stored
}

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	id, stored := escape(se.UserID), s.options.SessionKey(se.SessionToken)
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	expires := millis(se.Expires)
	var nonce string
	claims := func() []claim {
		nonce = newNonce()
		if generated {
			return nil
		}
		c := s.newClaim(kindToken, stored, nonce, id)
		c.expiry = expires
		return []claim{c}
	}
	write := func(claims []claim, until string) (string, []string, error) {
		record, err := encodeSession(se, nonce, !generated)
		if err != nil {
			return "", nil, err
		}
		member := "g" + stored
		if !generated {
			member = "f" + nonce + stored
		}
		return status(s.run(ctx, sessionCreate, []string{s.key(kindUser, id)}, with(claims, id, until, stored, record, nonce, expires, s.lifetime(se.Expires), member)...))
	}
	result, _, err := s.fulfil(ctx, claims, write)
	if held := (*heldError)(nil); errors.As(err, &held) {
		err = adapter.Conflict(adapter.FieldSessionToken)
	}
	if err == nil && result == "ABSENT" {
		err = adapter.Invalid("Session.UserID", "must be the ID of a user")
	}
	return se, client.Failure(err)
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	stored := s.options.SessionKey(token)
	id, session, user, err := s.read(ctx, token, stored)
	if err != nil {
		return adapter.Session{}, adapter.User{}, client.Failure(err)
	}
	se, err := decodeSession(id, s.sessionID(stored), session)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.options.Now().Before(se.Expires) {
		return adapter.Session{}, adapter.User{}, adapter.ErrExpired
	}
	se.SessionToken = token
	u, err := decodeUser(id, user)
	return se, u, err
}

// read returns the user's ID, the session and the user, as stored.
func (s *store) read(ctx context.Context, token, stored string) (id, session, user string, err error) {
	id, generated := adapter.ParseSessionToken(token)
	if generated {
		session, user, err = s.readBoth(ctx, escape(id), stored)
		return id, session, user, err
	}
	index := s.key(kindToken, escape(stored))
	if s.isSingle() {
		reply, err := found(s.run(ctx, sessionGet, []string{index}, stored))
		if err != nil {
			return "", "", "", err
		}
		return unescape(reply[0]), reply[1], reply[2], nil
	}
	tag, err := s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", err
	}
	session, user, err = s.readBoth(ctx, tag, stored)
	return unescape(tag), session, user, err
}

// readBoth reads a session and its user, which lie in one slot, by one command.
func (s *store) readBoth(ctx context.Context, id, stored string) (session, user string, err error) {
	reply, err := s.mget(ctx, s.sessionKey(id, stored), s.key(kindUser, id)).Result()
	if err != nil {
		return "", "", err
	}
	session, live := reply[0].(string)
	user, there := reply[1].(string)
	if !live || !there {
		return "", "", adapter.ErrNotFound
	}
	return session, user, nil
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	now := s.options.Now()
	changes, err := encodeSessionUpdate(up, now)
	if err != nil {
		return adapter.Session{}, err
	}
	stored := s.options.SessionKey(token)
	index, id, err := s.find(ctx, token, up.Expires)
	if err != nil {
		return adapter.Session{}, client.Failure(err)
	}
	result, reply, err := status(s.run(ctx, sessionUpdate, s.at(index, id), id, stored, millis(now), changes))
	switch {
	case err != nil:
		return adapter.Session{}, client.Failure(err)
	case result == "EXPIRED":
		return adapter.Session{}, adapter.ErrExpired
	case result == "ABSENT":
		return adapter.Session{}, adapter.ErrNotFound
	}
	se, err := decodeSession(unescape(reply[0]), s.sessionID(stored), reply[1])
	se.SessionToken = token
	return se, err
}

// find returns the index key of a token, and the escaped ID of its user: the one that
// a generated token names, or on a cluster the one that the index entry leads to. On
// the way the entry is made to live until a new expiry.
func (s *store) find(ctx context.Context, token string, expires *time.Time) (index, id string, err error) {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return "", escape(id), nil
	}
	index = s.key(kindToken, escape(s.options.SessionKey(token)))
	if s.isSingle() {
		return index, "", nil
	}
	if expires == nil {
		id, err = s.lookUp(ctx, index)
		return index, id, err
	}
	entry, err := text(s.run(ctx, sessionTouch, []string{index}, millis(*expires)))
	if err == nil && owner(entry) == "" {
		err = adapter.ErrNotFound
	}
	return index, owner(entry), err
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	stored := s.options.SessionKey(token)
	if userID, generated := adapter.ParseSessionToken(token); generated && s.replicas == 0 {
		id := escape(userID)
		return client.Failure(s.forget(ctx, s.sessionKey(id, stored), s.key(kindSessions, id), "g"+stored).Err())
	}
	index, id, err := s.find(ctx, token, nil)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return client.Failure(err)
	}
	return client.Failure(s.deleteStored(ctx, s.at(index, id), id, stored))
}

// deleteStored deletes a session by its stored token.
func (s *store) deleteStored(ctx context.Context, at []string, id, stored string) error {
	entries, err := s.run(ctx, sessionDelete, at, id, stored).StringSlice()
	if err != nil {
		return err
	}
	return s.release(ctx, entries)
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	id := escape(userID)
	reply, err := s.run(ctx, sessionsList, []string{s.key(kindSessions, id)}, id, millis(s.options.Now())).StringSlice()
	if err != nil {
		return nil, client.Failure(err)
	}
	all := make([]adapter.Session, 0, len(reply)/2)
	for i := 0; i+1 < len(reply); i += 2 {
		se, err := decodeSession(userID, s.sessionID(reply[i]), reply[i+1])
		if err != nil {
			return nil, err
		}
		all = append(all, se)
	}
	return all, nil
}

func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	id, stored := escape(userID), sessionID
	if s.options.PlainSessionTokens {
		var err error
		if stored, err = s.storedByID(ctx, id, sessionID); err != nil || stored == "" {
			return client.Failure(err)
		}
	}
	return client.Failure(s.deleteStored(ctx, []string{s.key(kindUser, id)}, id, stored))
}

// storedByID returns which of a user's stored tokens has an ID, "" if none has.
func (s *store) storedByID(ctx context.Context, id, sessionID string) (string, error) {
	members, err := s.members(ctx, s.key(kindSessions, id)).Result()
	for _, member := range members {
		stored := member[1:]
		if member[0] == 'f' {
			stored = stored[nonceLen:]
		}
		if adapter.SessionID(stored) == sessionID {
			return stored, nil
		}
	}
	return "", err
}

func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	id := escape(userID)
	stored := make([]string, len(keep))
	for i, token := range keep {
		stored[i] = s.options.SessionKey(token)
	}
	entries, err := s.run(ctx, sessionsDelete, []string{s.key(kindSessions, id)}, id, packed(stored...)).StringSlice()
	if err != nil {
		return client.Failure(err)
	}
	return client.Failure(s.release(ctx, entries))
}
