package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// readsUsers changes every user that is returned.
type readsUsers struct {
	base
	change func(*adapter.User)
}

func (m readsUsers) changed(u adapter.User, err error) (adapter.User, error) {
	if err == nil {
		m.change(&u)
	}
	return u, err
}

func (m readsUsers) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	return m.changed(m.Adapter.CreateUser(ctx, u))
}

func (m readsUsers) GetUser(ctx context.Context, id string) (adapter.User, error) {
	return m.changed(m.Adapter.GetUser(ctx, id))
}

func (m readsUsers) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return m.changed(m.Adapter.GetUserByEmail(ctx, email))
}

func (m readsUsers) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	return m.changed(m.Adapter.UpdateUser(ctx, id, up))
}

func (m readsUsers) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	s, u, err := m.Adapter.GetSessionAndUser(ctx, token)
	u, err = m.changed(u, err)
	return s, u, err
}

// readsAttributes changes the attributes of every user that is returned.
func readsAttributes(change func(adapter.Attributes)) func(adapter.Adapter, *env) adapter.Adapter {
	return func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return readsUsers{base{inner}, func(u *adapter.User) { change(u.Attributes) }}
	}
}

// readsValues changes every attribute of every user that is returned, at the top.
func readsValues(change func(v any) any) func(adapter.Adapter, *env) adapter.Adapter {
	return readsAttributes(func(a adapter.Attributes) {
		for name, v := range a {
			a[name] = change(v)
		}
	})
}

var attributeMutants = []mutant{
	{"attributes are kept as JSON", []string{"ATT-001", "ATT-003"}, readsAttributes(func(a adapter.Attributes) {
		text, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		clear(a)
		if err := json.Unmarshal(text, &a); err != nil {
			panic(err)
		}
	})},
	{"text that looks like a time comes back as a time", []string{"ATT-002"}, readsValues(func(v any) any {
		text, _ := v.(string)
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return at
		}
		return v
	})},
	{"text that looks like a number comes back as a number", []string{"ATT-002"}, readsValues(func(v any) any {
		var n int64
		if text, ok := v.(string); ok && json.Unmarshal([]byte(text), &n) == nil {
			return n
		}
		return v
	})},
	{"whole numbers pass through float64", []string{"ATT-003"}, readsValues(func(v any) any {
		if n, ok := v.(int64); ok && n != 1<<63-1 {
			return int64(float64(n))
		}
		return v
	})},
	{"fractions pass through float32", []string{"ATT-004"}, readsValues(func(v any) any {
		if f, ok := v.(float64); ok {
			return float64(float32(f))
		}
		return v
	})},
	{"attributes that are nil are dropped", []string{"ATT-001", "ATT-005"}, readsAttributes(func(a adapter.Attributes) {
		maps.DeleteFunc(a, func(_ string, v any) bool { return v == nil })
	})},
	{"empty texts are dropped", []string{"ATT-002", "ATT-006"}, readsAttributes(func(a adapter.Attributes) {
		maps.DeleteFunc(a, func(_ string, v any) bool { return v == "" })
	})},
	{"empty lists come back as nil", []string{"ATT-006"}, readsValues(func(v any) any {
		if all, ok := v.([]any); ok && len(all) == 0 {
			return nil
		}
		return v
	})},
	{"lists of texts come back as []string", []string{"ATT-014"}, readsValues(func(v any) any {
		all, _ := v.([]any)
		var texts []string
		for _, e := range all {
			if text, ok := e.(string); ok {
				texts = append(texts, text)
			}
		}
		if len(texts) == 0 || len(texts) != len(all) {
			return v
		}
		return texts
	})},
	{"texts in attributes are cut to 32 KiB", []string{"ATT-020"}, readsValues(func(v any) any {
		if text, ok := v.(string); ok {
			return text[:min(32<<10, len(text))]
		}
		return v
	})},
	{"names of attributes are composed (NFC)", []string{"ATT-011"}, readsAttributes(func(a adapter.Attributes) {
		for name, v := range a {
			if composed := compose.Replace(name); composed != name {
				delete(a, name)
				a[composed] = v
			}
		}
	})},
	{"UpdateUser drops the attributes that it is not given", []string{"ATT-007", "RAC-016"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsUnknown{base{inner}, e}
	}},
	{"UpdateUser of a field drops the attributes", []string{"ATT-008"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsWithout{base{inner}, e}
	}},
	{"UpdateUser removes no attributes", []string{"ATT-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return removesNothing{base{inner}}
	}},
	{"UpdateUser merges a map into the one that is there", []string{"ATT-010"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return mergesMaps{base{inner}, e}
	}},
	{"LinkAccount drops the attributes", []string{"ACC-001", "ATT-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return plainAccounts{base{inner}}
	}},
	{"UpdateSession drops the attributes that it is not given", []string{"ATT-013", "SES-009"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return dropsUnknownOfSession{base{inner}, e}
	}},
	{"an attribute of a session with the name of a user's field is dropped", []string{"ATT-018"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsUserFields{base{inner}}
	}},
	{"a reserved attribute is dropped instead of refused", []string{"ATT-017"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsReserved{base{inner}}
	}},
	{"a name that no store takes is dropped instead of refused", []string{"ATT-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsBadNames{base{inner}}
	}},
	{"what is no number is kept as nil", []string{"ATT-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return nilForNaN{base{inner}}
	}},
	{"an attribute of a user with a name that accounts have is lost", []string{"ATT-018"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return losesElsewhere{base{inner}}
	}},
	{"UpdateAccount removes no attribute with the name of a user's field", []string{"ATT-021"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return removesNoUserFields{base{inner}}
	}},
	{"an attribute that is called name is a field of the credential", []string{"ATT-021"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return attributeIsField{base{inner}}
	}},
	{"names with dots are paths into maps", []string{"ATT-022"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return followsDots{base{inner}, e}
	}},
	{"percent signs in names of attributes are decoded", []string{"ATT-022", "KEY-014"}, readsAttributes(func(a adapter.Attributes) {
		for name, v := range a {
			if decoded := decode(name); decoded != name {
				delete(a, name)
				a[decoded] = v
			}
		}
	})},
	{"an attribute that is set and removed is set", []string{"ATT-019"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return setsAndRemoves{base{inner}}
	}},
}

