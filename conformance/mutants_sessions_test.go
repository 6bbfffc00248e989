package conformance_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/authstore/authstore/adapter"
)

// ages is far enough back for everything that has ever expired to be live.
const ages = 100 * 365 * 24 * time.Hour

var sessionMutants = []mutant{
	{"DeleteSessions ends the tokens that the user ever had, whose ever they are by now", []string{"LIM-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsEveryToken{base{inner}, e}
	}},
	{"a session lives a millisecond too long", []string{"SES-004", "SES-022"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return readsSessions{base{inner}, e.behind(time.Millisecond)}
	}},
	{"a session ends a millisecond too early", []string{"SES-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return readsSessions{base{inner}, e.behind(-time.Millisecond)}
	}},
	{"expiry is judged by the system's clock", []string{"SES-004", "OPT-001", "SES-027"}, func(_ adapter.Adapter, e *env) adapter.Adapter {
		return e.with(func(o *adapter.Options) { o.Clock = time.Now })
	}},
	{"GetSessionAndUser says that a session has expired", []string{"SES-004", "SES-022"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return readsExpiry{base{inner}, e.behind(ages)}
	}},
	{"UpdateSession says that a session has expired", []string{"SES-007", "SES-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return updatesExpiry{base{inner}, e.behind(ages)}
	}},
	{"ListSessions has expired sessions", []string{"SES-004", "SES-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return listsSessions{base{inner}, e.behind(ages)}
	}},
	{"ListSessions shows the tokens", []string{"SES-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return showsTokens{base{inner}, e}
	}},
	{"CreateSession keeps the ID that it is given", []string{"SES-028"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsSessionID{base{inner}}
	}},
	{"CreateSession drops the attributes", []string{"SES-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return plainSessions{base{inner}}
	}},
	{"CreateSession takes no token of more than 255 bytes", []string{"SES-025"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return shortTokens{base{inner}}
	}},
	{"sessions come back without UpdatedAt", []string{"SES-002", "SES-026"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return forgetsUpdatedAt{base{inner}}
	}},
	{"UpdateSession revives an expired session", []string{"SES-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return revivesSessions{base{inner}, e.behind(ages)}
	}},
	{"UpdateSession creates the session that is not there", []string{"SES-005", "SES-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return sessionUpserts{base{inner}}
	}},
	{"UpdateSession makes a session longer, but never shorter", []string{"SES-006", "SES-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return onlyExtends{base{inner}}
	}},
	{"CreateSession overwrites the session that has the token", []string{"SES-018"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return overwritesSessions{base{inner}}
	}},
	{"a token that names its user is taken for ever", []string{"LIM-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return neverFree{base{inner}, e}
	}},
	{"a generated token is no cookie value", []string{"SES-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return spacedTokens{base{inner}}
	}},
	{"session tokens are folded to lower case", []string{"SES-024"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return foldsTokens{base{inner}, e}
	}},
	{"a session's ID opens it", []string{"SES-014"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return opensByID{base{inner}, e}
	}},
	{"a session of nobody is taken, and opens", []string{"SES-021"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return opensForNobody{base{inner}, e}
	}},
	{"DeleteSessionByID ends any user's session", []string{"SES-013"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsByIDAlone{base{inner}, e}
	}},
	{"DeleteSessionByID ends the session of a token", []string{"SES-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return endsByToken{base{inner}}
	}},
	{"DeleteSessionByID ends no session whose token was made elsewhere", []string{"SES-012"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsOwnOnly{base{inner}, e}
	}},
	{"DeleteSessions ignores the tokens to keep", []string{"SES-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsNothing{base{inner}}
	}},
	{"DeleteSessions keeps one session only", []string{"SES-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsOne{base{inner}}
	}},
	{"DeleteSessions ends everybody's sessions", []string{"SES-015"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsAll{base{inner}, e}
	}},
	{"DeleteSessions takes session IDs to keep", []string{"SES-017"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsByID{base{inner}, e}
	}},
	{"DeleteUser leaves the sessions", []string{"SES-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return leavesSessions{base{inner}, e, 0}
	}},
	{"each adapter caches the sessions that it has read", []string{"SES-010", "SES-023"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &cachesSessions{base: base{inner}}
	}},
	{"session tokens are stored as they are", []string{"RST-001"}, func(_ adapter.Adapter, e *env) adapter.Adapter {
		return e.with(func(o *adapter.Options) { o.PlainSessionTokens = true })
	}},
	{"session tokens are never stored as they are", []string{"RST-002"}, func(_ adapter.Adapter, e *env) adapter.Adapter {
		return e.with(func(o *adapter.Options) { o.PlainSessionTokens = false })
	}},
}

