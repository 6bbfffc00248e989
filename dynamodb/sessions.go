package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/authstore/authstore/adapter"
)

// A session whose token names its user is one item. A token that was made elsewhere
// does not, so it has a guard, which leads to the user and keeps the token unique.

func (s *store) sessionKey(userID, token string) key {
	return key{userPartition(userID), sessionSort(s.options.SessionKey(token))}
}

func (s *store) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	it, err := s.encodeSession(se, newStamp(), generated)
	if err != nil {
		return adapter.Session{}, err
	}
	if generated {
		taken, err := s.put(ctx, it)
		if err == nil && taken != nil {
			err = adapter.Conflict(adapter.FieldSessionToken)
		}
		return se, failure(err)
	}
	return se, failure(s.createForeign(ctx, it))
}

// createForeign stores a session with its guard, which expires with it.
func (s *store) createForeign(ctx context.Context, session item) error {
	at := s.keyOf(session)
	c := &claim{
		guard: s.place(item{
			fieldUserID: session[fieldUserID], fieldExpires: session[fieldExpires], fieldStamp: session[fieldStamp],
		}, recordGuard(at.sort)),
		field: adapter.FieldSessionToken,
		leads: func(ctx context.Context, guard item) (bool, error) {
			_, err := s.get(ctx, key{userPartition(text(guard[fieldUserID])), at.sort})
			return err == nil, absence(err)
		},
	}
	return s.transact(ctx, func() ([]step, error) {
		return []step{
			s.create(session, "", func(context.Context, item) error { return adapter.Conflict(adapter.FieldSessionToken) }),
			c.step(s),
		}, nil
	})
}

// ownerOf returns whose session a token opens, if there is one. A token that the
// Auth.js adapter has stored is in the index.
func (s *store) ownerOf(ctx context.Context, token string) (string, error) {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return id, nil
	}
	sort := sessionSort(s.options.SessionKey(token))
	if s.options.PlainSessionTokens {
		found, err := s.indexed(ctx, sort, sort)
		if err != nil {
			return "", err
		}
		for _, it := range found {
			return text(it[fieldUserID]), nil
		}
	}
	guard, err := s.get(ctx, recordGuard(sort))
	return text(guard[fieldUserID]), err
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	id, err := s.ownerOf(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, failure(err)
	}
	session, user, err := s.getTwo(ctx, s.sessionKey(id, token), userKey(id), !s.options.EventuallyConsistent)
	switch {
	case err != nil:
		return adapter.Session{}, adapter.User{}, failure(err)
	case session == nil || user == nil || text(session[sessionToken]) != s.kept(token):
		return adapter.Session{}, adapter.User{}, adapter.ErrNotFound
	}
	se, err := s.decodeSession(session)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	if !s.options.Now().Before(se.Expires) {
		return adapter.Session{}, adapter.User{}, adapter.ErrExpired
	}
	se.SessionToken = token
	u, err := s.decodeUser(user)
	return se, u, err
}

// kept returns what a session keeps of its token beside its key: the token, where tokens
// are stored as they are, and nothing where digests are. So a digest is not taken for a
// token after Options.PlainSessionTokens was turned on.
func (s *store) kept(token string) string {
	if s.options.PlainSessionTokens {
		return token
	}
	return ""
}

// opens returns the condition that a session is that of a token, and has not expired.
func (s *store) opens(token string, now time.Time) func(*expression) string {
	return func(e *expression) string {
		name := e.name(sessionToken)
		if kept := s.kept(token); kept != "" {
			return name + "=" + e.value(str(kept)) + " AND " + live(now)(e)
		}
		return "attribute_not_exists(" + name + ") AND " + live(now)(e)
	}
}

// live returns the condition that a session has not expired. Its expiry may have been
// written by somebody else, with a fraction or as text. Text without a fraction is
// greater than the same second with one.
func live(now time.Time) func(*expression) string {
	return func(e *expression) string {
		expires, ms := e.name(fieldExpires), e.name(fieldMillis)
		fraction := &types.AttributeValueMemberN{Value: strconv.FormatFloat(float64(now.UnixMilli())/1000, 'f', 3, 64)}
		return "((" + expires + ">" + e.value(fraction) +
			" AND (" + expires + "<>" + e.value(number(seconds(now))) +
			" OR attribute_not_exists(" + ms + ") OR " + ms + ">" + e.value(number(now.UnixMilli())) + "))" +
			" OR (" + expires + ">" + e.value(timestamp(now)) + " AND " + expires + "<>" + e.value(str(now.Format(isoSecond))) + "))"
	}
}

func (s *store) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	now := s.options.Now()
	c, err := s.encodeSessionUpdate(up, newStamp(), now)
	if err != nil {
		return adapter.Session{}, err
	}
	id, err := s.ownerFor(ctx, token, up.Expires)
	if err != nil {
		return adapter.Session{}, failure(err)
	}
	it, err := s.updateSession(ctx, s.sessionKey(id, token), token, c, now)
	if err != nil {
		return adapter.Session{}, failure(err)
	}
	se, err := s.decodeSession(it)
	se.SessionToken = token
	return se, err
}

// updateSession changes a session that is live, and returns it as it is then.
func (s *store) updateSession(ctx context.Context, k key, token string, c *changes, now time.Time) (item, error) {
	if c.many() {
		return s.rewriteSession(ctx, k, token, c, now)
	}
	it, ok, err := s.updateItem(ctx, k, c, s.opens(token, now))
	switch {
	case isTooLarge(err):
		return nil, tooLarge("Session")
	case err != nil:
		return nil, err
	case len(it) == 0 || text(it[sessionToken]) != s.kept(token):
		return nil, adapter.ErrNotFound
	case !ok && stampOf(it) != text(c.set[fieldStamp]): // else an attempt whose reply was lost has ended the session
		return nil, adapter.ErrExpired
	}
	return it, nil
}

