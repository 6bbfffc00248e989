package upstash

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/internal/attribute"
	"github.com/authstore/authstore/internal/repair"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
)

// survey is a graph of the store, which keeps no record, and of a user no more than a person.
type survey struct {
	*store
	graph
	index   map[string]string // user IDs by address: the entries by which no user is indexed
	seed    maphash.Seed
	removes bool // a user may have been removed since
}

type (
	graph  = repair.Graph[ref]
	person = repair.User[ref]
	entry  = repair.Entry[ref]
	task   = repair.Task[ref]
)

// ref is what else has been seen of a user.
type ref struct {
	prints [3]uint64 // of its record, its last account and its last session
	passes *passkeys // nil: none
}

// passkeys are the authenticators of a user.
type passkeys struct {
	list    string   // as it is stored
	foreign bool     // which is not as a list is
	ids     []string // of those that there are
}

// keys returns what there is to the authenticators of a user.
func (r *ref) keys() passkeys {
	if r.passes == nil {
		return passkeys{}
	}
	return *r.passes
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
	var gone []string
	for id, u := range v.Users {
		if u.Gone() && u.Owns > 0 {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		if err := v.seeOthers(ctx, gone); err != nil {
			return v, err
		}
		err = v.seeOrphans(ctx)
	}
	v.addEntries()
	return v, err
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
				v.Users[id].There, v.Users[id].Unread = true, true
			}
		}
	}
	return nil
}

// addEntries adds to the graph what may lead nowhere.
func (v *survey) addEntries() {
	for id, u := range v.Users {
		if p := u.Ref.passes; p != nil && !p.foreign && !(u.There && p.complete()) {
			v.Entries = append(v.Entries, entry{Kind: repair.List, Key: id, Owner: u, Stored: p.list != "", Complete: p.complete()})
		}
		for i, k := range []kind{lastAccount, lastSession} {
			if u.Ref.prints[i+1] != 0 && u.Gone() {
				v.Records = append(v.Records, repair.Record[ref]{Kind: repair.Pointer, ID: v.layout.key(k, id), Place: singular[k] + " " + id, Owner: u})
			}
		}
	}
	for email, id := range v.index {
		if u := v.Users[id]; u != nil && (u.There || u.Removed) || isEntry(email, id) {
			v.Entries = append(v.Entries, entry{Kind: repair.Address, Key: email, Owner: v.person(id)})
		}
	}
}

// isEntry reports whether what leads to nobody can only have been an entry of the index:
// that of an address, or of what JavaScript makes of none.
func isEntry(email, id string) bool {
	return (strings.Contains(email, "@") || email == "null" || email == "undefined") && !strings.ContainsAny(id, "{}[]\" \t\r\n")
}

// complete reports whether a list of authenticators has those that there are, each once.
func (p *passkeys) complete() bool {
	want, have := slices.Compact(slices.Sorted(slices.Values(p.ids))), slices.Sorted(slices.Values(listed(p.list)))
	return slices.Equal(have, want) && (len(want) > 0 || p.list == "")
}

// look walks through the keys of some kinds. A walk may come twice by one key, which
// changes nothing here.
func (s *store) look(ctx context.Context, of ...kind) (*survey, error) {
	v := &survey{store: s, graph: graph{Users: map[string]*person{}, UserNoun: "user ", EntryNoun: "index entry"}, index: map[string]string{}, seed: maphash.MakeSeed()}
	err := s.scan(ctx, walk{kinds: of}, func(key, value string) error {
		v.see(key, value)
		return nil
	})
	return v, err
}

// person returns the one with an ID.
func (v *survey) person(id string) *person {
	p := v.Users[id]
	if p == nil {
		p = &person{Name: strings.Clone(id)} // id may be a part of something longer
		v.Users[p.Name] = p
	}
	return p
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
		v.person(rest).Cut = repair.Deletion
	case removals:
		v.person(rest).Removed = true
	}
	if err != nil && !v.foreign(k, value) {
		v.Unread = append(v.Unread, repair.Unread{Place: v.layout.place(k, key), Err: err})
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
	r, err := jsonrecord.Parse(value)
	return err == nil && !slices.ContainsFunc(named[k], func(name string) bool { return r[name] != nil })
}

