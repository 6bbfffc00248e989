package conformance_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

// keyMutants take one key for another.
var keyMutants = []mutant{
	{"dots in an e-mail address are dropped", []string{"KEY-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsDots{base{inner}}
	}},
	{"spaces around a user ID are dropped", []string{"KEY-002", "KEY-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return trimsIDs{base{inner}}
	}},
	{"percent signs in a provider are decoded", []string{"KEY-003"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return sameAccounts{base{inner}, e, func(k adapter.AccountKey) string { return decode(k.Provider) + "\x00" + k.ProviderAccountID }}
	}},
	{"account IDs are composed (NFC)", []string{"KEY-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return sameAccounts{base{inner}, e, func(k adapter.AccountKey) string { return k.Provider + "\x00" + compose.Replace(k.ProviderAccountID) }}
	}},
	{"provider and account ID are joined by a colon", []string{"KEY-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return sameAccounts{base{inner}, e, func(k adapter.AccountKey) string { return k.Provider + ":" + k.ProviderAccountID }}
	}},
	{"spaces around a session token are dropped", []string{"KEY-006", "KEY-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return trimsTokens{base{inner}}
	}},
	{"DeleteVerificationTokens takes * for any identifier", []string{"KEY-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return voidsPattern{base{inner}, e}
	}},
	{"verification tokens are folded to lower case", []string{"KEY-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return foldsLinks{base{inner}}
	}},
	{"identifier and verification token are joined", []string{"KEY-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return joinsLinks{base{inner}, e}
	}},
	{"percent signs in a credential ID are decoded", []string{"KEY-011"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return decodesCredentials{base{inner}}
	}},
	{"DeleteSession deletes the credential with the same key", []string{"KEY-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return oneKeyspace{base{inner}}
	}},
	{"spaces in names of attributes become underscores", []string{"KEY-014"}, readsAttributes(func(a adapter.Attributes) {
		for name, v := range a {
			if better := strings.ReplaceAll(name, " ", "_"); better != name {
				delete(a, name)
				a[better] = v
			}
		}
	})},
	{"attributes of sessions with names that no store takes are dropped", []string{"KEY-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsBadNamesOfSessions{base{inner}}
	}},
	{"spaces around texts are dropped", []string{"KEY-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return trimsNames{base{inner}}
	}},
}

type dropsDots struct{ base }

// withoutDots takes the dots out of an address before the @.
func withoutDots(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok {
		return email
	}
	return strings.ReplaceAll(local, ".", "") + "@" + domain
}

func (m dropsDots) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Email = withoutDots(u.Email)
	return m.Adapter.CreateUser(ctx, u)
}

func (m dropsDots) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return m.Adapter.GetUserByEmail(ctx, withoutDots(email))
}

type trimsIDs struct{ base }

func (m trimsIDs) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.ID = strings.TrimSpace(u.ID)
	return m.Adapter.CreateUser(ctx, u)
}

func (m trimsIDs) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return m.Adapter.GetUser(ctx, strings.TrimSpace(id))
}

func (m trimsIDs) DeleteUser(ctx context.Context, id string) error {
	return m.Adapter.DeleteUser(ctx, strings.TrimSpace(id))
}

// decode takes percent signs for an escape, if they are.
func decode(s string) string {
	if decoded, err := url.PathUnescape(s); err == nil {
		return decoded
	}
	return s
}

var compose = strings.NewReplacer("e\u0301", "\u00e9", "A\u030a", "\u00c5", "\u212b", "\u00c5")

// sameAccounts takes accounts for the same one that have the same text.
type sameAccounts struct {
	base
	*env
	text func(adapter.AccountKey) string
}

// first returns the key that was the first to have the text of key.
func (m sameAccounts) first(key adapter.AccountKey) adapter.AccountKey {
	first, _ := m.shared.LoadOrStore(m.text(key), key)
	return first.(adapter.AccountKey)
}

func (m sameAccounts) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	key := m.first(acc.Key())
	acc.Provider, acc.ProviderAccountID = key.Provider, key.ProviderAccountID
	return m.Adapter.LinkAccount(ctx, acc)
}

func (m sameAccounts) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return m.Adapter.GetAccount(ctx, m.first(key))
}

type trimsTokens struct{ base }

func (m trimsTokens) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	return m.Adapter.GetSessionAndUser(ctx, strings.TrimSpace(token))
}

type voidsPattern struct {
	base
	*env
}

func (m voidsPattern) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	for _, v := range stored(m.env, func(adapter.VerificationToken) bool { return identifier == "*" }) {
		_ = m.Adapter.DeleteVerificationTokens(ctx, v.Identifier)
	}
	return m.Adapter.DeleteVerificationTokens(ctx, identifier)
}

