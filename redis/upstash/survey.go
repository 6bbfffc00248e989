package upstash

import (
	"cmp"
	"context"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/redis/internal/client"
)

// survey is what a walk through the whole store has found. It keeps no record, and of a
// user no more than a person.
type survey struct {
	*store
	people  map[string]*person // by user ID, also of users who are gone
	index   map[string]string  // user IDs by address: the entries by which no user is indexed
	unread  []belonging        // what cannot be read, or is not under its own key
	orphans []belonging        // records of users who are gone
	seed    maphash.Seed
	removes bool // a user may have been removed since
}

// person is what has been seen of a user, as far as it matters here.
type person struct {
	there    bool // the user is
	unread   bool // but cannot be read
	blank    bool // its record says nothing of it
	more     bool // its record has more than Auth.js keeps of a user
	verified bool // its address is
	indexed  bool // the index leads to it by its address as it is written
	deleted  bool // its deletion was cut
	kept     bool // Repair has removed it, not long ago
	owns     int  // how many records
	email    string
	prints   [3]uint64 // of its record, its last account and its last session
	passes   *passkeys // nil: none
}

// passkeys are the authenticators of a user.
type passkeys struct {
	list    string   // as it is stored
	foreign bool     // which is not as a list is
	ids     []string // of those that there are
}

// belonging is a record that names a user.
type belonging struct {
	key    string
	kind   kind
	userID string
	name   string // what tells it apart: no token
	err    error  // why it cannot be read
}

// gone reports whether a user is not there, and nothing else is known of it.
func (p *person) gone() bool { return p != nil && !p.there && !p.deleted && !p.kept }

// keys returns what there is to the authenticators of a user.
func (p *person) keys() passkeys {
	if p.passes == nil {
		return passkeys{}
	}
	return *p.passes
}

// kindOf returns the kind of a key, which is that of the longest prefix, and what
// follows it.
func (l layout) kindOf(key string) (kind, string) {
	best := kinds
	for k, p := range l.prefix {
		if strings.HasPrefix(key, p) && (best == kinds || len(p) > len(l.prefix[best])) {
			best = kind(k)
		}
	}
	if best == kinds {
		return kinds, ""
	}
	return best, key[len(l.prefix[best]):]
}

// survey walks through the whole store, and once more if there are records of users who
// are gone: which they are is known at the end only, and to keep all until then would
// take more memory than all else.
func (s *store) survey(ctx context.Context) (*survey, error) {
	var all []kind
	for k := range kinds {
		if k != replies {
			all = append(all, k)
		}
	}
	v, err := s.look(ctx, all...)
	if err != nil {
		return v, err
	}
	gone := v.who(func(p *person) bool { return p.gone() && p.owns > 0 })
	if len(gone) == 0 {
		return v, nil
	}
	if err := v.seeOthers(ctx, gone); err != nil {
		return v, err
	}
	return v, v.seeOrphans(ctx)
}

// seeOthers takes note of users at whose keys another program has something of another
// type, which a walk does not come by.
func (v *survey) seeOthers(ctx context.Context, ids []string) error {
	for batch := range slices.Chunk(ids, 1000) {
		there := make([]*redis.IntCmd, len(batch))
		cmd := client.Do(ctx, &v.calls, func() *redis.IntCmd {
			pipe := v.client.Pipeline()
			for i, id := range batch {
				there[i] = pipe.Exists(ctx, v.layout.key(users, id))
			}
			last := there[len(there)-1]
			if _, err := pipe.Exec(ctx); err != nil {
				last.SetErr(err)
			}
			return last
		}, redis.NewIntCmd)
		if cmd.Err() != nil {
			return client.Failure(cmd.Err())
		}
		for i, id := range batch {
			if there[i].Val() > 0 {
				v.people[id].there, v.people[id].unread = true, true
			}
		}
	}
	return nil
}

// look walks through the keys of some kinds. A walk may come twice by one key, which
// changes nothing here.
func (s *store) look(ctx context.Context, of ...kind) (*survey, error) {
	v := &survey{store: s, people: map[string]*person{}, index: map[string]string{}, seed: maphash.MakeSeed()}
	err := s.scan(ctx, walk{kinds: of}, func(key, value string) error {
		v.see(key, value)
		return nil
	})
	v.unread = distinct(v.unread)
	return v, err
}

// distinct sorts by key, and leaves one of each.
func distinct(all []belonging) []belonging {
	slices.SortFunc(all, func(a, b belonging) int { return cmp.Compare(a.key, b.key) })
	return slices.CompactFunc(all, func(a, b belonging) bool { return a.key == b.key })
}

