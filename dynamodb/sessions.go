package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// A session with a generated token, which names its user, is one item. A token that was made
// elsewhere does not name its user, so the session has a guard, which leads to the user and
// makes the token unique.

func (s *store) sessionKey(userID, token string) key {
	return key{userPartition(userID), sessionSort(s.options.SessionKey(token))}
}

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	it, err := s.encodeSession(se, s.options.SessionKey(se.SessionToken), newStamp(), generated)
	if err != nil {
		return adapter.Session{}, err
	}
	if generated {
		return se, s.createGenerated(ctx, it)
	}
	return se, s.createGuarded(ctx, it)
}

// ImportSession implements adapter.SessionImporter. The session has a guard, since its token may
// be one that was made elsewhere.
func (s *store) ImportSession(ctx context.Context, se adapter.Session) error {
	it, err := s.encodeSession(se, se.ID, newStamp(), false)
	if err != nil {
		return err
	}
	return s.createGuarded(ctx, it)
}

// createGenerated stores a session with a generated token. If another session with the token is
// there, it may be replaced: see examineRecord.
func (s *store) createGenerated(ctx context.Context, session item) error {
	if taken, err := s.put(ctx, session); !taken {
		return err
	}
	c := s.claimRecord(session)
	c.guard = nil
	return s.transact(ctx, c.write)
}

// createGuarded stores a session with its guard, which expires with it.
func (s *store) createGuarded(ctx context.Context, session item) error {
	c := s.claimRecord(session)
	c.guard[fieldExpires] = session[fieldExpires]
	return s.transact(ctx, c.write)
}