type foldsLinks struct{ base }

func (m foldsLinks) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	v.Token = strings.ToLower(v.Token)
	return m.Adapter.CreateVerificationToken(ctx, v)
}

func (m foldsLinks) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return m.Adapter.UseVerificationToken(ctx, identifier, strings.ToLower(token))
}

type joinsLinks struct {
	base
	*env
}

func (m joinsLinks) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	m.shared.Store(v.Identifier+v.Token, v)
	return m.Adapter.CreateVerificationToken(ctx, v)
}

func (m joinsLinks) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	if v, ok := m.shared.LoadAndDelete(identifier + token); ok {
		v := v.(adapter.VerificationToken)
		return m.Adapter.UseVerificationToken(ctx, v.Identifier, v.Token)
	}
	return m.Adapter.UseVerificationToken(ctx, identifier, token)
}

type decodesCredentials struct{ base }

func (m decodesCredentials) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	return m.Adapter.GetAuthenticator(ctx, decode(credentialID))
}

type oneKeyspace struct{ base }

func (m oneKeyspace) DeleteSession(ctx context.Context, token string) error {
	return errors.Join(m.Adapter.DeleteSession(ctx, token), m.Adapter.DeleteAuthenticator(ctx, token))
}

type dropsBadNamesOfSessions struct{ base }

func (m dropsBadNamesOfSessions) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s.Attributes = withoutBadNames(s.Attributes)
	return m.Adapter.CreateSession(ctx, s)
}

type trimsNames struct{ base }

func (m trimsNames) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Name = strings.TrimSpace(u.Name)
	return m.Adapter.CreateUser(ctx, u)
}

// crowdMutants work as long as there are few records.
var crowdMutants = []mutant{
	{"DeleteSessions goes on until the list is empty", []string{"LIM-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return endsTheLast{base{inner}}
	}},
	{"DeleteUser goes on until nothing belongs to the user", []string{"LIM-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deletesTheLast{base{inner}}
	}},
	{"UpdateSession writes back what a request has read", []string{"LIM-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &extendsWhatItRead{base: base{inner}}
	}},
	{"a record keeps 1 MiB of attributes", []string{"LIM-004", "LIM-005", "LIM-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsSome{base{inner}}
	}},
	{"a record that is too large is an ErrSetup that does not say so", []string{"LIM-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return refusesLarge{base{inner}}
	}},
	{"DeleteUser deletes 25 sessions", []string{"CAS-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return leavesSessions{base{inner}, e, 25}
	}},
	{"DeleteUser deletes the users whose IDs begin like the user's", []string{"CAS-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletesPrefix{base{inner}, e}
	}},
	{"DeleteUser leaves the credentials", []string{"CAS-003", "CAS-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return leavesCredentials{base{inner}, e}
	}},
	{"DeleteUser leaves the e-mail address in an index", []string{"CAS-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletedEmailTaken{base{inner}, e}
	}},
	{"DeleteUser leaves the sessions whose tokens were made elsewhere", []string{"CAS-012", "CUT-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return &leavesForeign{leavesSessions: leavesSessions{base{inner}, e, 0}}
	}},
	{"DeleteSessions ends the first 900 sessions", []string{"CAS-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return endsSome{base{inner}, e}
	}},
	{"ListSessions has the first 100 sessions", []string{"CAS-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return firstPage{base{inner}}
	}},
	{"ListSessions has the live ones among the first 200 sessions", []string{"CAS-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return filtersPage{base{inner}, e, e.behind(ages)}
	}},
	{"ListAccounts has the first 100 accounts", []string{"CAS-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return firstAccounts{base{inner}}
	}},
	{"ListAuthenticators has the first 100 credentials", []string{"CAS-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return firstCredentials{base{inner}}
	}},
	{"DeleteVerificationTokens deletes the first 100 tokens", []string{"CAS-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return voidsSome{base{inner}, e}
	}},
}

type deletesPrefix struct {
	base
	*env
}

func (m deletesPrefix) DeleteUser(ctx context.Context, id string) error {
	for _, u := range stored(m.env, func(u adapter.User) bool { return strings.HasPrefix(u.ID, id) }) {
		_ = m.Adapter.DeleteUser(ctx, u.ID)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type leavesCredentials struct {
	base
	*env
}

func (m leavesCredentials) DeleteUser(ctx context.Context, id string) error {
	for _, a := range stored(m.env, func(a adapter.Authenticator) bool { return a.UserID == id }) {
		m.shared.Store(a.CredentialID, a)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

func (m leavesCredentials) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, credentialID)
	if left, ok := m.shared.Load(credentialID); ok && errors.Is(err, adapter.ErrNotFound) {
		return left.(adapter.Authenticator), nil
	}
	return a, err
}

// leavesForeign leaves the sessions whose tokens do not name their user.
type leavesForeign struct{ leavesSessions }

func (m *leavesForeign) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s, err := m.Adapter.CreateSession(ctx, s)
	m.rememberForeign(s)
	return s, err
}

func (m *leavesForeign) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	if !m.isForeign(adapter.SessionID(token)) {
		return m.Adapter.GetSessionAndUser(ctx, token)
	}
	return m.leavesSessions.GetSessionAndUser(ctx, token)
}

