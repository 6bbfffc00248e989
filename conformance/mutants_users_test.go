package conformance_test

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authstore/authstore/adapter"
)

var userMutants = []mutant{
	{"CreateUser does not say which ID it made", []string{"USR-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsIDSecret{base{inner}}
	}},
	{"each adapter counts its new IDs by itself", []string{"USR-032"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &countsIDs{base: base{inner}}
	}},
	{"CreateUser makes up an ID of its own, whatever is given", []string{"USR-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ownIDs{base{inner}}
	}},
	{"GetUserByEmail compares case-sensitively", []string{"USR-008"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return exactEmail{base{inner}}
	}},
	{"GetUserByEmail folds ASCII letters only", []string{"USR-031"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return foldsASCII{base{inner}}
	}},
	{"GetUserByEmail does not trim white space", []string{"USR-031"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return trimsNothing{base{inner}}
	}},
	{"CreateUserWithAccount returns the e-mail address as it was given", []string{"USR-031"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return signUpAsGiven{base{inner}}
	}},
	{"what follows a + in an e-mail address is dropped", []string{"USR-030"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsTags{base{inner}}
	}},
	{"an e-mail address is returned as it was given", []string{"USR-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return emailAsGiven{base{inner}}
	}},
	{"the Kelvin sign is folded to k", []string{"USR-010"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return foldsEmail{base{inner}}
	}},
	{"a user that is not there is the zero user, without an error", []string{"USR-006", "USR-025"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return zeroForAbsent{base{inner}}
	}},
	{"users without an e-mail address share the empty one", []string{"USR-005"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return emptyEmailTaken{base{inner}, e}
	}},
	{"a conflict of IDs takes the e-mail address", []string{"USR-011"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return takesEmailFirst{base{inner}, e}
	}},
	{"a taken e-mail address is a conflict on no field", []string{"USR-007", "USR-021"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return vagueConflict{base{inner}}
	}},
	{"CreateUserWithAccount drops the provider's tokens", []string{"USR-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsTokens{base{inner}}
	}},
	{"CreateUserWithAccount refuses an account that names its user", []string{"USR-013"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return refusesNamedUser{base{inner}}
	}},
	{"CreateUserWithAccount leaves the user behind when the account is taken", []string{"USR-014"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return signsUpInSteps{base{inner}, false}
	}},
	{"UpdateUser gives out an e-mail address that is taken", []string{"RAC-022", "USR-021", "USR-023"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return sharesEmail{base{inner}}
	}},
	{"UpdateUser writes the other fields although the e-mail address is taken", []string{"USR-021"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return halfUpdate{base{inner}}
	}},
	{"UpdateUser does not reserve the new e-mail address", []string{"USR-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return reservesNothing{base{inner}, e}
	}},
	{"UpdateUser keeps the old e-mail address taken", []string{"USR-018", "USR-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return oldEmailTaken{base{inner}, e}
	}},
	{"UpdateUser lets the old e-mail address lead to the user", []string{"RAC-025", "USR-018", "USR-020"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return oldEmailLeads{base{inner}, e}
	}},
	{"UpdateUser refuses a user's own e-mail address", []string{"USR-022"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ownEmailTaken{base{inner}}
	}},
	{"UpdateUser clears the fields that it is not given", []string{"USR-017"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return replacesUser{base{inner}}
	}},
	{"UpdateUser takes an empty text for one that is not given", []string{"USR-018"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return ignoresEmpty{base{inner}}
	}},
	{"UpdateUser creates the user that is not there", []string{"CAS-005", "USR-019"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return createsGhosts{base{inner}}
	}},
	{"UpdateUser sets CreatedAt", []string{"SEQ-001", "USR-027"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return createsAnew{base{inner}}
	}},
	{"DeleteUser keeps the e-mail address taken", []string{"USR-025"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletedEmailTaken{base{inner}, e}
	}},
	{"DeleteUser of nobody is ErrNotFound", []string{"USR-026"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return deleteNotFound{base{inner}}
	}},
	{"texts are cut to 255 characters", []string{"USR-028"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsTexts{base{inner}}
	}},
	{"UpdateUser cuts texts to 32 KiB", []string{"USR-028"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsUpdates{base{inner}}
	}},
	{"GetUserByEmail reads a copy that is one update behind", []string{"USR-029"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return lagsBehind{base{inner}, e}
	}},
	{"each adapter caches the users that it has read", []string{"USR-024"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return &cachesUsers{base: base{inner}}
	}},
}