// readsSessions reads sessions through another adapter.
type readsSessions struct {
	base
	other adapter.Adapter
}

func (m readsSessions) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	return m.other.GetSessionAndUser(ctx, token)
}

type listsSessions struct {
	base
	other adapter.Adapter
}

func (m listsSessions) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	return m.other.ListSessions(ctx, userID)
}

// rememberToken notes the token of a session, for its ID.
func (e *env) rememberToken(s adapter.Session) { e.shared.Store(s.ID, s.SessionToken) }

type showsTokens struct {
	base
	*env
}

func (m showsTokens) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.rememberToken(s)
	return s, err
}

func (m showsTokens) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.Adapter.ListSessions(ctx, userID)
	for i, s := range all {
		if token, ok := m.shared.Load(s.ID); ok {
			all[i].SessionToken = token.(string)
		}
	}
	return all, err
}

type keepsSessionID struct{ base }

func (m keepsSessionID) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	created, err := m.Adapter.CreateSession(ctx, s)
	if err == nil {
		created.ID = cmp.Or(s.ID, created.ID)
	}
	return created, err
}

type plainSessions struct{ base }

func (m plainSessions) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s.Attributes = nil
	return m.Adapter.CreateSession(ctx, s)
}

type shortTokens struct{ base }

func (m shortTokens) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	if len(s.SessionToken) > 255 {
		return adapter.Session{}, fail(ctx, "CreateSession", adapter.Invalid(adapter.FieldSessionToken, "must be at most 255 bytes"))
	}
	return m.Adapter.CreateSession(ctx, s)
}

type forgetsUpdatedAt struct{ base }

func (m forgetsUpdatedAt) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	s.UpdatedAt = time.Time{}
	return s, u, err
}

// readsExpiry tells a session that has expired from one that is not there, as long as the
// store has it.
type readsExpiry struct {
	base
	past adapter.Adapter
}

func (m readsExpiry) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	return s, u, saysExpired(ctx, "GetSessionAndUser", m.past, token, err)
}

type updatesExpiry struct {
	base
	past adapter.Adapter
}

func (m updatesExpiry) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	return s, saysExpired(ctx, "UpdateSession", m.past, token, err)
}

func saysExpired(ctx context.Context, op string, past adapter.Adapter, token string, err error) error {
	if _, _, was := past.GetSessionAndUser(ctx, token); was == nil && errors.Is(err, adapter.ErrNotFound) {
		return fail(ctx, op, adapter.ErrExpired)
	}
	return err
}

type revivesSessions struct {
	base
	past adapter.Adapter
}

func (m revivesSessions) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	if errors.Is(err, adapter.ErrNotFound) {
		return m.past.UpdateSession(ctx, token, up)
	}
	return s, err
}

type sessionUpserts struct{ base }

func (m sessionUpserts) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	userID, ok := adapter.ParseSessionToken(token)
	if !errors.Is(err, adapter.ErrNotFound) || up.Expires == nil || !ok {
		return s, err
	}
	return m.Adapter.CreateSession(ctx, adapter.Session{UserID: userID, SessionToken: token, Expires: *up.Expires})
}

type onlyExtends struct{ base }

func (m onlyExtends) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, _, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err == nil && up.Expires != nil && up.Expires.Before(s.Expires) {
		up.Expires = nil
	}
	return m.Adapter.UpdateSession(ctx, token, up)
}

type overwritesSessions struct{ base }