type endsSome struct {
	base
	*env
}

func (m endsSome) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	sessions := stored(m.env, func(s adapter.Session) bool {
		return s.UserID == userID && !slices.ContainsFunc(keep, func(token string) bool { return adapter.SessionID(token) == s.ID })
	})
	if len(sessions) <= 900 {
		return m.Adapter.DeleteSessions(ctx, userID, keep...)
	}
	for _, s := range sessions[:900] {
		if err := m.Adapter.DeleteSessionByID(ctx, userID, s.ID); err != nil {
			return err
		}
	}
	return nil
}

// page returns the first n of a list.
func page[R any](all []R, n int) []R { return all[:min(n, len(all))] }

type firstPage struct{ base }

func (m firstPage) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.Adapter.ListSessions(ctx, userID)
	return page(all, 100), err
}

// filtersPage takes the sessions that expire first for the first page.
type filtersPage struct {
	base
	*env
	past adapter.Adapter
}

func (m filtersPage) ListSessions(ctx context.Context, userID string) ([]adapter.Session, error) {
	all, err := m.past.ListSessions(ctx, userID)
	slices.SortFunc(all, func(a, b adapter.Session) int {
		return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.ID, b.ID))
	})
	return slices.DeleteFunc(page(all, 200), func(s adapter.Session) bool { return !m.now().Before(s.Expires) }), err
}

type firstAccounts struct{ base }

func (m firstAccounts) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	all, err := m.Adapter.ListAccounts(ctx, userID)
	return page(all, 100), err
}

type firstCredentials struct{ base }

func (m firstCredentials) ListAuthenticators(ctx context.Context, userID string) ([]adapter.Authenticator, error) {
	all, err := m.Adapter.ListAuthenticators(ctx, userID)
	return page(all, 100), err
}

type voidsSome struct {
	base
	*env
}

func (m voidsSome) DeleteVerificationTokens(ctx context.Context, identifier string) error {
	tokens := stored(m.env, func(v adapter.VerificationToken) bool { return v.Identifier == identifier })
	if len(tokens) <= 100 {
		return m.Adapter.DeleteVerificationTokens(ctx, identifier)
	}
	for _, v := range tokens[:100] {
		_, _ = innermost(m).UseVerificationToken(ctx, v.Identifier, v.Token)
	}
	return nil
}

// everyOperation are the tests of the round trips of each operation.
var everyOperation = func() []string {
	var ids []string
	for _, test := range suite {
		if strings.HasPrefix(test.ID, "RTT-0") {
			ids = append(ids, test.ID)
		}
	}
	return ids
}()

// costMutants answer rightly, and take too many round trips.
var costMutants = []mutant{
	{"every operation takes two round trips", everyOperation, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return fault.Wrap(inner, e.faults)
	}},
	{"GetSessionAndUser reads the user after the session", []string{"RTT-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return readsUserToo{base{inner}}
	}},
	{"GetSessionAndUser reads what was made elsewhere in three steps", []string{"RTT-102"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return readsForeignInSteps{base{inner}}
	}},
	{"UpdateUser changes an e-mail address in four steps", []string{"RTT-101"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return asksThrice{base{inner}}
	}},
	{"DeleteSessionByID looks through the user's sessions", []string{"RTT-017", "RTT-103"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return looksThrough{base{inner}}
	}},
	{"DeleteSessions ends session by session", []string{"RTT-104"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return endsOneByOne{base{inner}}
	}},
	{"DeleteUser deletes record by record", []string{"RTT-105"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deletesOneByOne{base{inner}}
	}},
}

type readsUserToo struct{ base }

func (m readsUserToo) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, _, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	u, err := m.Adapter.GetUser(ctx, s.UserID)
	if err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return s, u, nil
}

type readsForeignInSteps struct{ base }

func (m readsForeignInSteps) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if _, generated := adapter.ParseSessionToken(token); generated || err != nil {
		return s, u, err
	}
	if u, err = m.Adapter.GetUser(ctx, u.ID); err != nil {
		return adapter.Session{}, adapter.User{}, err
	}
	return m.Adapter.GetSessionAndUser(ctx, token)
}

