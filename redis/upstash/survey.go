package upstash

import (
	"cmp"
	"context"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
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
	there   bool // the user is
	unread  bool // but cannot be read
	blank   bool // nothing says who it is, and it was not made here
	indexed bool // the index leads to it by its address as it is written
	deleted bool // its deletion was cut
	kept    bool // Repair has removed it, not long ago
	owns    int  // how many records
	email   string
	prints  [3]uint64 // of its record, its last account and its last session
	passes  *passkeys // nil: none
}

// passkeys are the authenticators of a user.
type passkeys struct {
	list string   // as it is stored
	ids  []string // of those that there are
}

// belonging is a record that names a user.
type belonging struct {
	key    string
	kind   kind
	userID string
	name   string // what tells it apart: no token
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
	if err == nil && len(v.who(func(p *person) bool { return p.gone() && p.owns > 0 })) > 0 {
		err = v.seeOrphans(ctx)
	}
	return v, err
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
		v.seeEntry(rest, value)
	case accounts, sessions, authenticators:
		err = v.seeOwned(k, key, value)
	case links:
		err = v.seeLink(key, value)
	case lastAccount:
		v.person(rest).prints[1] = v.print(value)
	case lastSession:
		v.person(rest).prints[2] = v.print(value)
	case authenticatorList:
		v.passkeys(rest).list = value
	case deletions:
		v.person(rest).deleted = true
	case removals:
		v.person(rest).kept = true
	}
	if err != nil {
		v.unread = append(v.unread, belonging{key: key, kind: k})
	}
}

func (v *survey) seeUser(id, value string) error {
	u, err := decodeUser(id, value)
	p := v.person(id)
	p.there, p.unread, p.prints[0] = true, err != nil, v.print(value)
	p.blank = err == nil && u.Email == "" && u.Name == "" && u.CreatedAt.IsZero()
	p.email, p.indexed = "", false
	if err == nil {
		p.email = u.Email
	}
	if to, there := v.index[p.email]; there {
		v.seeEntry(p.email, to)
	}
	return err
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

func (v *survey) seeOwned(k kind, key, value string) error {
	b, err := v.belonging(k, key, value)
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
	a, err := decodeAccount(value)
	if err == nil && v.layout.account(a.Key()) != key {
		err = adapter.ErrNotFound
	}
	return belonging{key, accounts, a.UserID, a.Provider + " " + a.ProviderAccountID}, err
}

func (v *survey) session(key, value string) (belonging, error) {
	se, err := decodeSession(value)
	if err == nil && v.layout.session(se.SessionToken) != key {
		err = adapter.ErrNotFound
	}
	return belonging{key, sessions, se.UserID, se.ID}, err
}

func (v *survey) authenticator(key, value string) (belonging, error) {
	a, err := decodeAuthenticator(value)
	if err == nil && !slices.Contains(v.layout.authenticator(a.CredentialID), key) {
		err = adapter.ErrNotFound
	}
	return belonging{key, authenticators, a.UserID, a.CredentialID}, err
}

func (v *survey) seeLink(key, value string) error {
	t, err := decodeLink(value)
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
