package upstash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
	"github.com/authstore/authstore/redis/internal/client"
	"github.com/authstore/authstore/redis/internal/jsonrecord"
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
func (v *survey) findings() []repair.Finding { return repair.Plan(repair.Decide(&v.graph), v.do) }

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
	tasks := slices.DeleteFunc(repair.Decide(&again.graph), func(t task) bool { return t.Do != repair.PutBack })
	more, err := repair.All(ctx, repair.Plan(tasks, v.do), false)
	return append(all, more...), err
}

// do does a task.
func (v *survey) do(ctx context.Context, t task) error {
	var err error
	switch t.Do {
	case repair.PutBack:
		_, err = v.applied(ctx, userReturn, []string{v.layout.key(users, t.User.Name), v.layout.key(removals, t.User.Name)})
	case repair.FinishDeletion:
		w := v.deletion(t.User.Name)
		w.unless = v.layout.key(users, t.User.Name)
		err = v.scan(ctx, w, nil)
	case repair.DeleteOrphan:
		err = v.deleteOrphan(ctx, t.Record)
	case repair.DeleteUser:
		err = v.removeUser(ctx, t)
	case repair.LetFind:
		err = v.indexEmail(ctx, t.User.Name, t.Email)
	case repair.DeleteEntry:
		_, err = v.applied(ctx, indexDelete, []string{v.layout.key(emails, t.Entry.Key)}, t.Entry.Owner.Name, t.Entry.Key, v.layout.prefix[users])
	case repair.MakeList:
		err = v.mendList(ctx, t.Entry.Owner.Name, t.Entry.Owner.Ref.keys())
	default:
		err = fmt.Errorf("nothing is known to do about %s", t.Object)
	}
	return err
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
func (v *survey) removeUser(ctx context.Context, t task) error {
	id, stays := t.User.Name, ""
	keys := []string{v.layout.key(users, id), v.layout.key(lastAccount, id), v.layout.key(lastSession, id), v.layout.key(authenticatorList, id)}
	values, err := v.gets(ctx, keys)
	if err != nil || !v.unchanged(&t.User.Ref, values) {
		return err
	}
	v.removes = true
	keys = slices.Insert(keys, 1, v.layout.key(removals, id))
	args := []any{values[0], id, values[1], values[2], values[3], "", keeping.Milliseconds()}
	if t.Stays != nil {
		stays, args[5] = t.Stays.Name, t.Stays.Email
	}
	keys = append(keys, v.layout.key(users, stays))
	_, err = v.applied(ctx, userRemove, append(keys, v.leadsTo(values[1:])...), args...)
	return err
}

// unchanged reports whether a user's record, its pointers and its list are as they were
// in the walk.
func (v *survey) unchanged(r *ref, values []string) bool {
	for i, seen := range r.prints {
		if v.print(values[i]) != seen {
			return false
		}
	}
	return values[3] == r.keys().list
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
		is.SetText("email", email)
		if after, err = jsonrecord.Changed(before, nil, is, nil, nil, nil); err != nil {
			return err
		}
	}
	_, err = s.replaceUser(ctx, s.layout.reply(), id, before, after, old, email)
	return client.Failure(err)
}

// deleteOrphan removes what belongs to a user who is gone. One that has another user by now
// is none.
func (v *survey) deleteOrphan(ctx context.Context, r *repair.Record[ref]) error {
	var owner []any
	if r.Kind != repair.Pointer {
		owner = []any{r.Owner.Name}
	}
	_, err := v.applied(ctx, orphanDelete, []string{r.ID, v.layout.prefix[users] + r.Owner.Name, v.layout.key(removals, r.Owner.Name)}, owner...)
	return err
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
