package upstash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
	"github.com/authstore/authstore/redis/internal/client"
)

// Nothing is put right because the walk has found it so: by then that may be long ago.
// Each script looks again at what it relies on, and leaves to the next Repair what is
// different by now.

// singular names the kinds of records.
var singular = map[kind]string{
	users: "user", accounts: "account", sessions: "session", authenticators: "authenticator", links: "verification token",
	lastAccount: "last account of user", lastSession: "last session of user", authenticatorList: "list of authenticators",
}

// findings returns what there is to put right, always in the same order.
func (v *survey) findings() []repair.Finding {
	all := v.addresses()
	return slices.Concat(v.returns(), v.cutDeletions(), v.unreadable(), v.twins(all), v.ghosts(), v.orphaned(), v.strayIndex(all), v.strayLists(), v.strayPointers())
}

// mend puts right what was found. At its end it looks for what was made meanwhile for the
// users whom it has removed.
func (v *survey) mend(ctx context.Context) ([]adapter.Repair, error) {
	all, err := repair.All(ctx, v.findings(), false)
	if err != nil || !v.removes {
		return all, err
	}
	again, err := v.look(ctx, users, accounts, sessions, authenticators, deletions, removals)
	if err != nil {
		return all, err
	}
	more, err := repair.All(ctx, again.returns(), false)
	return append(all, more...), err
}

// returns are the users whom Repair has removed, and for whom something was made at the
// same time.
func (v *survey) returns() (all []repair.Finding) {
	for _, id := range v.who(func(p *person) bool { return p.kept && !p.there && !p.deleted && p.owns > 0 }) {
		all = append(all, repair.New("user "+id, "something was made for it while Repair removed it: Repair again", "put back as it was",
			func(ctx context.Context) error {
				_, err := v.applied(ctx, userReturn, []string{v.layout.key(users, id), v.layout.key(removals, id)})
				return err
			}))
	}
	return all
}

// cutDeletions are those of DeleteUser that did not come to their end. What belongs to a
// user who is there again is left alone.
func (v *survey) cutDeletions() (all []repair.Finding) {
	for _, id := range v.who(func(p *person) bool { return p.deleted }) {
		if v.people[id].there {
			all = append(all, repair.New("user "+id, "its deletion was cut, and another program has brought it back: call DeleteUser again, "+
				"or delete the key that marks the deletion", "", nil))
			continue
		}
		all = append(all, repair.New("user "+id, "its deletion was cut: call DeleteUser again, or Repair", "its deletion is finished",
			func(ctx context.Context) error {
				w := v.deletion(id)
				w.unless = v.layout.key(users, id)
				return v.scan(ctx, w, nil)
			}))
	}
	return all
}

// unreadable is what is not of the form that the layout has. It may be another program's.
func (v *survey) unreadable() (all []repair.Finding) {
	for _, b := range v.unread {
		all = append(all, repair.New(v.layout.place(b.kind, b.key), b.detail(), "", nil))
	}
	return all
}

// detail says why a record cannot be read.
func (b belonging) detail() string {
	var e *adapter.RecordError
	switch {
	case errors.As(b.err, &e) && e.UserID != "":
		return fmt.Sprintf("of the user %q, the field %s should be %s, and is %s: correct it", e.UserID, e.Field, e.Want, e.Got)
	case errors.As(b.err, &e):
		return fmt.Sprintf("the field %s should be %s, and is %s: correct it, or leave it if it is another program's", e.Field, e.Want, e.Got)
	}
	return "is that of a record with another key: correct one of them, or leave it if it is another program's"
}

// twins are the users who have one address together, and those whom the index does not
// lead to.
func (v *survey) twins(all []address) (found []repair.Finding) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].email == all[0].email {
			n++
		}
		if n > 1 || !v.leads(all[0].email, all[0].id) || v.people[all[0].id].email != all[0].email {
			found = append(found, v.together(all[:n])...)
		}
		all = all[n:]
	}
	return found
}

// together returns what to do about the users who have one address. The one stays that
// something belongs to; if it is more than one, a person has to decide.
func (v *survey) together(all []address) (found []repair.Finding) {
	var ids, used []string
	stays := all[0].id
	for _, a := range all {
		ids = append(ids, a.id)
		if v.used(a) {
			used = append(used, a.id)
		}
		if v.leads(a.email, a.id) {
			stays = a.id
		}
	}
	switch len(used) {
	case 0:
		return v.stay(all[0].email, stays, ids)
	case 1:
		return v.stay(all[0].email, used[0], ids)
	}
	for _, id := range ids {
		found = append(found, repair.New("user "+id, fmt.Sprintf("has the e-mail address of %d others, and sessions, accounts, authenticators "+
			"or an application's data belong to more than one of them: move what belongs to them to one, and delete the others", len(ids)-1), "", nil))
	}
	return found
}