type keepsIDSecret struct{ base }

func (m keepsIDSecret) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	created.ID = u.ID
	return created, err
}

type countsIDs struct {
	base
	last atomic.Int64
}

func (m *countsIDs) NewID() string { return strconv.FormatInt(m.last.Add(1), 10) }

type ownIDs struct{ base }

func (m ownIDs) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.ID = ""
	return m.Adapter.CreateUser(ctx, u)
}

type exactEmail struct{ base }

func (m exactEmail) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	if email != adapter.NormalizeEmail(email) {
		return adapter.User{}, fail(ctx, "GetUserByEmail", adapter.ErrNotFound)
	}
	return m.Adapter.GetUserByEmail(ctx, email)
}

type foldsASCII struct{ base }

func (m foldsASCII) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	if strings.ContainsFunc(email, func(r rune) bool { return r >= utf8.RuneSelf && unicode.IsUpper(r) }) {
		return adapter.User{}, fail(ctx, "GetUserByEmail", adapter.ErrNotFound)
	}
	return m.Adapter.GetUserByEmail(ctx, email)
}

type trimsNothing struct{ base }

func (m trimsNothing) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	if email != strings.TrimSpace(email) {
		return adapter.User{}, fail(ctx, "GetUserByEmail", adapter.ErrNotFound)
	}
	return m.Adapter.GetUserByEmail(ctx, email)
}

type signUpAsGiven struct{ base }

func (m signUpAsGiven) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	created, linked, err := m.Adapter.CreateUserWithAccount(ctx, u, acc)
	if err == nil {
		created.Email = u.Email
	}
	return created, linked, err
}

type dropsTags struct{ base }

// withoutTag drops what follows a plus sign before the @ of an address.
func withoutTag(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if name, _, tagged := strings.Cut(local, "+"); ok && tagged {
		return name + "@" + domain
	}
	return email
}

func (m dropsTags) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Email = withoutTag(u.Email)
	return m.Adapter.CreateUser(ctx, u)
}

func (m dropsTags) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return m.Adapter.GetUserByEmail(ctx, withoutTag(email))
}

type emailAsGiven struct{ base }

func (m emailAsGiven) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	if err == nil {
		created.Email = u.Email
	}
	return created, err
}

type foldsEmail struct{ base }

func (m foldsEmail) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u.Email = strings.ToLower(u.Email)
	return m.Adapter.CreateUser(ctx, u)
}

func (m foldsEmail) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	return m.Adapter.GetUserByEmail(ctx, strings.ToLower(email))
}

type zeroForAbsent struct{ base }

func (m zeroForAbsent) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	u, err := m.Adapter.GetUserByEmail(ctx, email)
	if errors.Is(err, adapter.ErrNotFound) {
		return adapter.User{}, nil
	}
	return u, err
}

type emptyEmailTaken struct {
	base
	*env
}

func (m emptyEmailTaken) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if u.Email == "" {
		if _, taken := m.shared.LoadOrStore("", true); taken {
			return adapter.User{}, fail(ctx, "CreateUser", adapter.Conflict(adapter.FieldUserEmail))
		}
	}
	return m.Adapter.CreateUser(ctx, u)
}

type takesEmailFirst struct {
	base
	*env
}

func (m takesEmailFirst) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, taken := m.shared.Load(u.Email); taken {
		return adapter.User{}, fail(ctx, "CreateUser", adapter.Conflict(adapter.FieldUserEmail))
	}
	created, err := m.Adapter.CreateUser(ctx, u)
	if isConflict(err, adapter.FieldUserID) {
		m.shared.Store(u.Email, true)
	}
	return created, err
}

