package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	return se, s.createSession(ctx, se, s.storedToken(se.SessionToken), generated)
}

// ImportSession implements adapter.SessionImporter. The session has an index entry, since its
// token may be one that was made elsewhere.
func (s *store) ImportSession(ctx context.Context, se adapter.Session) error {
	return s.createSession(ctx, se, se.ID, false)
}

// createSession stores a session by its stored token.
func (s *store) createSession(ctx context.Context, se adapter.Session, stored string, generated bool) error {
	id, now := escape(se.UserID), s.options.Now()
	nowMillis, ttl := millis(now), timeToLive(se.Expires, now)
	var nonce string
	claims := func() []claim {
		nonce = newNonce()
		if generated {
			return nil
		}
		c := s.newClaim(kindToken, stored, nonce, id)
		c.ttl, c.now = strconv.FormatInt(ttl, 10), nowMillis
		return []claim{c}
	}
	write := func(claims []claim, until string) (string, []string, error) {
		record, err := encodeSession(se, nonce, !generated)
		if err != nil {
			return "", nil, err
		}
		keys := s.withClaimKeys(id, claims, s.key(kindUser, id), s.sessionKey(id, stored), s.key(kindSessions, id))
		return s.statusReply(s.share(ctx, sessionCreate, id, keys, withClaims(claims, id, until, stored, record, nonce, millis(se.Expires), ttl, nowMillis)...))
	}
	result, _, err := s.fulfil(ctx, claims, write)
	if held := (*heldError)(nil); errors.As(err, &held) {
		err = adapter.Conflict(adapter.FieldSessionToken)
	}
	if err == nil && result == "ABSENT" {
		err = adapter.Invalid("Session.UserID", "must be the ID of a user")
	}
	return err
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	stored := s.storedToken(token)
	id, session, user, err := s.readSession(ctx, token, stored)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	se, err := decodeSession(id, sessionID(stored), session)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.options.Now().Before(se.Expires) {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	se.SessionToken = token
	u, err := decodeUser(id, user)
	return se, u, err
}

// readSession returns the ID of a user, and the records of its session with a token and of
// the user.
func (s *store) readSession(ctx context.Context, token, stored string) (id, session, user string, err error) {
	id, generated := adapter.ParseSessionToken(token)
	if generated {
		session, user, err = s.readSessionAndUser(ctx, escape(id), stored)
		return id, session, user, err
	}
	index := s.key(kindToken, escape(stored))
	if s.isSingle() {
		reply, err := listReply(s.look(ctx, look{script: sessionGet, key: index, args: [3]string{stored}}))
		if err != nil {
			return "", "", "", err
		}
		session, user, err = sameGeneration(reply[1], reply[2])
		return unescape(reply[0]), session, user, err
	}
	tag, err := s.lookUp(ctx, index)
	if err != nil {
		return "", "", "", err
	}
	session, user, err = s.readSessionAndUser(ctx, tag, stored)
	return unescape(tag), session, user, err
}

// readSessionAndUser reads a session and its user, which are in one slot, by one command.
func (s *store) readSessionAndUser(ctx context.Context, id, stored string) (session, user string, err error) {
	reply, err := s.look(ctx, look{key: s.sessionKey(id, stored), other: s.key(kindUser, id)})
	if err != nil {
		return "", "", err
	}
	both, ok := reply.([]any)
	if !ok || len(both) != 2 {
		return "", "", fmt.Errorf("%w: the server answers MGET of two keys with something else than a list of two", adapter.ErrUnavailable)
	}
	session, live := both[0].(string)
	user, there := both[1].(string)
	if !live || !there {
		return "", "", adapter.ErrNotFound
	}
	return sameGeneration(session, user)
}

// sameGeneration returns the records of a session and its user, or adapter.ErrNotFound if
// the generation of the session is not that of the user: the session has ended.
func sameGeneration(session, user string) (string, string, error) {
	generation, session := splitNonce(session)
	current, user := splitNonce(user)
	if generation != current {
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
	stored := s.storedToken(token)
	var ttl string
	if up.Expires != nil {
		ttl = strconv.FormatInt(timeToLive(*up.Expires, now), 10)
	}
	index, id, err := s.findSession(ctx, token, ttl)
	if err != nil {
		return adapter.Session{}, err
	}
	keys := s.sessionKeys(index, id, stored, kindUser)
	result, reply, err := s.statusReply(s.share(ctx, sessionUpdate, id, keys, id, stored, millis(now), changes, ttl))
	switch {
	case err != nil:
		return adapter.Session{}, err
	case result == "ABSENT":
		return adapter.Session{}, adapter.ErrNotFound
	case result == "GONE":
		return adapter.Session{}, driver.Caused(adapter.ErrUnavailable, changedError{})
	}
	se, err := decodeSession(unescape(reply[0]), sessionID(stored), reply[1])
	se.SessionToken = token
	return se, err
}

// findSession returns the index key of a token and the escaped ID of its user: the one that
// a generated token names, or on a Cluster the one that the index entry leads to. It
// extends the entry's life to that of a new expiry.
func (s *store) findSession(ctx context.Context, token, ttl string) (index, id string, err error) {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return "", escape(id), nil
	}
	index = s.key(kindToken, escape(s.storedToken(token)))
	if s.isSingle() {
		return index, "", nil
	}
	if ttl == "" {
		id, err = s.lookUp(ctx, index)
		return index, id, err
	}
	entry, err := textReply(s.run(ctx, sessionTouch, []string{index}, ttl).Result())
	if err == nil && owner(entry) == "" {
		err = adapter.ErrNotFound
	}
	return index, owner(entry), err
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	index, id, err := s.findSession(ctx, token, "")
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.deleteByStoredToken(ctx, index, id, s.storedToken(token))
	return err
}

// deleteByStoredToken deletes a session, and reports whether there was one.
func (s *store) deleteByStoredToken(ctx context.Context, index, id, stored string) (bool, error) {
	result, entries, err := s.statusReply(s.share(ctx, sessionDelete, id, s.sessionKeys(index, id, stored), id, stored))
	if err != nil {
		return false, err
	}
	return result == "OK", s.releaseEntries(ctx, entries)
}

// batch is how many sessions one script reads or deletes, during which the server does
// nothing else.
const batch = 1000

// ListSessions costs one round trip for each thousand sessions, on a Cluster two. Each
// thousand is read at one moment.
func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, seen := []adapter.Session{}, map[string]bool{}
	for last, expires := "", ""; ; {
		reply, err := s.sessionsPage(ctx, escape(userID), millis(s.options.Now()), last, expires)
		if err != nil {
			return nil, err
		}
		for i := 2; i+1 < len(reply); i += 2 {
			stored := reply[i]
			if seen[stored] { // its expiry has moved it to this page
				continue
			}
			seen[stored] = true
			_, record := splitNonce(reply[i+1])
			se, err := decodeSession(userID, sessionID(stored), record)
			if err != nil {
				return nil, err
			}
			all = append(all, se)
		}
		if last, expires = reply[0], reply[1]; last == "" {
			return all, nil
		}
	}
}

