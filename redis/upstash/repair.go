package upstash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// singular names the kinds of records.
var singular = map[kind]string{
	users: "user", accounts: "account", sessions: "session", authenticators: "authenticator", links: "verification token",
	lastAccount: "last account of user", lastSession: "last session of user",
}

// findings returns what there is to put right, always in the same order.
func (v *survey) findings() []repair.Finding {
	return slices.Concat(v.cutDeletions(), v.unreadable(), v.twins(), v.ghosts(), v.orphans(), v.strayIndex(), v.strayLists(), v.strayPointers())
}

// cutDeletions are those of DeleteUser that did not come to their end.
func (v *survey) cutDeletions() (all []repair.Finding) {
	slices.Sort(v.deletions)
	for _, id := range v.deletions {
		all = append(all, repair.New("user "+id, "its deletion was cut: call DeleteUser again, or Repair", "its deletion is finished",
			func(ctx context.Context) error { return v.finishDeletion(ctx, id) }))
	}
	return all
}

// unreadable is what is not of the form that the layout has.
func (v *survey) unreadable() (all []repair.Finding) {
	for i, b := range v.unread {
		all = append(all, repair.New(fmt.Sprintf("%s %d of those that cannot be read", singular[b.kind], i+1),
			"its value is not the JSON of such a record, or that of one with another key: look for it by a SCAN, and mend or delete it", "", nil))
	}
	return all
}

// byEmail returns the IDs of the users with each address, in its stored form.
func (v *survey) byEmail() map[string][]string {
	byEmail := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		if email := adapter.NormalizeEmail(v.users[id].email); email != "" {
			byEmail[email] = append(byEmail[email], id)
		}
	}
	return byEmail
}

// twins are the users who have one address together, and those whom the index does not
// lead to. Of twins the one stays that something belongs to; if it is more than one, a
// person has to decide.
func (v *survey) twins() (all []repair.Finding) {
	byEmail := v.byEmail()
	for _, email := range slices.Sorted(maps.Keys(byEmail)) {
		ids := byEmail[email]
		used := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return v.users[id].owns == 0 })
		if len(used) > 1 {
			for _, id := range ids {
				all = append(all, repair.New("user "+id, fmt.Sprintf("has the e-mail address of %d others, and sessions, accounts or authenticators "+
					"belong to more than one of them: move what belongs to them to one, and delete the others", len(ids)-1), "", nil))
			}
			continue
		}
		stays := ids[0]
		if len(used) == 1 {
			stays = used[0]
		} else if slices.Contains(ids, v.index[email]) {
			stays = v.index[email]
		}
		all = append(all, v.stay(email, stays, ids)...)
	}
	return all
}

// stay returns what to do so that of the users with an address one stays.
func (v *survey) stay(email, stays string, ids []string) (all []repair.Finding) {
	for _, id := range ids {
		if id != stays {
			all = append(all, repair.New("user "+id, "has the e-mail address of user "+stays+", and nothing belongs to it: delete it, or Repair", "deleted",
				v.removal(v.users[id].key)))
		}
	}
	if v.index[email] != stays || v.users[stays].email != email {
		all = append(all, repair.New("user "+stays, "is not found by its e-mail address: set the address again, or Repair", "is found by it",
			func(ctx context.Context) error { return v.indexEmail(ctx, stays, email) }))
	}
	return all
}

// removal returns a function that removes a record, unless it is changed meanwhile. If
// an owner is given, a key, that must not be there.
func (v *survey) removal(key string, owner ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		value, err := v.get(ctx, key)
		if errors.Is(err, adapter.ErrNotFound) {
			return nil
		}
		if err == nil {
			_, err = v.replace(ctx, append([]string{key}, owner...), value, "")
		}
		return err
	}
}

