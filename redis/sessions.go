package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// sessionKey returns the key of a session by the user's escaped ID and the stored
// token.
func (s *store) sessionKey(id, stored string) string { return s.key(kindSession, id) + ":" + stored }

// plain begins a stored token that is not a digest, which has no such character.
const plain = "~"

// stored returns what is stored for a token.
func (s *store) stored(token string) string {
	if s.options.PlainSessionTokens {
		return plain + token
	}
	return adapter.SessionID(token)
}

// sessionID returns the ID of a session by its stored token: a digest, also where an
// adapter with other options made the session.
func sessionID(stored string) string {
	if token, ok := strings.CutPrefix(stored, plain); ok {
		return adapter.SessionID(token)
	}
	return stored
}

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	id, stored := escape(se.UserID), s.stored(se.SessionToken)
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	now := s.options.Now()
	at, lasts := millis(now), life(se.Expires, now)
	var nonce string
	claims := func() []claim {
		nonce = newNonce()
		if generated {
			return nil
		}
		c := s.newClaim(kindToken, stored, nonce, id)
		c.life, c.now = strconv.FormatInt(lasts, 10), at
		return []claim{c}
	}
	write := func(claims []claim, until string) (string, []string, error) {
		record, err := encodeSession(se, nonce, !generated)
		if err != nil {
			return "", nil, err
		}
		keys := s.granted(id, claims, s.key(kindUser, id), s.sessionKey(id, stored), s.key(kindSessions, id))
		return s.status(s.write(ctx, sessionCreate, id, keys, with(claims, id, until, stored, record, nonce, millis(se.Expires), lasts, at)...))
	}
	result, _, err := s.fulfil(ctx, claims, write)
	if held := (*heldError)(nil); errors.As(err, &held) {
		err = adapter.Conflict(adapter.FieldSessionToken)
	}
	if err == nil && result == "ABSENT" {
		err = adapter.Invalid("Session.UserID", "must be the ID of a user")
	}
	return se, err
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	stored := s.stored(token)
	id, session, user, err := s.read(ctx, token, stored)
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

