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
		return se, s.createGenerated(ctx, it)
	}
	return se, s.createForeign(ctx, it)
}

// createGenerated stores a session whose token names its user. Another one with the token is
// in its place, if there is one.
func (s *store) createGenerated(ctx context.Context, session item) error {
	if taken, err := s.put(ctx, session); !taken {
		return err
	}
	c := s.claimRecord(session, adapter.FieldSessionToken)
	return s.transact(ctx, func() ([]step, error) { return []step{c.put(s)}, nil })
}

// createForeign stores a session with its guard, which expires with it.
func (s *store) createForeign(ctx context.Context, session item) error {
	c := s.claimRecord(session, adapter.FieldSessionToken)
	c.guard[fieldExpires] = session[fieldExpires]
	return s.transact(ctx, func() ([]step, error) { return c.steps(s), nil })
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
			if k := s.keyOf(it); k.sort == sort {
				return inPartitionOf(k), nil
			}
		}
	}
	guard, err := s.get(ctx, recordGuard(sort))
	return text(guard[fieldUserID]), err
}

func (s *store) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	id, err := s.ownerOf(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	session, user, err := s.getTwo(ctx, s.sessionKey(id, token), userKey(id), !s.options.EventuallyConsistent)
	switch {
	case err != nil:
		return adapter.Session{}, adapter.User{}, err
	case session == nil || user == nil || !s.isOf(session, token):
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

// kept returns what a session keeps of its token beside its key: the token, where tokens
// are stored as they are, and nothing where digests are. So a digest is not taken for a
// token after Options.PlainSessionTokens was turned on.
func (s *store) kept(token string) string {
	if s.options.PlainSessionTokens {
		return token
	}
	return ""
}

// isOf reports whether a session is that of a token.
func (s *store) isOf(session item, token string) bool {
	stored, isText := session[sessionToken].(*types.AttributeValueMemberS)
	if kept := s.kept(token); kept != "" {
		return isText && stored.Value == kept
	}
	return !isText
}

// opens returns the condition that a session is that of a token, and another one.
func (s *store) opens(token string, also func(*expression) string) func(*expression) string {
	return func(e *expression) string {
		name := e.name(sessionToken)
		if kept := s.kept(token); kept != "" {
			return name + "=" + e.value(str(kept)) + " AND " + also(e)
		}
		return "NOT attribute_type(" + name + "," + e.value(str("S")) + ") AND " + also(e)
	}
}

// live returns the condition that a session has not expired. It knows numbers of seconds,
// which the Auth.js adapter writes with a fraction.
func live(now time.Time) func(*expression) string {
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
	id, err := s.ownerFor(ctx, token, up.Expires)
	if err != nil {
		return adapter.Session{}, err
	}
	it, err := s.updateSession(ctx, s.sessionKey(id, token), token, s.encodeSessionUpdate(up, newStamp(), now), now)
	if err != nil {
		return adapter.Session{}, err
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
	it, ok, err := s.updateItem(ctx, k, c, s.opens(token, live(now)))
	for r := newRetrier(); err == nil && !ok; {
		if err := s.isLive(it, token, now); err != nil {
			return nil, err
		}
		// It is, by an expiry that another program wrote.
		if it, ok, err = s.updateItem(ctx, k, c, s.opens(token, is(fieldExpires, it))); err == nil && !ok {
			err = r.again(ctx, errChanged)
		}
	}
	if isTooLarge(err) {
		return nil, tooLarge("Session")
	}
	return it, err
}

// isLive returns why a session does not open, if it does not.
func (s *store) isLive(it item, token string, now time.Time) error {
	if len(it) == 0 || !s.isOf(it, token) {
		return adapter.ErrNotFound
	}
	se, err := s.decodeSession(it)
	if err == nil && !now.Before(se.Expires) {
		err = adapter.ErrNotFound
	}
	return err
}

// rewriteSession makes changes that are too many for an update expression.
func (s *store) rewriteSession(ctx context.Context, k key, token string, c *changes, now time.Time) (item, error) {
	current, err := s.get(ctx, k)
	if err != nil {
		return nil, err
	}
	var after item
	err = s.transact(ctx, func() ([]step, error) {
		if err := s.isLive(current, token, now); err != nil {
			return nil, err
		}
		after = c.apply(current)
		return []step{s.replaceRead(after, current, refresh(&current))}, checkSize("Session", after)
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
		_, err := s.deleteSession(ctx, s.sessionKey(id, token))
		return err
	}
	id, err := s.ownerOf(ctx, token)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return absence(s.disown(ctx, s.sessionKey(id, token)))
}

// deleteSession deletes a session, and then its guard if it has one. A guard that is
// left by a cut leads nowhere, and its place is taken by who wants the token.
func (s *store) deleteSession(ctx context.Context, k key) (there bool, err error) {
	out, err := try(ctx, func() (*dynamodb.DeleteItemOutput, error) {
		return s.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: s.table, Key: s.attributes(k), ConditionExpression: isThere, ExpressionAttributeNames: s.pkNames, ReturnValues: allOld,
		})
	})
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if out.Attributes[fieldGuard] != nil {
		err = s.deleteGuard(ctx, inPartitionOf(k), recordGuard(k.sort))
	}
	return true, err
}

// deleteGuard deletes the guard of a session that is gone. One that is another user's by now
// stays.
func (s *store) deleteGuard(ctx context.Context, userID string, k key) error {
	skip := map[key]bool{}
	return s.transact(ctx, func() ([]step, error) { return s.removeGuard(nil, userID, k, skip), nil })
}

func (s *store) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := listOwned(ctx, s, userID, prefixSession, s.decodeSession)
	now := s.options.Now()
	return slices.DeleteFunc(all, func(se adapter.Session) bool { return !now.Before(se.Expires) }), err
}

// DeleteSessionByID takes one call for a session whose key has its ID, and else looks for
// it among those of the user: a token that is stored as it is is not known from its ID.
func (s *store) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if !s.options.PlainSessionTokens {
		if there, err := s.deleteSession(ctx, key{userPartition(userID), sessionSort(sessionID)}); there || err != nil {
			return err
		}
	}
	items, err := s.all(ctx, userID, prefixSession)
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

// DeleteSessions takes a call for each megabyte of sessions, and one for each 25; of sessions
// with guards, one transaction for each 50.
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

// deleteSessionItems deletes sessions of a user, those that have guards together with these:
// a session without its guard would be listed, and its token would neither open nor end it.
func (s *store) deleteSessionItems(ctx context.Context, userID string, sessions []item) error {
	var guarded, others []key
	for _, it := range sessions {
		if it[fieldGuard] != nil {
			guarded = append(guarded, s.keyOf(it))
		} else {
			others = append(others, s.keyOf(it))
		}
	}
	for chunk := range slices.Chunk(guarded, maxSteps/2) {
		if err := s.deleteGuarded(ctx, userID, chunk); err != nil {
			return err
		}
	}
	return s.deleteBatch(ctx, others)
}

// deleteGuarded deletes sessions and their guards in one transaction. A guard that is
// another user's by now stays.
func (s *store) deleteGuarded(ctx context.Context, userID string, sessions []key) error {
	skip := map[key]bool{}
	return s.transact(ctx, func() (steps []step, _ error) {
		for _, k := range sessions {
			steps = s.removeGuard(append(steps, s.remove(k)), userID, recordGuard(k.sort), skip)
		}
		return steps, nil
	})
}