// others returns the attributes of a user that an update does not name.
func (e *env) others(id string, up adapter.UserUpdate) []string {
	var names []string
	for _, u := range stored(e, func(u adapter.User) bool { return u.ID == id }) {
		for name := range u.Attributes {
			if _, set := up.Attributes[name]; !set {
				names = append(names, name)
			}
		}
	}
	return names
}

type dropsUnknown struct {
	base
	*env
}

func (m dropsUnknown) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if len(up.Attributes) > 0 {
		up.RemoveAttributes = append(up.RemoveAttributes, m.others(id, up)...)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type dropsWithout struct {
	base
	*env
}

func (m dropsWithout) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if len(up.Attributes) == 0 {
		up.RemoveAttributes = append(up.RemoveAttributes, m.others(id, up)...)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type removesNothing struct{ base }

func (m removesNothing) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	up.RemoveAttributes = nil
	return m.Adapter.UpdateUser(ctx, id, up)
}

type mergesMaps struct {
	base
	*env
}

func (m mergesMaps) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id }) {
		up.Attributes = up.Attributes.Clone()
		for name, v := range up.Attributes {
			old, isMap := u.Attributes[name].(map[string]any)
			if set, ok := v.(map[string]any); ok && isMap {
				maps.Copy(old, set)
				up.Attributes[name] = old
			}
		}
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type plainAccounts struct{ base }

func (m plainAccounts) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.Attributes = nil
	return m.Adapter.LinkAccount(ctx, acc)
}

type dropsUnknownOfSession struct {
	base
	*env
}

func (m dropsUnknownOfSession) UpdateSession(ctx context.Context, token string, up adapter.SessionUpdate) (adapter.Session, error) {
	for _, s := range stored(m.env, func(s adapter.Session) bool { return s.ID == adapter.SessionID(token) }) {
		for name := range s.Attributes {
			if _, set := up.Attributes[name]; !set && len(up.Attributes) > 0 {
				up.RemoveAttributes = append(up.RemoveAttributes, name)
			}
		}
	}
	return m.Adapter.UpdateSession(ctx, token, up)
}

type dropsUserFields struct{ base }

func (m dropsUserFields) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s.Attributes = s.Attributes.Clone()
	delete(s.Attributes, "email")
	return m.Adapter.CreateSession(ctx, s)
}

type dropsReserved struct{ base }

func (m dropsReserved) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Attributes = u.Attributes.Clone()
	maps.DeleteFunc(u.Attributes, func(name string, _ any) bool { return driver.Reserved(driver.UserRecord, name) })
	return m.Adapter.CreateUser(ctx, u)
}