type vagueConflict struct{ base }

func (m vagueConflict) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	return u, vague(ctx, "CreateUser", err)
}

func (m vagueConflict) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	return u, vague(ctx, "UpdateUser", err)
}

func vague(ctx context.Context, op string, err error) error {
	if isConflict(err, adapter.FieldUserEmail) {
		return fail(ctx, op, adapter.ErrConflict)
	}
	return err
}

type dropsTokens struct{ base }

func (m dropsTokens) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	acc.AccessToken, acc.RefreshToken, acc.IDToken = "", "", ""
	return m.Adapter.CreateUserWithAccount(ctx, u, acc)
}

type refusesNamedUser struct{ base }

func (m refusesNamedUser) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	if acc.UserID != "" {
		return adapter.User{}, adapter.Account{}, fail(ctx, "CreateUserWithAccount", adapter.Invalid("Account.UserID", "must be empty"))
	}
	return m.Adapter.CreateUserWithAccount(ctx, u, acc)
}

// signsUpInSteps writes user and account one after the other. It may clean up what
// it has written when the second one is refused.
type signsUpInSteps struct {
	base
	cleansUp bool
}

func (m signsUpInSteps) CreateUserWithAccount(ctx context.Context, u adapter.User, acc adapter.Account) (adapter.User, adapter.Account, error) {
	u, err := m.Adapter.CreateUser(ctx, u)
	if err != nil {
		return adapter.User{}, adapter.Account{}, err
	}
	acc.UserID = u.ID
	acc, err = m.Adapter.LinkAccount(ctx, acc)
	if err != nil {
		if m.cleansUp {
			_ = m.Adapter.DeleteUser(ctx, u.ID)
		}
		return adapter.User{}, adapter.Account{}, err
	}
	return u, acc, nil
}

type sharesEmail struct{ base }

func (m sharesEmail) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if !isConflict(err, adapter.FieldUserEmail) {
		return u, err
	}
	taken := *up.Email
	up.Email = nil
	u, err = m.Adapter.UpdateUser(ctx, id, up)
	u.Email = taken
	return u, err
}

type halfUpdate struct{ base }

func (m halfUpdate) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if isConflict(err, adapter.FieldUserEmail) {
		up.Email = nil
		_, _ = m.Adapter.UpdateUser(ctx, id, up)
	}
	return u, err
}

// oldEmail returns a user's address before an update that changes it.
func (e *env) oldEmail(id string, up adapter.UserUpdate) (string, bool) {
	users := stored(e, func(u adapter.User) bool { return u.ID == id })
	if len(users) == 0 || up.Email == nil || users[0].Email == adapter.NormalizeEmail(*up.Email) {
		return "", false
	}
	return users[0].Email, true
}

type reservesNothing struct {
	base
	*env
}

func (m reservesNothing) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if err == nil && up.Email != nil {
		m.shared.Store(u.Email, id)
	}
	return u, err
}

func (m reservesNothing) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	created, err := m.Adapter.CreateUser(ctx, u)
	if _, moved := m.shared.Load(u.Email); moved && isConflict(err, adapter.FieldUserEmail) {
		return u, nil
	}
	return created, err
}

type oldEmailTaken struct {
	base
	*env
}

func (m oldEmailTaken) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if old, changes := m.oldEmail(id, up); changes {
		m.shared.Store(old, id)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m oldEmailTaken) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, taken := m.shared.Load(u.Email); taken {
		return adapter.User{}, fail(ctx, "CreateUser", adapter.Conflict(adapter.FieldUserEmail))
	}
	return m.Adapter.CreateUser(ctx, u)
}

type oldEmailLeads struct {
	base
	*env
}

func (m oldEmailLeads) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if old, changes := m.oldEmail(id, up); changes {
		m.shared.Store(old, id)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m oldEmailLeads) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	if id, ok := m.shared.Load(email); ok {
		return m.Adapter.GetUser(ctx, id.(string))
	}
	return m.Adapter.GetUserByEmail(ctx, email)
}