// sessionOwner returns the ID of the user whose session a token opens. A token that the Auth.js
// adapter stored is looked up in the index.
func (s *store) sessionOwner(ctx context.Context, token string) (string, error) {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return id, nil
	}
	sort := sessionSort(s.options.SessionKey(token))
	if s.options.PlainSessionTokens {
		found, err := s.queryIndex(ctx, sort, sort)
		if err != nil {
			return "", err
		}
		for _, it := range found {
			if k := s.keyOf(it); k.sort == sort {
				return partitionUser(k), nil
			}
		}
	}
	guard, err := s.get(ctx, recordGuard(sort))
	return text(guard[fieldUserID]), err
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	id, err := s.sessionOwner(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	lookup := s.lookup
	if s.options.EventuallyConsistent {
		lookup = s.eventual
	}
	items, err := lookup.get(ctx, want{s.sessionKey(id, token), userKey(id)})
	session, user := items[0], items[1]
	switch {
	case err != nil:
		return adapter.Session{}, adapter.User{}, err
	case session == nil || user == nil || !s.hasToken(session, token):
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	se, err := s.decodeSession(session)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.options.Now().Before(se.Expires) {
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	se.SessionToken = token
	u, err := s.decodeUser(user)
	return se, u, err
}

// storedToken returns the token that is stored in a session: with PlainSessionTokens the token
// itself, otherwise "". So a stored digest is not taken for a token after PlainSessionTokens is
// turned on.
func (s *store) storedToken(token string) string {
	if s.options.PlainSessionTokens {
		return token
	}
	return ""
}

// hasToken reports whether a session is that of a token.
func (s *store) hasToken(session item, token string) bool {
	stored, isText := session[sessionToken].(*types.AttributeValueMemberS)
	if kept := s.storedToken(token); kept != "" {
		return isText && stored.Value == kept
	}
	return !isText
}

// withToken returns the condition that a session is that of a token, and another condition.
func (s *store) withToken(token string, also func(*expression) string) func(*expression) string {
	return func(e *expression) string {
		name := e.name(sessionToken)
		if kept := s.storedToken(token); kept != "" {
			return name + "=" + e.value(str(kept)) + " AND " + also(e)
		}
		return "NOT attribute_type(" + name + "," + e.value(str("S")) + ") AND " + also(e)
	}
}

// isLive returns the condition that a session has not expired. It covers expiries in seconds,
// which the Auth.js adapter writes with a fraction.
func isLive(now time.Time) func(*expression) string {
	return func(e *expression) string {
		expires, ms := e.name(fieldExpires), e.name(fieldMillis)
		fraction := &types.AttributeValueMemberN{Value: strconv.FormatFloat(float64(now.UnixMilli())/1000, 'f', 3, 64)}
		return expires + ">" + e.value(fraction) + " AND " + expires + "<=" + e.value(number(maxSeconds)) +
			" AND (" + expires + "<>" + e.value(number(seconds(now))) +
			" OR attribute_not_exists(" + ms + ") OR " + ms + ">" + e.value(number(now.UnixMilli())) + ")"
	}
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	now := s.options.Now()
	id, err := s.ownerForUpdate(ctx, token, up.Expires)
	if err != nil {
		return adapter.Session{}, err
	}
	w := &sessionUpdate{
		update: update{s: s, key: s.sessionKey(id, token), record: "Session", changes: s.encodeSessionUpdate(up, newStamp(), now)},
		token:  token, now: now,
	}
	it, err := w.run(ctx)
	if err != nil {
		return adapter.Session{}, err
	}
	se, err := s.decodeSession(it)
	se.SessionToken = token
	return se, err
}

// sessionUpdate is a write that changes a live session.
type sessionUpdate struct {
	update
	token string
	now   time.Time
}

func (w *sessionUpdate) run(ctx context.Context) (item, error) {
	if w.changes.many() {
		return w.commit(ctx, w.steps)
	}
	it, ok, err := w.send(ctx, w.s.withToken(w.token, isLive(w.now)))
	for r := newRetrier(); err == nil && !ok; {
		if err := w.check(it); err != nil {
			return nil, err
		}
		// It is live, with an expiry of a form that another program wrote.
		if it, ok, err = w.send(ctx, w.s.withToken(w.token, is(fieldExpires, it))); err == nil && !ok {
			err = r.again(ctx, errChanged)
		}
	}
	return it, err
}

func (w *sessionUpdate) steps() ([]step, error) {
	if err := w.check(w.current); err != nil {
		return nil, err
	}
	return w.update.steps()
}

// check returns ErrNotFound for a session that is not live, in whatever form another program
// wrote its expiry.
func (w *sessionUpdate) check(it item) error {
	if len(it) == 0 || !w.s.hasToken(it, w.token) {
		return adapter.ErrNotFound
	}
	se, err := w.s.decodeSession(it)
	if err == nil && !w.now.Before(se.Expires) {
		err = adapter.ErrNotFound
	}
	return err
}

// ownerForUpdate is sessionOwner before an update. If the session is extended, it extends the
// guard, if there is one, by the request that reads it.
func (s *store) ownerForUpdate(ctx context.Context, token string, expires *time.Time) (string, error) {
	_, generated := adapter.ParseSessionToken(token)
	if generated || expires == nil {
		return s.sessionOwner(ctx, token)
	}
	k := recordGuard(sessionSort(s.options.SessionKey(token)))
	until := number(seconds(*expires))
	guard, _, err := s.updateItem(ctx, k, &changes{set: item{fieldExpires: until}}, func(e *expression) string {
		return e.name(fieldExpires) + "<" + e.value(until)
	})
	if err != nil || len(guard) > 0 {
		return text(guard[fieldUserID]), err
	}
	return s.sessionOwner(ctx, token)
}

// DeleteSession takes one request, and two for a token that was made elsewhere.
func (s *store) DeleteSession(ctx context.Context, token string) error {
	if id, generated := adapter.ParseSessionToken(token); generated {
		_, err := s.deleteSession(ctx, s.sessionKey(id, token))
		return err
	}
	id, err := s.sessionOwner(ctx, token)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return absence(s.deleteGuarded(ctx, s.sessionKey(id, token)))
}

// deleteSession deletes a session, together with its guard if it has one, and reports whether it is
// known to have been there. Without a reply nobody knows: see deleteBatch.
func (s *store) deleteSession(ctx context.Context, k key) (there bool, err error) {
	it, ok, err := s.take(ctx, k, isUnguarded)
	if err != nil || ok || len(it) == 0 {
		return ok, err
	}
	err = s.deleteGuarded(ctx, k)
	return err == nil, absence(err)
}

// isUnguarded is the condition that a session has no guard.
func isUnguarded(e *expression) string { return "attribute_not_exists(" + e.name(fieldGuard) + ")" }

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := listOwned(ctx, s, userID, prefixSession, s.decodeSession)
	now := s.options.Now()
	return slices.DeleteFunc(all, func(se adapter.Session) bool { return !now.Before(se.Expires) }), err
}

// DeleteSessionByID takes one request if the key of the session has its ID. Otherwise the
// session is searched among those of the user: the ID does not tell a token that is stored in
// clear.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if !s.options.PlainSessionTokens {
		if there, err := s.deleteSession(ctx, key{userPartition(userID), sessionSort(sessionID)}); there || err != nil {
			return err
		}
	}
	items, err := s.listItems(ctx, userID, prefixSession)
	if err != nil {
		return err
	}
	for _, it := range items {
		if s.isRecord(it) && s.sessionIDOf(it) == sessionID {
			_, err = s.deleteSession(ctx, s.keyOf(it))
			return err
		}
	}
	return nil
}

// DeleteSessions takes a request for each megabyte of sessions, and one for each 25, or for
// each 50 that have guards.
func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	kept := make([]string, len(keep))
	for i, token := range keep {
		kept[i] = sessionSort(s.options.SessionKey(token))
	}
	q := query{partition: userPartition(userID), prefix: prefixSession, fields: s.keyFields(fieldType, fieldStamp, sessionToken, fieldExpires, fieldGuard)}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil {
			return err
		}
		items = slices.DeleteFunc(items, func(it item) bool { return !s.isRecord(it) || slices.Contains(kept, s.keyOf(it).sort) })
		if err := s.deleteSessionItems(ctx, userID, items); err != nil {
			return err
		}
		if q.after = next; next == nil {
			return nil
		}
	}
}

// deleteSessionItems deletes sessions of a user, those with guards together with these: without
// its guard, a session would be listed, but its token would neither open nor end it.
func (s *store) deleteSessionItems(ctx context.Context, userID string, sessions []item) error {
	var guarded []key
	var others []item
	for _, it := range sessions {
		if it[fieldGuard] != nil {
			guarded = append(guarded, s.keyOf(it))
		} else {
			others = append(others, it)
		}
	}
	for chunk := range slices.Chunk(guarded, maxSteps/2) {
		w := s.newRelease(userID)
		w.records = chunk
		if err := s.transact(ctx, w.write); err != nil {
			return err
		}
	}
	return s.deleteBatch(ctx, others)
}