// read returns the user's ID, the session and the user.
func (s *store) read(ctx context.Context, token, stored string) (id, session, user string, err error) {
	id, generated := adapter.ParseSessionToken(token)
	if generated {
		session, user, err = s.readBoth(ctx, escape(id), stored)
		return id, session, user, err
	}
	index := s.key(kindToken, escape(stored))
	if s.isSingle() {
		reply, err := found(s.query(ctx, sessionGet, []string{index}, stored))
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
	return sameGeneration(session, user)
}

// sameGeneration returns the records of a session and its user, if the session is of the
// user's generation: it is over if not.
func sameGeneration(session, user string) (string, string, error) {
	of, session := cut(session)
	current, user := cut(user)
	if of != current {
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
	stored := s.stored(token)
	var lasts string
	if up.Expires != nil {
		lasts = strconv.FormatInt(life(*up.Expires, now), 10)
	}
	index, id, err := s.find(ctx, token, lasts)
	if err != nil {
		return adapter.Session{}, err
	}
	keys := s.ofSession(index, id, stored, kindUser)
	result, reply, err := s.status(s.write(ctx, sessionUpdate, id, keys, id, stored, millis(now), changes, lasts))
	switch {
	case err != nil:
		return adapter.Session{}, err
	case result == "ABSENT":
		return adapter.Session{}, adapter.ErrNotFound
	case result == "GONE":
		return adapter.Session{}, driver.Caused(adapter.ErrUnavailable, goneError{})
	}
	se, err := decodeSession(unescape(reply[0]), sessionID(stored), reply[1])
	se.SessionToken = token
	return se, err
}

// find returns the index key of a token, and the escaped ID of its user: the one that
// a generated token names, or on a cluster the one that the index entry leads to. On
// the way the entry is made to stay for as long as a new expiry lasts.
func (s *store) find(ctx context.Context, token, lasts string) (index, id string, err error) {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return "", escape(id), nil
	}
	index = s.key(kindToken, escape(s.stored(token)))
	if s.isSingle() {
		return index, "", nil
	}
	if lasts == "" {
		id, err = s.lookUp(ctx, index)
		return index, id, err
	}
	entry, err := text(s.run(ctx, sessionTouch, []string{index}, lasts))
	if err == nil && owner(entry) == "" {
		err = adapter.ErrNotFound
	}
	return index, owner(entry), err
}

// ofSession returns the keys of a script on a session: others of the user's, the session
// and the list; or on a single server the index entry, by which the script finds them.
func (s *store) ofSession(index, id, stored string, others ...string) []string {
	keys := s.at(index, id, others...)
	if id == "" {
		return keys
	}
	return append(keys, s.sessionKey(id, stored), s.key(kindSessions, id))
}

func (s *store) DeleteSession(ctx context.Context, token string) error {
	index, id, err := s.find(ctx, token, "")
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = s.deleteStored(ctx, index, id, s.stored(token))
	return err
}

// deleteStored deletes a session by its stored token, and reports whether it was there.
func (s *store) deleteStored(ctx context.Context, index, id, stored string) (bool, error) {
	result, entries, err := s.status(s.write(ctx, sessionDelete, id, s.ofSession(index, id, stored), id, stored))
	if err != nil {
		return false, err
	}
	return result == "OK", s.release(ctx, entries)
}

// piece is how many sessions one script reads or ends, during which the server does nothing
// else.
const piece = 1000

// ListSessions costs one round trip for each thousand sessions, on a cluster two. Each
// thousand is read at one moment.
func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, seen := []adapter.Session{}, map[string]bool{}
	for last, expires := "", ""; ; {
		reply, err := s.sessions(ctx, escape(userID), millis(s.options.Now()), last, expires)
		if err != nil {
			return nil, err
		}
		for i := 2; i+1 < len(reply); i += 2 {
			stored := reply[i]
			if seen[stored] { // it has moved on in the list
				continue
			}
			seen[stored] = true
			_, record := cut(reply[i+1])
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

// sessions returns the piece of a user's sessions after the stored token last, as the
// script does. On a cluster it is told first which sessions these are; if more have come
// by then, it asks again, not for ever.
func (s *store) sessions(ctx context.Context, id, now, last, expires string) ([]string, error) {
	keys := s.at("", id, kindUser, kindSessions)
	for _, settle := range []string{"", "", "", "1"} {
		result, reply, err := s.status(s.query(ctx, sessionsList, keys, id, now, last, expires, piece, settle))
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
	return nil, unreadable(kindSessions, unescape(id), "") // no script of ours answers so
}

// DeleteSessionByID costs one round trip, with plain tokens two. A look for sessions that
// adapters with other options made costs one more if there is no such session.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	id := escape(userID)
	if !s.options.PlainSessionTokens {
		if there, err := s.deleteStored(ctx, "", id, sessionID); err != nil || there {
			return err
		}
	}
	stored, err := s.storedByID(ctx, id, sessionID)
	if err != nil || stored == "" {
		return err
	}
	_, err = s.deleteStored(ctx, "", id, stored)
	return err
}

// storedByID returns which of a user's stored tokens has an ID, "" if none has.
func (s *store) storedByID(ctx context.Context, id, wanted string) (string, error) {
	members, err := s.members(ctx, s.key(kindSessions, id)).Result()
	for _, stored := range members {
		if sessionID(stored) == wanted {
			return stored, nil
		}
	}
	return "", err
}

// DeleteSessions ends all sessions by one write, whether the list has them or not. On a
// cluster it costs one more round trip for the index entries of tokens made elsewhere.
// More than a thousand sessions cost one more for each thousand, to tidy up.
func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	id := escape(userID)
	keys, args := s.at("", id, kindUser, kindSessions, kindAside), []any{id, newNonce()}
	for _, token := range keep {
		stored := s.stored(token)
		keys, args = append(keys, s.sessionKey(id, stored)), append(args, stored)
	}
	result, entries, err := s.status(s.write(ctx, sessionsDelete, id, keys, args...))
	if err != nil {
		return err
	}
	return s.tidy(ctx, id, result, entries)
}

// tidy releases the index entries of sessions that are over, and works off those that a
// script has put aside. None of them opens anything any more: what a call that is cut
// leaves expires.
func (s *store) tidy(ctx context.Context, id, result string, entries []string) error {
	for {
		if err := s.release(ctx, entries); err != nil || result != "MORE" {
			return err
		}
		var err error
		if result, entries, err = s.status(s.run(ctx, sessionsDismiss, s.at("", id, kindUser, kindAside), id)); err != nil {
			return err
		}
	}
}