func (m overwritesSessions) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	created, err := m.Adapter.CreateSession(ctx, s)
	if !errors.Is(err, adapter.ErrConflict) {
		return created, err
	}
	if err := m.Adapter.DeleteSession(ctx, s.SessionToken); err != nil {
		return adapter.Session{}, err
	}
	return m.Adapter.CreateSession(ctx, s)
}

type spacedTokens struct{ base }

func (m spacedTokens) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	s.SessionToken = strings.Replace(s.SessionToken, ".", " ", 1)
	return s, err
}

type foldsTokens struct {
	base
	*env
}

func (m foldsTokens) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.shared.Store(strings.ToLower(s.SessionToken), s.SessionToken)
	return s, err
}

func (m foldsTokens) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if folded, ok := m.shared.Load(strings.ToLower(token)); ok {
		token = folded.(string)
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type opensByID struct {
	base
	*env
}

func (m opensByID) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.rememberToken(s)
	return s, err
}

func (m opensByID) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if of, ok := m.shared.Load(token); ok {
		token = of.(string)
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type opensForNobody struct {
	base
	*env
}

func (m opensForNobody) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	created, err := m.Adapter.CreateSession(ctx, s)
	var invalid *adapter.InvalidError
	if errors.As(err, &invalid) && invalid.Field == "Session.UserID" && s.SessionToken == "" {
		s.SessionToken = adapter.NewSessionToken(s.UserID, [32]byte{})
		m.shared.Store(s.SessionToken, s)
		return s, nil
	}
	return created, err
}

func (m opensForNobody) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if s, ok := m.shared.Load(token); ok {
		return s.(adapter.Session), adapter.User{}, nil
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type endsByIDAlone struct {
	base
	*env
}

func (m endsByIDAlone) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	for _, s := range stored(m.env, func(s adapter.Session) bool { return s.ID == sessionID }) {
		userID = s.UserID
	}
	return m.Adapter.DeleteSessionByID(ctx, userID, sessionID)
}

type endsByToken struct{ base }

func (m endsByToken) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if err := m.Adapter.DeleteSession(ctx, sessionID); err != nil {
		return err
	}
	return m.Adapter.DeleteSessionByID(ctx, userID, sessionID)
}

// rememberForeign notes a session whose token was made elsewhere.
func (e *env) rememberForeign(s adapter.Session) {
	if _, generated := adapter.ParseSessionToken(s.SessionToken); !generated {
		e.shared.Store("foreign "+s.ID, true)
	}
}

// isForeign reports whether a session was noted.
func (e *env) isForeign(sessionID string) bool {
	_, foreign := e.shared.Load("foreign " + sessionID)
	return foreign
}

type endsOwnOnly struct {
	base
	*env
}

func (m endsOwnOnly) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.rememberForeign(s)
	return s, err
}

func (m endsOwnOnly) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	if m.isForeign(sessionID) {
		return nil
	}
	return m.Adapter.DeleteSessionByID(ctx, userID, sessionID)
}

type keepsNothing struct{ base }

func (m keepsNothing) DeleteSessions(ctx context.Context, userID string, _ ...string) error {
	return m.Adapter.DeleteSessions(ctx, userID)
}

type keepsOne struct{ base }

func (m keepsOne) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return m.Adapter.DeleteSessions(ctx, userID, keep[:min(1, len(keep))]...)
}

type endsAll struct {
	base
	*env
}

func (m endsAll) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	for _, s := range stored(m.env, func(s adapter.Session) bool { return s.UserID != userID }) {
		_ = m.Adapter.DeleteSessionByID(ctx, s.UserID, s.ID)
	}
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

type keepsByID struct {
	base
	*env
}

func (m keepsByID) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.rememberToken(s)
	return s, err
}

func (m keepsByID) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	for _, id := range keep {
		if token, ok := m.shared.Load(id); ok {
			keep = append(keep, token.(string))
		}
	}
	return m.Adapter.DeleteSessions(ctx, userID, keep...)
}

// leavesSessions deletes a user with its first sessions, and the others still open.
type leavesSessions struct {
	base
	*env
	most int
}

// opened is what a session opens.
type opened struct {
	session adapter.Session
	user    adapter.User
}