type ownEmailTaken struct{ base }

func (m ownEmailTaken) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Email != nil {
		if _, err := m.Adapter.GetUserByEmail(ctx, *up.Email); err == nil {
			return adapter.User{}, fail(ctx, "UpdateUser", adapter.Conflict(adapter.FieldUserEmail))
		}
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type replacesUser struct{ base }

func (m replacesUser) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	if up.Name == nil {
		up.Name = new("")
	}
	if up.Image == nil {
		up.Image = new("")
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type ignoresEmpty struct{ base }

func (m ignoresEmpty) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	for _, text := range []**string{&up.Name, &up.Email, &up.Image} {
		if *text != nil && **text == "" {
			*text = nil
		}
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

type createsGhosts struct{ base }

func (m createsGhosts) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	if !errors.Is(err, adapter.ErrNotFound) {
		return u, err
	}
	u = adapter.User{ID: id}
	up.Apply(&u, time.Time{})
	return m.Adapter.CreateUser(ctx, u)
}

type createsAnew struct{ base }

func (m createsAnew) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	u, err := m.Adapter.UpdateUser(ctx, id, up)
	u.CreatedAt = u.UpdatedAt
	return u, err
}

type deletedEmailTaken struct {
	base
	*env
}

func (m deletedEmailTaken) DeleteUser(ctx context.Context, id string) error {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id && u.Email != "" }) {
		m.shared.Store(u.Email, true)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

func (m deletedEmailTaken) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if _, taken := m.shared.Load(u.Email); taken {
		return adapter.User{}, fail(ctx, "CreateUser", adapter.Conflict(adapter.FieldUserEmail))
	}
	return m.Adapter.CreateUser(ctx, u)
}

type deleteNotFound struct{ base }

func (m deleteNotFound) DeleteUser(ctx context.Context, id string) error {
	if _, err := m.Adapter.GetUser(ctx, id); err != nil {
		return fail(ctx, "DeleteUser", err)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

type cutsTexts struct{ base }

func (m cutsTexts) CreateUser(ctx context.Context, u adapter.User) (adapter.User, error) {
	if name := []rune(u.Name); len(name) > 255 {
		u.Name = string(name[:255])
	}
	return m.Adapter.CreateUser(ctx, u)
}

type cutsUpdates struct{ base }

// cut cuts a text that an update names.
func cut(text *string) *string {
	if text == nil || len(*text) > 64<<10 {
		return text
	}
	return new((*text)[:min(32<<10, len(*text))])
}

func (m cutsUpdates) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	up.Name = cut(up.Name)
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m cutsUpdates) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	up.AccessToken = cut(up.AccessToken)
	return m.Adapter.UpdateAccount(ctx, key, up)
}

type lagsBehind struct {
	base
	*env
}

func (m lagsBehind) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	for _, u := range stored(m.env, func(u adapter.User) bool { return u.ID == id }) {
		m.shared.Store(id, u)
	}
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m lagsBehind) GetUserByEmail(ctx context.Context, email string) (adapter.User, error) {
	u, err := m.Adapter.GetUserByEmail(ctx, email)
	if before, ok := m.shared.Load(u.ID); ok && err == nil {
		return before.(adapter.User), nil
	}
	return u, err
}

type cachesUsers struct {
	base
	users sync.Map
}

func (m *cachesUsers) GetUser(ctx context.Context, id string) (adapter.User, error) {
	if u, ok := m.users.Load(id); ok {
		return u.(adapter.User), nil
	}
	u, err := m.Adapter.GetUser(ctx, id)
	if err == nil {
		m.users.Store(id, u)
	}
	return u, err
}

func (m *cachesUsers) UpdateUser(ctx context.Context, id string, up adapter.UserUpdate) (adapter.User, error) {
	m.users.Delete(id)
	return m.Adapter.UpdateUser(ctx, id, up)
}