// person returns the one with an ID.
func (v *survey) person(id string) *person {
	p := v.people[id]
	if p == nil {
		p = &person{}
		v.people[strings.Clone(id)] = p // id may be a part of something longer
	}
	return p
}

// who returns the IDs of those for whom a condition holds, sorted.
func (v *survey) who(is func(*person) bool) []string {
	var ids []string
	for id, p := range v.people {
		if is(p) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// print tells whether a value is still the same, in place of it. That of nothing is 0.
func (v *survey) print(value string) uint64 {
	if value == "" {
		return 0
	}
	return maphash.String(v.seed, value) | 1
}

// see takes note of a key.
func (v *survey) see(key, value string) {
	k, rest := v.layout.kindOf(key)
	var err error
	switch k {
	case users:
		err = v.seeUser(rest, value)
	case emails:
		v.seeEntry(rest, unquoted(value))
	case accounts, sessions, authenticators:
		err = v.seeOwned(k, key, value)
	case links:
		err = v.seeLink(key, value)
	case lastAccount:
		v.seePointer(rest, value, accounts, 1)
	case lastSession:
		v.seePointer(rest, value, sessions, 2)
	case authenticatorList:
		err = v.seeList(rest, value)
	case deletions:
		v.person(rest).deleted = true
	case removals:
		v.person(rest).kept = true
	}
	if err != nil && !v.foreign(k, value) {
		v.unread = append(v.unread, belonging{key: key, kind: k, err: err})
	}
}

// named are the members by which a record of a kind is one.
var named = map[kind][]string{
	users: {"id"}, accounts: {"provider", "providerAccountId", "userId"}, sessions: {"sessionToken", "userId"},
	authenticators: {"credentialID", "userId"}, links: {"identifier", "token"},
}

// foreign reports whether a value is another program's: a JSON object with nothing in it
// that a record of the kind is known by.
func (v *survey) foreign(k kind, value string) bool {
	r, err := parse(value)
	return err == nil && !slices.ContainsFunc(named[k], func(name string) bool { return r[name] != nil })
}

// seePointer takes note of what leads to a user's last record of a kind. What leads
// elsewhere is another program's, and what JavaScript makes of no user is nobody's.
func (v *survey) seePointer(id, value string, to kind, print int) {
	if id != "undefined" && id != "null" && strings.HasPrefix(strings.Trim(value, `"`), v.layout.prefix[to]) {
		v.person(id).prints[print] = v.print(value)
	}
}

func (v *survey) seeList(id, value string) error {
	p := v.passkeys(id)
	p.list, p.foreign = value, !isList(value)
	if p.foreign {
		err := &adapter.RecordError{Field: "(all of it)", Want: "a list of credential IDs", Got: "another value", UserID: id}
		return err
	}
	return nil
}

// isList reports whether a value is a list of authenticators.
func isList(value string) bool {
	var ids []string
	return json.Unmarshal([]byte(value), &ids) == nil && ids != nil
}

func (v *survey) seeUser(id, value string) error {
	record, err := parse(value)
	var u adapter.User
	if err == nil {
		u, err = v.layout.userOf(id, record)
	} else {
		err = v.layout.unreadable(err, users, v.layout.prefix[users]+id, "")
	}
	p := v.person(id)
	p.there, p.unread, p.prints[0] = true, err != nil, v.print(value)
	p.blank, p.more, p.verified = err == nil && record.blank(), record.more(), !u.EmailVerified.IsZero()
	p.email, p.indexed = "", false
	if err == nil {
		p.email = u.Email
	}
	if to, there := v.index[p.email]; there {
		v.seeEntry(p.email, to)
	}
	return err
}

// blank reports whether nothing is known of a user: what the JavaScript adapter makes when
// it updates a user who is not there.
func (r record) blank() bool {
	for name, v := range r {
		if name != "id" && name != "emailVerified" && name != "updatedAt" && string(v) != "null" && string(v) != `""` {
			return false
		}
	}
	return true
}

// more reports whether a user's record has a member that is neither Auth.js's nor of this
// package.
func (r record) more() bool {
	for stored, v := range r {
		if !driver.Reserved(driver.UserRecord, attribute.Name(stored)) && string(v) != "null" {
			return true
		}
	}
	return false
}

// seeEntry takes note of an entry of the index. One that leads to a user whose address it
// is, as nearly all do, is not kept.
func (v *survey) seeEntry(email, id string) {
	if p := v.people[id]; p != nil && p.there && p.email == email && email != "" {
		p.indexed = true
		delete(v.index, email)
		return
	}
	v.index[email] = id
}

// unquoted returns the ID in an entry of the index, which may be written as JSON.
func unquoted(value string) string {
	var id string
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &id) == nil {
		return id
	}
	return value
}

func (v *survey) seeOwned(k kind, key, value string) error {
	b, err := v.belonging(k, key, value)
	if b.userID != "" && err != nil {
		v.person(b.userID).owns++ // it may be put right
	}
	if err != nil {
		return err
	}
	v.person(b.userID).owns++
	if k == authenticators {
		p := v.passkeys(b.userID)
		p.ids = append(p.ids, b.name)
	}
	return nil
}

func (v *survey) passkeys(userID string) *passkeys {
	p := v.person(userID)
	if p.passes == nil {
		p.passes = &passkeys{}
	}
	return p.passes
}

// seeOrphans takes note of the records of users who are gone.
func (v *survey) seeOrphans(ctx context.Context) error {
	err := v.scan(ctx, walk{kinds: []kind{accounts, sessions, authenticators}}, func(key, value string) error {
		k, _ := v.layout.kindOf(key)
		if b, err := v.belonging(k, key, value); err == nil && v.people[b.userID].gone() {
			v.orphans = append(v.orphans, b)
		}
		return nil
	})
	v.orphans = distinct(v.orphans)
	return err
}

// belonging reads a record that names a user.
func (v *survey) belonging(k kind, key, value string) (belonging, error) {
	switch k {
	case accounts:
		return v.account(key, value)
	case sessions:
		return v.session(key, value)
	case authenticators:
		return v.authenticator(key, value)
	}
	return belonging{}, adapter.ErrNotFound
}

func (v *survey) account(key, value string) (belonging, error) {
	a, err := v.layout.decodeAccount(key, value)
	if err == nil && v.layout.account(a.Key()) != key {
		err = adapter.ErrNotFound
	}
	name := strings.TrimPrefix(v.layout.place(accounts, key), v.layout.prefix[accounts])
	return belonging{key: key, kind: accounts, userID: a.UserID, name: strings.Replace(name, ":", " ", 1)}, v.owned(accounts, key, a.UserID, err)
}

func (v *survey) session(key, value string) (belonging, error) {
	se, err := v.layout.decodeSession(key, value)
	if err == nil && v.layout.session(se.SessionToken) != key {
		err = adapter.ErrNotFound
	}
	return belonging{key: key, kind: sessions, userID: se.UserID, name: se.ID}, v.owned(sessions, key, se.UserID, err)
}

func (v *survey) authenticator(key, value string) (belonging, error) {
	a, err := v.layout.decodeAuthenticator(key, value)
	if err == nil && !slices.Contains(v.layout.authenticator(a.CredentialID), key) {
		err = adapter.ErrNotFound
	}
	return belonging{key: key, kind: authenticators, userID: a.UserID, name: a.CredentialID}, v.owned(authenticators, key, a.UserID, err)
}

// owned returns the error of a record, which it is that it names no user.
func (v *survey) owned(k kind, key, userID string, err error) error {
	if err == nil && userID == "" {
		err = v.layout.unreadable(&adapter.RecordError{Field: "userId", Want: "the ID of a user", Got: "missing"}, k, key, "")
	}
	return err
}

func (v *survey) seeLink(key, value string) error {
	t, err := v.layout.decodeLink(key, value)
	if err == nil && v.layout.link(t.Identifier, t.Token) != key {
		err = adapter.ErrNotFound
	}
	return err
}

// listed returns the IDs in a list of authenticators, nil for what is no list.
func listed(list string) []string {
	var ids []string
	if json.Unmarshal([]byte(list), &ids) != nil {
		return nil
	}
	return ids
}

// address is one that a user has, in its stored form.
type address struct{ email, id string }

// addresses returns those of all users, sorted.
func (v *survey) addresses() []address {
	all := make([]address, 0, len(v.people))
	for id, p := range v.people {
		if email := adapter.NormalizeEmail(p.email); email != "" {
			all = append(all, address{email, id})
		}
	}
	slices.SortFunc(all, func(a, b address) int { return cmp.Or(cmp.Compare(a.email, b.email), cmp.Compare(a.id, b.id)) })
	return all
}

// has reports whether somebody has an address.
func has(all []address, email string) bool {
	_, found := slices.BinarySearchFunc(all, email, func(a address, email string) int { return cmp.Compare(a.email, email) })
	return found
}

// leads reports whether the index leads to a user by an address.
func (v *survey) leads(email, id string) bool {
	p := v.people[id]
	return v.index[email] == id || p.indexed && p.email == email
}

// entries returns the addresses of the entries that no user is indexed by, sorted.
func (v *survey) entries() []string { return slices.Sorted(maps.Keys(v.index)) }