func (m leavesSessions) DeleteUser(ctx context.Context, id string) error {
	users := stored(m.env, func(u adapter.User) bool { return u.ID == id })
	sessions := stored(m.env, func(s adapter.Session) bool { return s.UserID == id })
	err := m.Adapter.DeleteUser(ctx, id)
	for i, s := range sessions {
		if err == nil && i >= m.most {
			m.shared.Store(s.ID, opened{s, users[0]})
		}
	}
	return err
}

func (m leavesSessions) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if left, ok := m.shared.Load(adapter.SessionID(token)); ok {
		return left.(opened).session, left.(opened).user, nil
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type cachesSessions struct {
	base
	sessions sync.Map
}

func (m *cachesSessions) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if cached, ok := m.sessions.Load(token); ok {
		return cached.(opened).session, cached.(opened).user, nil
	}
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err == nil {
		m.sessions.Store(token, opened{s, u})
	}
	return s, u, err
}

func (m *cachesSessions) DeleteSession(ctx context.Context, token string) error {
	m.sessions.Delete(token)
	return m.Adapter.DeleteSession(ctx, token)
}

var tokenMutants = []mutant{
	{"a verification token lives a millisecond too long", []string{"VER-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return usesTokens{base{inner}, e.behind(time.Millisecond)}
	}},
	{"UseVerificationToken returns no CreatedAt", []string{"VER-001", "VER-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return forgetsCreatedAt{base{inner}}
	}},
	{"an identifier is taken for an e-mail address", []string{"VER-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return addressesOnly{base{inner}}
	}},
	{"an expired verification token is not used up", []string{"VER-003"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsExpired{base{inner}, e}
	}},
	{"a used verification token can be used again by another adapter", []string{"VER-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return usedHereOnly{base{inner}, e, &sync.Map{}}
	}},
	{"a wrong identifier uses a verification token up", []string{"VER-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return usesByToken{base{inner}, e}
	}},
	{"identifiers are folded to lower case", []string{"VER-006", "VER-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return foldsIdentifiers{base{inner}}
	}},
	{"an identifier has one verification token at a time", []string{"VER-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return oneTokenEach{base{inner}}
	}},
	{"a verification token that was made twice can be used twice", []string{"VER-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return usesTwice{base{inner}, e}
	}},
	{"a verification token that has expired is in the way of a new one", []string{"VER-018"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return blockedByExpired{base{inner}, e}
	}},
	{"verification tokens of two identifiers are the same token", []string{"VER-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return tokenAlone{base{inner}, e}
	}},
	{"DeleteVerificationTokens deletes by prefix", []string{"VER-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return voidsPrefix{base{inner}, e}
	}},
	{"DeleteVerificationTokens deletes one token", []string{"CUT-019", "VER-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return voidsOne{base{inner}, e}
	}},
	{"DeleteUser voids the verification tokens of the user's address", []string{"VER-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deleteVoids{base{inner}, e}
	}},
	{"UseVerificationToken of nothing is ErrExpired", []string{"VER-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return alwaysExpired{base{inner}}
	}},
	{"verification tokens are stored as they are", []string{"VER-014"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return notesTokens{base{inner}, e}
	}},
	{"the digest of a verification token can be used", []string{"VER-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return usesStored{base{inner}}
	}},
	{"verification tokens that are hashes are hashed again", []string{"VER-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return hashesHashes{base{inner}}
	}},
	{"the value of a verification token is cut to 1 KiB", []string{"VER-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsValues{base{inner}, 1 << 10}
	}},
	{"the spaces around a verification token's value are dropped", []string{"VER-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return trimsValues{base{inner}}
	}},
	{"a value that is too long is cut instead of refused", []string{"VER-017"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsValues{base{inner}, 64 << 10}
	}},
	{"a value that is refused leaves the token usable", []string{"VER-017"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return addsValues{base{inner}}
	}},
	{"what is stored for a session token is the digest of something else", []string{"RST-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return saltsSessions{base{inner}}
	}},
}

type notesTokens struct {
	base
	*env
}

func (m notesTokens) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	m.shared.Store(v.Token, v.Identifier)
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type cutsValues struct {
	base
	limit int
}