func (m *cachesUsers) DeleteUser(ctx context.Context, id string) error {
	m.users.Delete(id)
	return m.Adapter.DeleteUser(ctx, id)
}

var accountMutants = []mutant{
	{"LinkAccount hands a linked account to another user", []string{"ACC-004", "SEQ-001"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return relinks{base{inner}}
	}},
	{"LinkAccount fills in a type of token", []string{"ACC-002"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return fillsTokenType{base{inner}}
	}},
	{"LinkAccount again by the same user is no conflict", []string{"ACC-004"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return linksTwice{base{inner}}
	}},
	{"UpdateAccount of nothing returns an account", []string{"ACC-003"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return accountUpserts{base{inner}}
	}},
	{"UpdateAccount drops a token that it is not given", []string{"ACC-005"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return dropsRefreshToken{base{inner}}
	}},
	{"UpdateAccount takes an empty text for one that is not given", []string{"ACC-006"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return keepsScope{base{inner}}
	}},
	{"UnlinkAccount of nothing is ErrNotFound", []string{"ACC-008", "RAC-032"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return unlinkNotFound{base{inner}}
	}},
	{"UnlinkAccount removes all accounts of the user at the provider", []string{"ACC-007"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return unlinksProvider{base{inner}, e}
	}},
	{"ListAccounts of nobody is ErrNotFound", []string{"ACC-010"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return listNotFound{base{inner}}
	}},
	{"ListAccounts has one account for each provider", []string{"ACC-009"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return onePerProvider{base{inner}}
	}},
	{"an account is found by its ID alone, whatever its provider", []string{"ACC-011"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return oneProvider{base{inner}}
	}},
	{"ExpiresAt is kept in 32 bits", []string{"ACC-015"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return shortExpiresAt{base{inner}}
	}},
	{"access tokens are cut to 4 KiB", []string{"ACC-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsTokens{base{inner}}
	}},
	{"UpdateAccount cuts tokens to 32 KiB", []string{"ACC-012"}, func(inner adapter.Adapter, _ *env) adapter.Adapter {
		return cutsUpdates{base{inner}}
	}},
	{"GetUserByAccount shows the user as it was when the account was linked", []string{"ACC-016"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return copiesOwner{base{inner}, e}
	}},
	{"DeleteUser keeps the provider accounts taken", []string{"USR-025"}, func(inner adapter.Adapter, e *env) adapter.Adapter {
		return deletedAccountTaken{base{inner}, e}
	}},
}

type relinks struct{ base }

func (m relinks) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if !errors.Is(err, adapter.ErrConflict) {
		return linked, err
	}
	if err := m.Adapter.UnlinkAccount(ctx, acc.Key()); err != nil {
		return adapter.Account{}, err
	}
	return m.Adapter.LinkAccount(ctx, acc)
}

type fillsTokenType struct{ base }

func (m fillsTokenType) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.TokenType = cmp.Or(acc.TokenType, "bearer")
	return m.Adapter.LinkAccount(ctx, acc)
}

type linksTwice struct{ base }

func (m linksTwice) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	if errors.Is(err, adapter.ErrConflict) {
		if owned, getErr := m.Adapter.GetAccount(ctx, acc.Key()); getErr == nil && owned.UserID == acc.UserID {
			return owned, nil
		}
	}
	return linked, err
}

type accountUpserts struct{ base }

func (m accountUpserts) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	acc, err := m.Adapter.UpdateAccount(ctx, key, up)
	if errors.Is(err, adapter.ErrNotFound) {
		acc = adapter.Account{Provider: key.Provider, ProviderAccountID: key.ProviderAccountID}
		up.Apply(&acc, time.Time{})
		return acc, nil
	}
	return acc, err
}

type dropsRefreshToken struct{ base }

func (m dropsRefreshToken) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	if up.AccessToken != nil && up.RefreshToken == nil {
		up.RefreshToken = new("")
	}
	return m.Adapter.UpdateAccount(ctx, key, up)
}

type keepsScope struct{ base }