// used reports whether somebody may sign in as a user: something belongs to it, an
// application has stored something of its own with it, such as a password, or it is the one
// whom a link to its address signs in.
func (v *survey) used(a address) bool {
	p := v.people[a.id]
	return p.owns > 0 || p.more || p.verified && v.leads(a.email, a.id)
}

// stay returns what to do so that of the users with an address one stays.
func (v *survey) stay(email, stays string, ids []string) (all []repair.Finding) {
	for _, id := range ids {
		if id != stays {
			all = append(all, repair.New("user "+id, "has the e-mail address of user "+stays+", and nothing belongs to it: delete it, or Repair", "deleted",
				func(ctx context.Context) error { return v.removeUser(ctx, id, stays) }))
		}
	}
	if !v.leads(email, stays) || v.people[stays].email != email {
		all = append(all, repair.New("user "+stays, "is not found by its e-mail address: set the address again, or Repair", "is found by it",
			func(ctx context.Context) error { return v.indexEmail(ctx, stays, email) }))
	}
	return all
}

// keeping is how long a user who was removed can be put back: so long that a Repair each
// night comes by it.
const keeping = 48 * time.Hour

// removeUser removes a user whom nothing belongs to, because of another one with its
// address who stays, if there is one.
//
// That nothing belongs to it the script sees by the pointers to its last account and
// session and by its list of authenticators: they are as they were in the walk, and what
// they lead to is not the user's. That is not all, since a JavaScript adapter writes the
// record first and then its pointer, or both at once: between the two the script sees
// nothing, and an application that has read the user makes its first account later still.
// So the user is kept. Another look, after all that was to be removed, puts it back if
// something belongs to it by then (see mend), and each later Repair does while it is kept.
// No Repair takes away a record of a user who is kept (see orphan_delete.lua).
func (v *survey) removeUser(ctx context.Context, id, stays string) error {
	keys := []string{v.layout.key(users, id), v.layout.key(lastAccount, id), v.layout.key(lastSession, id), v.layout.key(authenticatorList, id)}
	values, err := v.gets(ctx, keys)
	if err != nil || !v.unchanged(v.people[id], values) {
		return err
	}
	v.removes = true
	keys = slices.Insert(keys, 1, v.layout.key(removals, id))
	args := []any{values[0], id, values[1], values[2], values[3], "", keeping.Milliseconds()}
	keys = append(keys, v.layout.key(users, stays))
	if stays != "" {
		args[5] = v.people[stays].email
	}
	_, err = v.applied(ctx, userRemove, append(keys, v.leadsTo(values[1:])...), args...)
	return err
}

// unchanged reports whether a user's record, its pointers and its list are as they were
// in the walk.
func (v *survey) unchanged(p *person, values []string) bool {
	for i, seen := range p.prints {
		if v.print(values[i]) != seen {
			return false
		}
	}
	return values[3] == p.keys().list
}

// leadsTo returns the keys that two pointers and a list of authenticators lead to.
func (v *survey) leadsTo(values []string) (keys []string) {
	for _, pointer := range values[:2] {
		if pointer != "" {
			keys = append(keys, pointer)
		}
	}
	for _, id := range listed(values[2]) {
		keys = append(keys, v.layout.authenticator(id)...)
	}
	return keys
}

// gets returns values, "" for what is not there.
func (s *store) gets(ctx context.Context, keys []string) ([]string, error) {
	cmd := client.Read(ctx, &s.calls, func(c redis.UniversalClient) *redis.SliceCmd { return c.MGet(ctx, keys...) }, redis.NewSliceCmd)
	reply, err := cmd.Result()
	values := make([]string, len(keys))
	for i, v := range reply {
		values[i], _ = v.(string)
	}
	return values, client.Failure(err)
}

// indexEmail lets the index lead to a user by its address in the stored form, which it
// has from then on. Another user who has the address by now keeps it.
func (s *store) indexEmail(ctx context.Context, id, email string) error {
	u, before, err := s.readUser(ctx, id)
	if errors.Is(err, adapter.ErrNotFound) || errors.Is(err, adapter.ErrUnreadable) {
		return nil
	}
	if err != nil || adapter.NormalizeEmail(u.Email) != email {
		return err
	}
	old, after := "", before // if only the entry is to be made
	if u.Email != email {
		old = u.Email
		is := record{}
		is.setText("email", email)
		if after, err = changed(before, nil, is, nil, nil); err != nil {
			return err
		}
	}
	_, err = s.replaceUser(ctx, s.layout.reply(), id, before, after, old, email)
	return client.Failure(err)
}