type dropsBadNames struct{ base }

func (m dropsBadNames) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Attributes = withoutBadNames(u.Attributes)
	return m.Adapter.CreateUser(ctx, u)
}

func withoutBadNames(a adapter.Attributes) adapter.Attributes {
	a = a.Clone()
	maps.DeleteFunc(a, func(name string, _ any) bool { return name == "" || strings.ContainsFunc(name, unicode.IsControl) })
	return a
}

// losesElsewhere takes what is stored as type for a mark of its own.
type losesElsewhere struct{ base }

func (m losesElsewhere) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Attributes = u.Attributes.Clone()
	delete(u.Attributes, "type")
	return m.Adapter.CreateUser(ctx, u)
}

type removesNoUserFields struct{ base }

func (m removesNoUserFields) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	up.RemoveAttributes = slices.DeleteFunc(slices.Clone(up.RemoveAttributes), func(name string) bool {
		return name != "id" && driver.Reserved(driver.UserRecord, name)
	})
	return m.Adapter.UpdateAccount(ctx, key, up)
}

// attributeIsField keeps what is stored as name in the place of the backup state.
type attributeIsField struct{ base }

func (m attributeIsField) UpdateAuthenticator(ctx context.Context, id string, up adapter.AuthenticatorUpdate) (adapter.Authenticator, error) {
	if _, named := up.Attributes["name"]; named {
		up.CredentialBackedUp = new(false)
	}
	return m.Adapter.UpdateAuthenticator(ctx, id, up)
}

// followsDots sets a member of a map where a name has a dot and there is such a map.
type followsDots struct {
	base
	*env
}

func (m followsDots) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id }) {
		up.Attributes = up.Attributes.Clone()
		for name, v := range up.Attributes {
			outer, inner, dotted := strings.Cut(name, ".")
			if nested, ok := u.Attributes[outer].(map[string]any); dotted && ok {
				nested[inner] = v
				up.Attributes[outer] = nested
				delete(up.Attributes, name)
			}
		}
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type nilForNaN struct{ base }

func (m nilForNaN) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Attributes = u.Attributes.Clone()
	for name, v := range u.Attributes {
		if f, ok := v.(float64); ok && f != f {
			u.Attributes[name] = nil
		}
	}
	return m.Adapter.CreateUser(ctx, u)
}

type setsAndRemoves struct{ base }

func (m setsAndRemoves) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	var removed []string
	for _, name := range up.RemoveAttributes {
		if _, set := up.Attributes[name]; !set {
			removed = append(removed, name)
		}
	}
	up.RemoveAttributes = removed
	return m.Adapter.UpdateUser(ctx, id, up)
}

// readsTimes changes the times of every user that is returned.
func readsTimes(change func(time.Time) time.Time) func(adapter.Adapter, *env) adapter.Adapter {
	return func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return readsUsers{base{inner}, func(u *adapter.User) {
			for _, at := range []*time.Time{&u.EmailVerified, &u.CreatedAt, &u.UpdatedAt} {
				*at = change(*at)
			}
		}}
	}
}

var timeMutants = []mutant{
	{"times are kept in seconds", []string{"TIM-001", "TIM-002", "USR-001"}, readsTimes(func(at time.Time) time.Time {
		return at.Truncate(time.Second)
	})},
	{"times come back in the local zone", []string{"TIM-003"}, readsTimes(func(at time.Time) time.Time {
		return at.In(time.FixedZone("local", 2*3600))
	})},
	{"times are rounded to the millisecond", []string{"TIM-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return roundsTimes{base{inner}}
	}},
	{"the time of day is kept, and its zone is lost", []string{"TIM-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return losesZone{base{inner}}
	}},
	{"the zero time comes back as 1970", []string{"USR-004"}, readsTimes(func(at time.Time) time.Time {
		if at.IsZero() {
			return time.Unix(0, 0).UTC()
		}
		return at
	})},
	{"times before 1970 come back as zero", []string{"TIM-004"}, readsTimes(func(at time.Time) time.Time {
		if at.Before(time.Unix(0, 0)) {
			return time.Time{}
		}
		return at
	})},
	{"a time that no store takes is kept as the last one", []string{"TIM-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return clampsTimes{base{inner}}
	}},
	{"a session without Expires lives for a day", []string{"TIM-006"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return livesADay{base{inner}, e}
	}},
}

type roundsTimes struct{ base }