// seePointer takes note of what leads to a user's last record of a kind. What leads
// elsewhere is another program's, and what JavaScript makes of no user is nobody's.
func (v *survey) seePointer(id, value string, to kind, print int) {
	if id != "undefined" && id != "null" && strings.HasPrefix(strings.Trim(value, `"`), v.layout.prefix[to]) {
		v.person(id).Ref.prints[print] = v.print(value)
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
	record, err := jsonrecord.Parse(value)
	var u adapter.User
	if err == nil {
		u, err = v.layout.userOf(id, record)
	} else {
		err = v.layout.unreadable(err, users, v.layout.prefix[users]+id, "")
	}
	p := v.person(id)
	p.There, p.Unread, p.Ref.prints[0] = true, err != nil, v.print(value)
	p.Blank, p.More, p.Verified = err == nil && blank(record), more(record), !u.EmailVerified.IsZero()
	p.Email, p.Led = "", false
	if err == nil {
		p.Email = u.Email
	}
	if to, there := v.index[p.Email]; there {
		v.seeEntry(p.Email, to)
	}
	return err
}

// blank reports whether nothing is known of a user: what the JavaScript adapter makes when
// it updates a user who is not there.
func blank(r record) bool {
	for name, v := range r {
		if name != "id" && name != "emailVerified" && name != "updatedAt" && string(v) != "null" && string(v) != `""` {
			return false
		}
	}
	return true
}

// more reports whether a user's record has a member that is neither Auth.js's nor of this
// package.
func more(r record) bool {
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
	if p := v.Users[id]; p != nil && p.There && p.Email == email && email != "" {
		p.Led = true
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
	userID, name, err := v.belonging(k, key, value)
	if userID == "" {
		return err
	}
	v.person(userID).Owns++ // if it cannot be read, that may be put right
	if k == authenticators && err == nil {
		p := v.passkeys(userID)
		p.ids = append(p.ids, name)
	}
	return err
}

func (v *survey) passkeys(userID string) *passkeys {
	p := v.person(userID)
	if p.Ref.passes == nil {
		p.Ref.passes = &passkeys{}
	}
	return p.Ref.passes
}

// seeOrphans adds the records of users who are gone.
func (v *survey) seeOrphans(ctx context.Context) error {
	is := map[kind]repair.Kind{accounts: repair.Account, sessions: repair.Session, authenticators: repair.Authenticator}
	return v.scan(ctx, walk{kinds: []kind{accounts, sessions, authenticators}}, func(key, value string) error {
		k, _ := v.layout.kindOf(key)
		userID, name, err := v.belonging(k, key, value)
		if u := v.Users[userID]; err == nil && u != nil && u.Gone() {
			v.Records = append(v.Records, repair.Record[ref]{Kind: is[k], ID: key, Place: singular[k] + " " + name, Owner: u})
		}
		return nil
	})
}

// belonging reads a record that names a user, and returns what tells it apart: no token.
func (v *survey) belonging(k kind, key, value string) (userID, name string, err error) {
	fits := false
	switch k {
	case accounts:
		var a adapter.Account
		a, err = v.layout.decodeAccount(key, value)
		userID, fits = a.UserID, v.layout.account(a.Key()) == key
		name = strings.Replace(strings.TrimPrefix(v.layout.place(accounts, key), v.layout.prefix[accounts]), ":", " ", 1)
	case sessions:
		var se adapter.Session
		se, err = v.layout.decodeSession(key, value)
		userID, name, fits = se.UserID, se.ID, v.layout.session(se.SessionToken) == key
	case authenticators:
		var a adapter.Authenticator
		a, err = v.layout.decodeAuthenticator(key, value)
		userID, name, fits = a.UserID, a.CredentialID, slices.Contains(v.layout.authenticator(a.CredentialID), key)
	}
	switch {
	case err != nil:
	case !fits:
		err = adapter.ErrNotFound
	case userID == "":
		err = v.layout.unreadable(&adapter.RecordError{Field: "userId", Want: "the ID of a user", Got: "missing"}, k, key, "")
	}
	return userID, name, err
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