// rewriteSession makes changes that are too many for an update expression.
func (s *store) rewriteSession(ctx context.Context, k key, token string, c *changes, now time.Time) (item, error) {
	current, err := s.get(ctx, k)
	if err != nil {
		return nil, err
	}
	var after item
	err = s.transact(ctx, func() ([]step, error) {
		se, err := s.decodeSession(current)
		switch {
		case err != nil:
			return nil, err
		case text(current[sessionToken]) != s.kept(token):
			return nil, adapter.ErrNotFound
		case !now.Before(se.Expires):
			return nil, adapter.ErrExpired
		}
		after = c.apply(current)
		return []step{s.replace(after, stampOf(current), refresh(&current))}, checkSize("Session", after)
	})
	return after, err
}

// ownerFor is ownerOf before a change of expiry: on the way, the guard of a token that
// has one is made to live as long.
func (s *store) ownerFor(ctx context.Context, token string, expires *time.Time) (string, error) {
	_, generated := adapter.ParseSessionToken(token)
	if generated || expires == nil {
		return s.ownerOf(ctx, token)
	}
	k := recordGuard(sessionSort(s.options.SessionKey(token)))
	until := number(seconds(*expires))
	guard, _, err := s.updateItem(ctx, k, &changes{set: item{fieldExpires: until}}, func(e *expression) string {
		return e.name(fieldExpires) + "<" + e.value(until)
	})
	if err != nil || len(guard) > 0 {
		return text(guard[fieldUserID]), err
	}
	return s.ownerOf(ctx, token)
}

// DeleteSession takes one call, and two for a token that was made elsewhere.
func (s *store) DeleteSession(ctx context.Context, token string) error {
	if id, generated := adapter.ParseSessionToken(token); generated {
		return failure(s.deleteSession(ctx, s.sessionKey(id, token)))
	}
	id, err := s.ownerOf(ctx, token)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return failure(err)
	}
	return failure(s.disown(ctx, owned{record: item{fieldUserID: str(id)}, at: s.sessionKey(id, token)}))
}

// deleteSession deletes a session, and then its guard if it has one. A guard that is
// left by a cut leads nowhere, and its place is taken by who wants the token.
func (s *store) deleteSession(ctx context.Context, k key) error {
	out, err := try(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: isThere, ExpressionAttributeNames: s.pkNames, ReturnValues: allOld,
		})
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return nil
	}
	if err != nil || out.Attributes[fieldGuard] == nil {
		return err
	}
	return s.deleteGuards(ctx, text(out.Attributes[fieldUserID]), []key{recordGuard(k.sort)})
}

// deleteGuards deletes the guards of a user's sessions that are gone. One that is
// another user's by now stays.
func (s *store) deleteGuards(ctx context.Context, userID string, guards []key) error {
	for chunk := range slices.Chunk(guards, maxSteps) {
		others := map[key]bool{}
		err := s.transact(ctx, func() ([]step, error) {
			var steps []step
			for _, k := range chunk {
				if !others[k] {
					steps = append(steps, s.removeOf(userID, k, func(context.Context, item) error {
						others[k] = true
						return nil
					}))
				}
			}
			return steps, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	items, err := s.all(ctx, userID, prefixSession)
	if err != nil {
		return nil, failure(err)
	}
	now, all := s.options.Now(), make([]adapter.Session, 0, len(items))
	for _, it := range items {
		se, err := s.decodeSession(it)
		if err != nil {
			return nil, err
		}
		if now.Before(se.Expires) {
			all = append(all, se)
		}
	}
	return all, nil
}

func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	k := key{userPartition(userID), sessionSort(sessionID)}
	if s.options.PlainSessionTokens {
		var err error
		if k, err = s.keyByID(ctx, userID, sessionID); err != nil || k == (key{}) {
			return failure(err)
		}
	}
	return failure(s.deleteSession(ctx, k))
}

// keyByID returns where the session with an ID is, among those of a user.
func (s *store) keyByID(ctx context.Context, userID, sessionID string) (key, error) {
	items, err := s.all(ctx, userID, prefixSession)
	for _, it := range items {
		if s.sessionIDOf(it) == sessionID {
			return s.keyOf(it), nil
		}
	}
	return key{}, err
}

// DeleteSessions takes a call for each megabyte of sessions, and one for each 25.
func (s *store) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	kept := make([]string, len(keep))
	for i, token := range keep {
		kept[i] = sessionSort(s.options.SessionKey(token))
	}
	q := query{partition: userPartition(userID), prefix: prefixSession, fields: s.keyFields(fieldGuard)}
	for {
		items, next, err := s.page(ctx, q)
		if err != nil {
			return failure(err)
		}
		items = slices.DeleteFunc(items, func(it item) bool { return slices.Contains(kept, s.keyOf(it).sort) })
		if err := s.deleteSessionItems(ctx, userID, items); err != nil {
			return failure(err)
		}
		if q.after = next; next == nil {
			return nil
		}
	}
}

// deleteSessionItems deletes sessions of a user, and their guards first: what a cut
// leaves is found again by the same call.
func (s *store) deleteSessionItems(ctx context.Context, userID string, sessions []item) error {
	var keys, guards []key
	for _, it := range sessions {
		k := s.keyOf(it)
		if keys = append(keys, k); it[fieldGuard] != nil {
			guards = append(guards, recordGuard(k.sort))
		}
	}
	if err := s.deleteGuards(ctx, userID, guards); err != nil {
		return err
	}
	return s.deleteBatch(ctx, keys)
}