// sessionsPage returns the page of a user's sessions after the stored token last, as the
// script does. On a Cluster the script first returns which sessions these are; if there are
// more by the next call, it is called again, at most three times.
func (s *store) sessionsPage(ctx context.Context, id, now, last, expires string) ([]string, error) {
	keys := s.userKeys("", id, kindUser, kindSessions)
	for _, final := range []string{"", "", "", "1"} {
		result, reply, err := s.statusReply(s.query(ctx, sessionsList, keys, id, now, last, expires, batch, final))
		if err != nil {
			return nil, err
		}
		if result == "OK" && len(reply) >= 2 {
			return reply, nil
		}
		keys = keys[:2]
		for _, stored := range reply {
			keys = append(keys, s.sessionKey(id, stored))
		}
	}
	return nil, unreadable(kindSessions, unescape(id), "") // the script returns nothing else
}

// DeleteSessionByID costs one round trip, with plain tokens two. If there is no such
// session, looking for one of an adapter with other options costs one more.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	id := escape(userID)
	if !s.options.PlainSessionTokens {
		if there, err := s.deleteByStoredToken(ctx, "", id, sessionID); err != nil || there {
			return err
		}
	}
	stored, err := s.storedTokenByID(ctx, id, sessionID)
	if err != nil || stored == "" {
		return err
	}
	_, err = s.deleteByStoredToken(ctx, "", id, stored)
	return err
}

// storedTokenByID returns the stored token of a user's session with an ID, "" if there is
// none.
func (s *store) storedTokenByID(ctx context.Context, id, wanted string) (string, error) {
	members, err := s.zmembers(ctx, s.key(kindSessions, id)).Result()
	for _, stored := range members {
		if sessionID(stored) == wanted {
			return stored, nil
		}
	}
	return "", err
}

// DeleteSessions ends all sessions by one write, whether they are in the list or not. On a
// Cluster the index entries of tokens made elsewhere cost one more round trip. For more
// than a thousand sessions each further thousand costs one, for cleaning up.
func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	id := escape(userID)
	keys, args := s.userKeys("", id, kindUser, kindSessions, kindEnded), []any{id, newNonce()}
	for _, token := range keep {
		stored := s.storedToken(token)
		keys, args = append(keys, s.sessionKey(id, stored)), append(args, stored)
	}
	result, entries, err := s.statusReply(s.write(ctx, sessionsDelete, id, keys, args...))
	if err != nil {
		return err
	}
	return s.cleanUp(ctx, id, result, entries)
}

// cleanUp releases the index entries of sessions that have ended, and deletes the sessions
// in the list that a script has moved aside. None of them opens anything any more, and what
// an interrupted call leaves expires.
func (s *store) cleanUp(ctx context.Context, id, result string, entries []string) error {
	for {
		if err := s.releaseEntries(ctx, entries); err != nil || result != "MORE" {
			return err
		}
		var err error
		if result, entries, err = s.statusReply(s.run(ctx, sessionsCleanUp, s.userKeys("", id, kindUser, kindEnded), id)); err != nil {
			return err
		}
	}
}