// ghosts are users of whom nothing is known: what the JavaScript adapter makes when it
// updates a user who is not there.
func (v *survey) ghosts() (all []repair.Finding) {
	for _, id := range v.who(func(p *person) bool { return p.there && p.blank && p.owns == 0 }) {
		all = append(all, repair.New("user "+id, "has neither name nor e-mail address, and nothing belongs to it, as after an update of a deleted user: "+
			"delete it, or Repair", "deleted", func(ctx context.Context) error { return v.removeUser(ctx, id, "") }))
	}
	return all
}

// orphaned are records whose user is gone. One that has another user by now is none.
func (v *survey) orphaned() (all []repair.Finding) {
	for _, b := range v.orphans {
		all = append(all, repair.New(singular[b.kind]+" "+b.name, "belongs to a user who is gone: delete it, or Repair", "deleted",
			func(ctx context.Context) error { return v.deleteOrphan(ctx, b.key, b.userID, b.userID) }))
	}
	return all
}

// deleteOrphan removes what belongs to a user who is gone. owner is given for a record.
func (v *survey) deleteOrphan(ctx context.Context, key, userID string, owner ...any) error {
	_, err := v.applied(ctx, orphanDelete, []string{key, v.layout.prefix[users] + userID, v.layout.key(removals, userID)}, owner...)
	return err
}

// strayIndex are entries of the index of addresses that lead to nobody who has the
// address: the JavaScript adapter leaves the old one when an address changes, and makes
// one for "null" or "undefined".
func (v *survey) strayIndex(all []address) (found []repair.Finding) {
	for _, email := range v.entries() {
		id := v.index[email]
		p := v.people[id]
		if has(all, email) || p != nil && p.there && (p.unread || p.email == email) {
			continue // see unreadable, or twins
		}
		if (p == nil || !p.there && !p.kept) && !isEntry(email, id) {
			continue // another program's
		}
		found = append(found, repair.New("index of e-mail addresses, an entry for user "+id, "the user has another address or is gone: delete it, or Repair", "deleted",
			func(ctx context.Context) error {
				_, err := v.applied(ctx, indexDelete, []string{v.layout.key(emails, email)}, id, email, v.layout.prefix[users])
				return err
			}))
	}
	return found
}

// isEntry reports whether what leads to nobody can only have been an entry of the index:
// that of an address, or of what JavaScript makes of none.
func isEntry(email, id string) bool {
	return (strings.Contains(email, "@") || email == "null" || email == "undefined") && !strings.ContainsAny(id, "{}[]\" \t\r\n")
}

// strayLists are lists of authenticators that have not those of their user, each once.
func (v *survey) strayLists() (all []repair.Finding) {
	for _, id := range v.who(func(p *person) bool { return p.passes != nil && !p.passes.foreign && !p.listsAll() }) {
		all = append(all, repair.New("list of authenticators of user "+id, "is not what there is: delete it and add each again, or Repair", "made anew",
			func(ctx context.Context) error { return v.mendList(ctx, id, v.people[id].keys()) }))
	}
	return all
}

// listsAll reports whether a user's list of authenticators is as it should be. Of a user
// who is gone there is none.
func (p *person) listsAll() bool {
	keys := p.keys()
	var want []string
	if p.there || p.kept {
		want = slices.Compact(slices.Sorted(slices.Values(keys.ids)))
	}
	have := slices.Sorted(slices.Values(listed(keys.list)))
	return slices.Equal(have, want) && (len(want) > 0 || keys.list == "")
}

// mendList writes a list of authenticators anew, with those that the script finds there.
func (v *survey) mendList(ctx context.Context, userID string, seen passkeys) error {
	keys, args := []string{v.layout.key(authenticatorList, userID)}, []any{seen.list, userID}
	slices.Sort(seen.ids)
	for _, id := range slices.Concat(listed(seen.list), seen.ids) {
		for _, key := range v.layout.authenticator(id) {
			keys, args = append(keys, key), append(args, id)
		}
	}
	_, err := v.applied(ctx, listMend, keys, args...)
	return err
}

// strayPointers are what is left of a user who is gone.
func (v *survey) strayPointers() (all []repair.Finding) {
	for _, id := range v.who(func(p *person) bool { return p.gone() && (p.prints[1] != 0 || p.prints[2] != 0) }) {
		for i, k := range []kind{lastAccount, lastSession} {
			if v.people[id].prints[i+1] != 0 {
				all = append(all, repair.New(singular[k]+" "+id, "the user is gone: delete it, or Repair", "deleted",
					func(ctx context.Context) error { return v.deleteOrphan(ctx, v.layout.key(k, id), id) }))
			}
		}
	}
	return all
}