func (m roundsTimes) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.EmailVerified = u.EmailVerified.Round(time.Millisecond)
	return m.Adapter.CreateUser(ctx, u)
}

type losesZone struct{ base }

func (m losesZone) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if at := u.EmailVerified; !at.IsZero() {
		u.EmailVerified = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
	}
	return m.Adapter.CreateUser(ctx, u)
}

type clampsTimes struct{ base }

func (m clampsTimes) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC); u.EmailVerified.After(last) {
		u.EmailVerified = last
	}
	return m.Adapter.CreateUser(ctx, u)
}

type livesADay struct {
	base
	*env
}

func (m livesADay) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	if s.Expires.IsZero() {
		s.Expires = m.now().Add(24 * time.Hour)
	}
	return m.Adapter.CreateSession(ctx, s)
}

var valueMutants = []mutant{
	{"the store keeps the attributes that it was handed", []string{"VAL-001"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsGiven{base{inner}, e}
	}},
	{"the store keeps the attributes of the update that it was handed", []string{"VAL-002"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return keepsGivenUpdate{base{inner}, e}
	}},
	{"the store hands out the attributes that it keeps", []string{"VAL-003"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return handsOut{base{inner}, e}
	}},
	{"the store hands out the transports that it keeps", []string{"VAL-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return handsOutTransports{base{inner}, e}
	}},
	{"the store hands out the attributes of credentials that it keeps", []string{"VAL-004"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return handsOutOfPasskeys{base{inner}, e}
	}},
	{"CreateUser brings the attributes that it was handed into their form", []string{"VAL-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return changesGiven{base{inner}}
	}},
}

type keepsGiven struct {
	base
	*env
}

func (m keepsGiven) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	m.shared.Store(created.ID, u.Attributes)
	return created, err
}

func (m keepsGiven) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if given, ok := m.shared.Load(id); ok {
		u.Attributes = given.(adapter.Attributes)
	}
	return u, err
}

type keepsGivenUpdate struct {
	base
	*env
}

func (m keepsGivenUpdate) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Attributes != nil {
		m.shared.Store(id, up.Attributes)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m keepsGivenUpdate) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	if given, ok := m.shared.Load(id); ok {
		u.Attributes = given.(adapter.Attributes)
	}
	return u, err
}

type handsOut struct {
	base
	*env
}

func (m handsOut) GetUser(ctx context.Context, id string) (adapter.User, error) {
	u, err := m.Adapter.GetUser(ctx, id)
	kept, _ := m.shared.LoadOrStore(id, u.Attributes)
	u.Attributes = kept.(adapter.Attributes)
	return u, err
}

type handsOutTransports struct {
	base
	*env
}

func (m handsOutTransports) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, credentialID)
	kept, _ := m.shared.LoadOrStore(credentialID, a.Transports)
	a.Transports = kept.([]string)
	return a, err
}

type handsOutOfPasskeys struct {
	base
	*env
}

func (m handsOutOfPasskeys) GetAuthenticator(ctx context.Context, credentialID string) (adapter.Authenticator, error) {
	a, err := m.Adapter.GetAuthenticator(ctx, credentialID)
	kept, _ := m.shared.LoadOrStore(credentialID, a.Attributes)
	a.Attributes = kept.(adapter.Attributes)
	return a, err
}

type changesGiven struct{ base }

func (m changesGiven) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	for name, v := range u.Attributes {
		if n, ok := v.(int); ok {
			u.Attributes[name] = int64(n)
		}
	}
	return m.Adapter.CreateUser(ctx, u)
}

var inputMutants = []mutant{
	{"an impossible ID is replaced by a new one", []string{"INV-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsIDs{base{inner}}
	}},
	{"a blank e-mail address is none", []string{"INV-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return blankIsNone{base{inner}}
	}},
	{"control characters are taken out of account keys", []string{"INV-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsAccounts{base{inner}}
	}},
	{"control characters are taken out of session tokens", []string{"INV-004", "INV-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsTokens{base{inner}}
	}},
	{"control characters are taken out of identifiers", []string{"INV-005", "INV-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsIdentifiers{base{inner}}
	}},
	{"control characters are taken out of credential IDs", []string{"INV-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsCredentials{base{inner}}
	}},
	{"text is made valid instead of refused", []string{"INV-007"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return mendsTexts{base{inner}}
	}},
	{"deleting by an impossible key is refused", []string{"INV-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deleteRefuses{base{inner}}
	}},
	{"an update is checked after the record was found", []string{"INV-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return looksFirst{base{inner}}
	}},
	{"an unknown type of account is taken for oauth", []string{"ACC-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return anyType{base{inner}}
	}},
	{"a token that names another user is taken", []string{"SES-019"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return anyName{base{inner}}
	}},
	{"an account of nobody leads to a user", []string{"ACC-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return makesOwners{base{inner}}
	}},
	{"a sign-up ignores whom its account names", []string{"USR-016"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ignoresOwner{base{inner}}
	}},
}