// indexEmail lets the index lead to a user by its address in the stored form, which it
// has from then on. Another user who has the address by now keeps it.
func (s *store) indexEmail(ctx context.Context, id, email string) error {
	u, before, err := s.readUser(ctx, id)
	if errors.Is(err, adapter.ErrNotFound) {
		return nil
	}
	if err != nil || adapter.NormalizeEmail(u.Email) != email {
		return err
	}
	after, err := changed(before, func(r record) { r.setText("email", email) }, nil, nil)
	if err != nil {
		return err
	}
	old := u.Email
	if old == email {
		old = "" // its entry is the one to make
	}
	_, err = s.replaceUser(ctx, s.layout.reply(), id, before, after, old, email)
	return err
}

// ghosts are users of whom nothing is known: what the JavaScript adapter makes when it
// updates a user who is not there.
func (v *survey) ghosts() (all []repair.Finding) {
	for _, id := range slices.Sorted(maps.Keys(v.users)) {
		if u := v.users[id]; u.blank && u.owns == 0 {
			all = append(all, repair.New("user "+id, "has neither name nor e-mail address, and nothing belongs to it, as after an update of a deleted user: "+
				"delete it, or Repair", "deleted", v.removal(u.key)))
		}
	}
	return all
}

// orphans are records whose user is gone.
func (v *survey) orphans() (all []repair.Finding) {
	for _, b := range v.sorted(v.owned) {
		if v.users[b.userID] == nil && !slices.Contains(v.deletions, b.userID) {
			all = append(all, repair.New(singular[b.kind]+" "+b.name, "belongs to a user who is gone: delete it, or Repair", "deleted",
				v.removal(b.key, v.layout.prefix[users]+b.userID)))
		}
	}
	return all
}

func (v *survey) sorted(all []belonging) []belonging {
	return slices.SortedFunc(slices.Values(all), func(a, b belonging) int { return cmp.Compare(a.key, b.key) })
}

// strayIndex are entries of the index of addresses that lead to nobody who has the
// address: the JavaScript adapter leaves the old one when an address changes, and makes
// one for "null" or "undefined".
func (v *survey) strayIndex() (all []repair.Finding) {
	byEmail := v.byEmail()
	for _, email := range slices.Sorted(maps.Keys(v.index)) {
		id := v.index[email]
		if len(byEmail[email]) == 0 { // else see twins
			all = append(all, repair.New("index of e-mail addresses, an entry for user "+id, "the user has another address or is gone: delete it, or Repair", "deleted",
				func(ctx context.Context) error {
					_, err := v.replace(ctx, []string{v.layout.key(emails, email)}, id, "")
					return err
				}))
		}
	}
	return all
}

// strayLists are lists of authenticators that have not those of their user, each once.
func (v *survey) strayLists() (all []repair.Finding) {
	owners := maps.Clone(v.lists)
	for id, u := range v.users {
		if len(u.passes) > 0 {
			owners[id] = v.lists[id]
		}
	}
	for _, id := range slices.Sorted(maps.Keys(owners)) {
		var want []string
		if u := v.users[id]; u != nil {
			want = slices.Sorted(slices.Values(u.passes))
		}
		have := slices.Sorted(slices.Values(v.listed(id)))
		if slices.Equal(have, want) && (len(want) > 0 || owners[id] == "") {
			continue
		}
		all = append(all, repair.New("list of authenticators of user "+id, "is not what there is: delete it and add each again, or Repair", "made anew",
			func(ctx context.Context) error {
				var list []byte
				if len(want) > 0 {
					var err error
					if list, err = text(want); err != nil {
						return err
					}
				}
				_, err := v.replace(ctx, []string{v.layout.key(authenticatorList, id)}, owners[id], string(list))
				return err
			}))
	}
	return all
}

// strayPointers are what is left of a user who is gone.
func (v *survey) strayPointers() (all []repair.Finding) {
	for _, b := range v.sorted(v.pointers) {
		if v.users[b.userID] == nil && !slices.Contains(v.deletions, b.userID) {
			all = append(all, repair.New(singular[b.kind]+" "+b.userID, "the user is gone: delete it, or Repair", "deleted",
				v.removal(b.key, v.layout.prefix[users]+b.userID)))
		}
	}
	return all
}