func (m cutsValues) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	v.Value = v.Value[:min(m.limit, len(v.Value))]
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type trimsValues struct{ base }

func (m trimsValues) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, token)
	v.Value = strings.TrimSpace(v.Value)
	return v, err
}

// addsValues adds the value in a second step.
type addsValues struct{ base }

func (m addsValues) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	created, err := m.Adapter.CreateVerificationToken(ctx, v)
	if errors.Is(err, adapter.ErrInvalid) {
		v.Value = ""
		_, _ = m.Adapter.CreateVerificationToken(ctx, v)
	}
	return created, err
}

type usesStored struct{ base }

func (m usesStored) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	if v, err := innermost(m).UseVerificationToken(ctx, identifier, token); err == nil {
		return v, nil
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

type hashesHashes struct{ base }

func (m hashesHashes) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	token := v.Token
	v.Token = adapter.HashVerificationToken(token, "")
	v, err := m.Adapter.CreateVerificationToken(ctx, v)
	v.Token = token
	return v, err
}

func (m hashesHashes) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, adapter.HashVerificationToken(token, ""))
	v.Token = token
	return v, err
}

type saltsSessions struct{ base }

func (m saltsSessions) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	token := s.SessionToken
	if token != "" {
		s.SessionToken = "salt" + token
	}
	s, err := m.Adapter.CreateSession(ctx, s)
	s.SessionToken = token
	return s, err
}

// usesTokens uses verification tokens through another adapter.
type usesTokens struct {
	base
	other adapter.Adapter
}

func (m usesTokens) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return m.other.UseVerificationToken(ctx, identifier, token)
}

// tokens returns the stored verification tokens of an identifier and a value, as they were
// handed in.
func (e *env) tokens(identifier, token string) []adapter.VerificationToken {
	all := stored(e, func(v adapter.VerificationToken) bool { return v.Identifier == identifier && isTokenOf(v, token) })
	for i := range all {
		all[i].Token = token
	}
	return all
}

// isTokenOf reports whether a stored verification token is that of a value, which may be
// hashed.
func isTokenOf(v adapter.VerificationToken, token string) bool {
	return v.Token == token || v.Token == adapter.SessionID(token)
}

type forgetsCreatedAt struct{ base }

func (m forgetsCreatedAt) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, token)
	v.CreatedAt = time.Time{}
	return v, err
}

type addressesOnly struct{ base }

func (m addressesOnly) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	if !strings.Contains(v.Identifier, "@") {
		return adapter.VerificationToken{}, fail(ctx, "CreateVerificationToken", adapter.Invalid("VerificationToken.Identifier", "must be an address"))
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type keepsExpired struct {
	base
	*env
}

func (m keepsExpired) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	for _, v := range m.tokens(identifier, token) {
		if !m.now().Before(v.Expires) {
			return adapter.VerificationToken{}, fail(ctx, "UseVerificationToken", adapter.ErrExpired)
		}
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

// usedHereOnly notes in its own memory which tokens have been used.
type usedHereOnly struct {
	base
	*env
	used *sync.Map
}

func (m usedHereOnly) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	for _, v := range m.tokens(identifier, token) {
		if m.now().Before(v.Expires) {
			if _, used := m.used.LoadOrStore([2]string{identifier, token}, true); used {
				return adapter.VerificationToken{}, fail(ctx, "UseVerificationToken", adapter.ErrNotFound)
			}
			return v, nil
		}
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

type usesByToken struct {
	base
	*env
}

func (m usesByToken) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	for _, v := range stored(m.env, func(v adapter.VerificationToken) bool { return isTokenOf(v, token) && v.Identifier != identifier }) {
		_, _ = m.Adapter.UseVerificationToken(ctx, v.Identifier, token)
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

type foldsIdentifiers struct{ base }

func (m foldsIdentifiers) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	v.Identifier = strings.ToLower(v.Identifier)
	return m.Adapter.CreateVerificationToken(ctx, v)
}

func (m foldsIdentifiers) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return m.Adapter.UseVerificationToken(ctx, strings.ToLower(identifier), token)
}

type oneTokenEach struct{ base }

func (m oneTokenEach) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	if err := m.Adapter.DeleteVerificationTokens(ctx, v.Identifier); err != nil {
		return adapter.VerificationToken{}, err
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type usesTwice struct {
	base
	*env
}

func (m usesTwice) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	created, err := m.Adapter.CreateVerificationToken(ctx, v)
	if errors.Is(err, adapter.ErrConflict) {
		m.shared.Store([2]string{v.Identifier, v.Token}, v)
		return v, nil
	}
	return created, err
}

func (m usesTwice) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, token)
	if errors.Is(err, adapter.ErrNotFound) {
		if twin, ok := m.shared.LoadAndDelete([2]string{identifier, token}); ok {
			return twin.(adapter.VerificationToken), nil
		}
	}
	return v, err
}