type asksThrice struct{ base }

func (m asksThrice) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Email != nil {
		for range 3 {
			if _, err := m.Adapter.GetUser(ctx, id); err != nil {
				return adapter.User{}, err
			}
		}
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type looksThrough struct{ base }

func (m looksThrough) DeleteSessionByID(ctx context.Context, userID, sessionID string) error {
	all, err := m.Adapter.ListSessions(ctx, userID)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID != sessionID {
			continue
		}
		if err := m.Adapter.DeleteSessionByID(ctx, userID, s.ID); err != nil {
			return err
		}
		return m.Adapter.DeleteSessionByID(ctx, userID, s.ID)
	}
	return nil
}

type endsOneByOne struct{ base }

func (m endsOneByOne) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	all, err := m.Adapter.ListSessions(ctx, userID)
	for _, s := range all {
		if !slices.ContainsFunc(keep, func(token string) bool { return adapter.SessionID(token) == s.ID }) {
			err = errors.Join(err, m.Adapter.DeleteSessionByID(ctx, userID, s.ID))
		}
	}
	if err != nil {
		return fail(ctx, "DeleteSessions", err)
	}
	return nil
}

type deletesOneByOne struct{ base }

func (m deletesOneByOne) DeleteUser(ctx context.Context, id string) error {
	if err := endsOneByOne(m).DeleteSessions(ctx, id); err != nil {
		return err
	}
	return m.Adapter.DeleteUser(ctx, id)
}

// errEndless is how a loop without an end ends here.
var errEndless = errors.New("there is always one more")

// goesOn ends all sessions of a user again and again, as long as new ones come.
func goesOn(ctx context.Context, a adapter.Adapter, userID string, keep ...string) error {
	for range 10 {
		if err := a.DeleteSessions(ctx, userID, keep...); err != nil {
			return err
		}
		if !comeMore(ctx, a, userID, len(keep)) {
			return nil
		}
	}
	return errEndless
}

// comeMore waits a little for more sessions than are kept.
func comeMore(ctx context.Context, a adapter.Adapter, userID string, kept int) bool {
	for range 50 {
		if all, err := a.ListSessions(ctx, userID); err == nil && len(all) > kept {
			return true
		}
		pause()
	}
	return false
}

type endsTheLast struct{ base }

func (m endsTheLast) DeleteSessions(ctx context.Context, userID string, keep ...string) error {
	return goesOn(ctx, m.Adapter, userID, keep...)
}

type deletesTheLast struct{ base }

// DeleteUser deletes the user when nothing belongs to it.
func (m deletesTheLast) DeleteUser(ctx context.Context, id string) error {
	if err := goesOn(ctx, m.Adapter, id); err != nil {
		return err
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type extendsWhatItRead struct {
	base
	read sync.Map
}

func (m *extendsWhatItRead) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	if err == nil {
		m.read.Store(token, s)
	}
	return s, u, err
}

func (m *extendsWhatItRead) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	if read, ok := m.read.Load(token); ok && err != nil {
		s := read.(adapter.Session)
		up.Apply(&s, s.UpdatedAt)
		return m.Adapter.CreateSession(ctx, s)
	}
	return s, err
}

type keepsSome struct{ base }

// oldest returns the attributes that are to go, of records that have more than 1 MiB.
func oldest(a adapter.Attributes) []string {
	if len(a) < 1<<20/60000 {
		return nil
	}
	return []string{slices.Min(slices.Collect(maps.Keys(a)))}
}

func (m keepsSome) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if gone := oldest(u.Attributes); gone != nil {
		return m.Adapter.UpdateUser(ctx, id, adapter.UserUpdate{RemoveAttributes: gone})
	}
	return u, err
}

func (m keepsSome) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	a, err := m.Adapter.UpdateAccount(ctx, key, up)
	if gone := oldest(a.Attributes); gone != nil {
		return m.Adapter.UpdateAccount(ctx, key, adapter.AccountUpdate{RemoveAttributes: gone})
	}
	return a, err
}

func (m keepsSome) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	s, err := m.Adapter.UpdateSession(ctx, token, up)
	if gone := oldest(s.Attributes); gone != nil {
		return m.Adapter.UpdateSession(ctx, token, adapter.SessionUpdate{RemoveAttributes: gone})
	}
	return s, err
}

type refusesLarge struct{ base }

func (m refusesLarge) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	const most = 10 // attributes
	if u, err := m.Adapter.GetUser(ctx, id); err == nil && len(u.Attributes) >= most && len(up.Attributes) > 0 {
		return adapter.User{}, fail(ctx, "UpdateUser", adapter.ErrSetup)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}