// mend takes control characters out of a text.
var mend = strings.NewReplacer("\x00", "", "\n", "", "\x7f", "")

type mendsIDs struct{ base }

func (m mendsIDs) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	var invalid *adapter.InvalidError
	if errors.As(err, &invalid) && invalid.Field == adapter.FieldUserID {
		u.ID = ""
		return m.Adapter.CreateUser(ctx, u)
	}
	return created, err
}

type blankIsNone struct{ base }

func (m blankIsNone) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Email = strings.TrimSpace(u.Email)
	return m.Adapter.CreateUser(ctx, u)
}

type mendsAccounts struct{ base }

func (m mendsAccounts) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.ProviderAccountID = mend.Replace(acc.ProviderAccountID)
	return m.Adapter.LinkAccount(ctx, acc)
}

type mendsTokens struct{ base }

func (m mendsTokens) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	s.SessionToken = mend.Replace(s.SessionToken)
	return m.Adapter.CreateSession(ctx, s)
}

func (m mendsTokens) GetSessionAndUser(ctx context.Context, token string) (adapter.Session, adapter.User, error) {
	return m.Adapter.GetSessionAndUser(ctx, mend.Replace(token))
}

type mendsIdentifiers struct{ base }

func (m mendsIdentifiers) CreateVerificationToken(ctx context.Context, v adapter.VerificationToken) (adapter.VerificationToken, error) {
	v.Identifier = mend.Replace(v.Identifier)
	return m.Adapter.CreateVerificationToken(ctx, v)
}

func (m mendsIdentifiers) UseVerificationToken(ctx context.Context, identifier, token string) (adapter.VerificationToken, error) {
	return m.Adapter.UseVerificationToken(ctx, mend.Replace(identifier), token)
}

type mendsCredentials struct{ base }

func (m mendsCredentials) CreateAuthenticator(ctx context.Context, a adapter.Authenticator) (adapter.Authenticator, error) {
	a.CredentialID = mend.Replace(a.CredentialID)
	return m.Adapter.CreateAuthenticator(ctx, a)
}

type mendsTexts struct{ base }

func (m mendsTexts) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Name = mend.Replace(strings.ToValidUTF8(u.Name, "\ufffd"))
	return m.Adapter.CreateUser(ctx, u)
}

type deleteRefuses struct{ base }

func (m deleteRefuses) DeleteUser(ctx context.Context, id string) error {
	if _, err := m.Adapter.GetUser(ctx, id); errors.Is(err, adapter.ErrInvalid) {
		return fail(ctx, "DeleteUser", adapter.Invalid(adapter.FieldUserID, "must be possible"))
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type looksFirst struct{ base }

func (m looksFirst) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	if acc, err := m.Adapter.GetAccount(ctx, key); err != nil {
		return acc, err
	}
	return m.Adapter.UpdateAccount(ctx, key, up)
}

type anyType struct{ base }

func (m anyType) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	var invalid *adapter.InvalidError
	if errors.As(err, &invalid) && invalid.Field == "Account.Type" {
		acc.Type = adapter.AccountOAuth
		return m.Adapter.LinkAccount(ctx, acc)
	}
	return linked, err
}

type anyName struct{ base }

func (m anyName) CreateSession(ctx context.Context, s adapter.Session) (adapter.Session, error) {
	if userID, ok := adapter.ParseSessionToken(s.SessionToken); ok {
		s.UserID = userID
	}
	return m.Adapter.CreateSession(ctx, s)
}

type makesOwners struct{ base }

func (m makesOwners) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	var invalid *adapter.InvalidError
	if errors.As(err, &invalid) && invalid.Field == "Account.UserID" {
		_, linked, err = m.Adapter.CreateUserWithAccount(ctx, adapter.User{ID: acc.UserID}, acc)
	}
	return linked, err
}

type ignoresOwner struct{ base }

func (m ignoresOwner) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	acc.UserID = ""
	return m.Adapter.CreateUserWithAccount(ctx, u, acc)
}