func (m keepsScope) UpdateAccount(ctx context.Context, key adapter.AccountKey, up adapter.AccountUpdate) (adapter.Account, error) {
	if up.Scope != nil && *up.Scope == "" {
		up.Scope = nil
	}
	return m.Adapter.UpdateAccount(ctx, key, up)
}

type unlinkNotFound struct{ base }

func (m unlinkNotFound) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	if _, err := m.Adapter.GetAccount(ctx, key); err != nil {
		return fail(ctx, "UnlinkAccount", err)
	}
	return m.Adapter.UnlinkAccount(ctx, key)
}

type unlinksProvider struct {
	base
	*env
}

func (m unlinksProvider) UnlinkAccount(ctx context.Context, key adapter.AccountKey) error {
	for _, acc := range stored(m.env, func(a adapter.Account) bool { return a.Provider == key.Provider }) {
		if err := m.Adapter.UnlinkAccount(ctx, acc.Key()); err != nil {
			return err
		}
	}
	return nil
}

type listNotFound struct{ base }

func (m listNotFound) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	if _, err := m.Adapter.GetUser(ctx, userID); err != nil {
		return nil, fail(ctx, "ListAccounts", err)
	}
	return m.Adapter.ListAccounts(ctx, userID)
}

type onePerProvider struct{ base }

func (m onePerProvider) ListAccounts(ctx context.Context, userID string) ([]adapter.Account, error) {
	all, err := m.Adapter.ListAccounts(ctx, userID)
	seen := map[string]bool{}
	var some []adapter.Account
	for _, acc := range all {
		if !seen[acc.Provider] {
			some = append(some, acc)
		}
		seen[acc.Provider] = true
	}
	return some, err
}

type oneProvider struct{ base }

func (m oneProvider) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.Provider = "any"
	return m.Adapter.LinkAccount(ctx, acc)
}

func (m oneProvider) GetAccount(ctx context.Context, key adapter.AccountKey) (adapter.Account, error) {
	return m.Adapter.GetAccount(ctx, adapter.AccountKey{Provider: "any", ProviderAccountID: key.ProviderAccountID})
}

type shortExpiresAt struct{ base }

func (m shortExpiresAt) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.ExpiresAt = min(acc.ExpiresAt, math.MaxInt32)
	return m.Adapter.LinkAccount(ctx, acc)
}

type cutsTokens struct{ base }

func (m cutsTokens) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	acc.AccessToken = acc.AccessToken[:min(4<<10, len(acc.AccessToken))]
	return m.Adapter.LinkAccount(ctx, acc)
}

type copiesOwner struct {
	base
	*env
}

func (m copiesOwner) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	linked, err := m.Adapter.LinkAccount(ctx, acc)
	for _, u := range stored(m.env, func(u adapter.User) bool { return err == nil && u.ID == linked.UserID }) {
		m.shared.Store(linked.Key(), u)
	}
	return linked, err
}

func (m copiesOwner) GetUserByAccount(ctx context.Context, key adapter.AccountKey) (adapter.User, error) {
	u, err := m.Adapter.GetUserByAccount(ctx, key)
	if then, ok := m.shared.Load(key); ok && err == nil {
		return then.(adapter.User), nil
	}
	return u, err
}

type deletedAccountTaken struct {
	base
	*env
}

func (m deletedAccountTaken) DeleteUser(ctx context.Context, id string) error {
	for _, acc := range stored(m.env, func(a adapter.Account) bool { return a.UserID == id }) {
		m.shared.Store(acc.Key(), true)
	}
	return m.Adapter.DeleteUser(ctx, id)
}

func (m deletedAccountTaken) LinkAccount(ctx context.Context, acc adapter.Account) (adapter.Account, error) {
	if _, taken := m.shared.Load(acc.Key()); taken {
		return adapter.Account{}, fail(ctx, "LinkAccount", adapter.Conflict(adapter.FieldAccount))
	}
	return m.Adapter.LinkAccount(ctx, acc)
}