type blockedByExpired struct {
	base
	*env
}

func (m blockedByExpired) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	for _, old := range m.tokens(v.Identifier, v.Token) {
		if !m.now().Before(old.Expires) {
			return adapter.VerificationToken{}, fail(ctx, "CreateVerificationToken", adapter.Conflict(adapter.FieldVerificationToken))
		}
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type tokenAlone struct {
	base
	*env
}

func (m tokenAlone) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	for _, other := range stored(m.env, func(other adapter.VerificationToken) bool { return isTokenOf(other, v.Token) }) {
		_, _ = m.Adapter.UseVerificationToken(ctx, other.Identifier, v.Token)
	}
	return m.Adapter.CreateVerificationToken(ctx, v)
}

type voidsPrefix struct {
	base
	*env
}

func (m voidsPrefix) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	for _, v := range stored(m.env, func(v adapter.VerificationToken) bool { return strings.HasPrefix(v.Identifier, identifier) }) {
		_ = m.Adapter.DeleteVerificationTokens(ctx, v.Identifier)
	}
	return m.Adapter.DeleteVerificationTokens(ctx, identifier)
}

type voidsOne struct {
	base
	*env
}

func (m voidsOne) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	for _, v := range stored(m.env, func(v adapter.VerificationToken) bool { return v.Identifier == identifier }) {
		_, _ = innermost(m).UseVerificationToken(ctx, v.Identifier, v.Token)
		break
	}
	return nil
}

type deleteVoids struct {
	base
	*env
}

func (m deleteVoids) DeleteUser(ctx context.Context, id string) error {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id }) {
		_ = m.Adapter.DeleteVerificationTokens(ctx, u.Email)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type alwaysExpired struct{ base }

func (m alwaysExpired) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	v, err := m.Adapter.UseVerificationToken(ctx, identifier, token)
	if errors.Is(err, adapter.ErrNotFound) {
		err = fail(ctx, "UseVerificationToken", adapter.ErrExpired)
	}
	return v, err
}

// endsEveryToken keeps beside the sessions the tokens of each user.
type endsEveryToken struct {
	base
	*env
}

func (m endsEveryToken) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	created, err := m.Adapter.CreateSession(ctx, se)
	if err == nil {
		m.shared.Store(created.SessionToken+" of "+created.UserID, created)
	}
	return created, err
}

func (m endsEveryToken) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	if err := m.Adapter.DeleteSessions(ctx, userID, keep...); err != nil {
		return err
	}
	var err error
	m.shared.Range(func(_, made any) bool {
		if se := made.(adapter.Session); se.UserID == userID && !slices.Contains(keep, se.SessionToken) {
			err = m.Adapter.DeleteSession(ctx, se.SessionToken)
		}
		return err == nil
	})
	return err
}

type neverFree struct {
	base
	*env
}

func (m neverFree) CreateSession(ctx context.Context, se adapter.Session) (adapter.Session, error) {
	_, generated := adapter.ParseSessionToken(se.SessionToken)
	if _, had := m.shared.Load(se.SessionToken); had && generated {
		return adapter.Session{}, fail(ctx, "CreateSession", adapter.Conflict(adapter.FieldSessionToken))
	}
	m.shared.Store(se.SessionToken, true)
	return m.Adapter.CreateSession(ctx, se)
}
