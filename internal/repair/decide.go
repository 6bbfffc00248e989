package repair

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// Decide returns the problems of a store, and what to do about each: those first that others
// stand on. It sorts what the graph lists, leaves
// out what a survey came by twice, and changes nothing else.
//
// Nothing is taken away by which somebody may sign in. So a user is in use, and stays, to
// whom anything belongs, whom an application gave attributes, or whom a link to a verified
// address may sign in. Where two who are in use want the same, a person has to decide.
func Decide[R any](g *Graph[R]) []Task[R] {
	d := &decision[R]{Graph: g, ids: slices.AppendSeq(make([]string, 0, len(g.Users)), maps.Keys(g.Users)), addresses: make([]address[R], 0, len(g.Users))}
	slices.Sort(d.ids)
	for _, id := range d.ids {
		u := g.Users[id]
		if email := adapter.NormalizeEmail(u.Email); u.There && email != "" {
			d.addresses = append(d.addresses, address[R]{email, u})
		}
	}
	slices.SortStableFunc(d.addresses, func(a, b address[R]) int { return strings.Compare(a.email, b.email) })
	slices.SortStableFunc(g.Records, func(a, b Record[R]) int {
		return cmp.Or(a.compare(b.Kind, b.Key), strings.Compare(a.ID, b.ID))
	})
	g.Records = slices.CompactFunc(g.Records, func(a, b Record[R]) bool {
		return a.compare(b.Kind, b.Key) == 0 && a.ID == b.ID
	})
	slices.SortStableFunc(g.Unread, func(a, b Unread) int { return strings.Compare(a.Place, b.Place) })
	g.Unread = slices.CompactFunc(g.Unread, func(a, b Unread) bool { return a.Place == b.Place })
	slices.SortFunc(g.Entries, func(a, b Entry[R]) int { return a.compare(b.Kind, b.Key) })
	d.cuts()
	d.unread()
	d.orphans()
	d.blanks()
	eachRun(d.addresses, func(a, b address[R]) bool { return a.email == b.email }, d.sharing)
	eachRun(g.Records, func(a, b Record[R]) bool { return a.Key != "" && a.compare(b.Kind, b.Key) == 0 }, d.twins)
	d.strays()
	return d.tasks
}

// decision is a graph in order, and what was decided so far.
type decision[R any] struct {
	*Graph[R]
	ids       []string
	addresses []address[R]
	tasks     []Task[R]
}

// address is a user's in its normalized form.
type address[R any] struct {
	email string
	user  *User[R]
}

func (r *Record[R]) compare(k Kind, key string) int {
	return cmp.Or(cmp.Compare(r.Kind, k), strings.Compare(r.Key, key))
}

func (e *Entry[R]) compare(k Kind, key string) int {
	return cmp.Or(cmp.Compare(e.Kind, k), strings.Compare(e.Key, key))
}

// eachRun calls do for each run of a sorted list whose elements are alike.
func eachRun[T any](all []T, alike func(a, b T) bool, do func([]T)) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && alike(all[0], all[n]) {
			n++
		}
		do(all[:n])
		all = all[n:]
	}
}

func (d *decision[R]) add(t Task[R], object, detail, action string) {
	t.Repair = New(object, detail, action, nil).Repair
	d.tasks = append(d.tasks, t)
}

func (d *decision[R]) user(t Task[R], detail, action string) {
	d.add(t, d.UserNoun+t.User.Name, detail, action)
}

func (d *decision[R]) record(t Task[R], detail, action string) {
	d.add(t, t.Record.Place, detail, action)
}

// cuts are users on whom a call was cut, also one of Repair's.
func (d *decision[R]) cuts() {
	for _, id := range d.ids {
		switch u := d.Users[id]; {
		case u.Cut == SignUp:
			d.user(Task[R]{Do: FinishSignUp, User: u}, "its sign-up was cut: sign up again, or Repair", "finished if its account or passkey is there, else removed")
		case u.Cut == Deletion && u.There:
			d.user(Task[R]{User: u}, "its deletion was cut, and another program has brought it back: call DeleteUser again, or delete the key that marks the deletion", "")
		case u.Cut == Deletion:
			d.user(Task[R]{Do: FinishDeletion, User: u}, "its deletion was cut: call DeleteUser again, or Repair", "its deletion is finished")
		case u.Removed && !u.There && u.Owns > 0:
			d.user(Task[R]{Do: PutBack, User: u}, "something was made for it while Repair removed it: Repair again", "put back as it was")
		}
	}
}

// unread are records that cannot be read. They may be another program's.
func (d *decision[R]) unread() {
	for _, b := range d.Unread {
		detail := "is that of a record with another key: correct one of them, or leave it if it is another program's"
		var e *adapter.RecordError
		if errors.As(b.Err, &e) {
			detail = e.Error()
			if e.UserID == "" {
				detail += ", or leave it if it is another program's"
			}
		}
		d.add(Task[R]{}, b.Place, detail, "")
	}
}

// orphans are records of users who are gone.
func (d *decision[R]) orphans() {
	for i := range d.Records {
		if r := &d.Records[i]; r.isOrphan() {
			d.record(Task[R]{Do: DeleteOrphan, Record: r}, "belongs to the user "+r.Owner.Name+", who is gone: delete it, or Repair", "deleted")
		}
	}
}

func (r *Record[R]) isOrphan() bool { return r.Owner != nil && r.Owner.Gone() }

// blanks are users of whom nothing is known. One to whom something belongs may have signed
// up so, unless it is clear that it was never created.
func (d *decision[R]) blanks() {
	const detail = "has neither name nor e-mail address, as after an update of a user who was gone, and "
	for _, id := range d.ids {
		switch u := d.Users[id]; {
		case !u.There || !u.Blank || u.Cut != NotCut:
		case u.Owns == 0:
			d.user(Task[R]{Do: DeleteUser, User: u}, detail+"nothing belongs to it: delete it, or Repair", "deleted")
		case u.Ghost:
			d.user(Task[R]{User: u}, detail+"something belongs to it: give it a name or an address, or delete it", "")
		}
	}
}

// sharing decides on the users who have one address together. Nearly always it is one, and
// is found by it.
func (d *decision[R]) sharing(all []address[R]) {
	stays, used := all[0].user, 0
	led := slices.IndexFunc(all, d.leads)
	if led >= 0 {
		stays = all[led].user
	}
	for _, a := range all {
		if len(all) > 1 && d.inUse(a, led < 0) {
			stays, used = a.user, used+1
		}
	}
	var others []*User[R]
	for _, a := range all {
		switch {
		case used > 1:
			d.user(Task[R]{User: a.user}, fmt.Sprintf("has the e-mail address of %d others, and more than one of them is in use, or may be: "+
				"move what belongs to them to one, and delete the others", len(all)-1), "")
		case a.user != stays:
			d.user(Task[R]{Do: DeleteUser, User: a.user, Stays: stays, Email: a.email},
				"has the e-mail address of the user "+stays.Name+", and nothing belongs to it: delete it, or Repair", "deleted")
			others = append(others, a.user)
		}
	}
	if detail := d.unfound(address[R]{all[0].email, stays}); used <= 1 && detail != "" {
		d.user(Task[R]{Do: LetFind, User: stays, Email: all[0].email, Others: others}, detail+": set the address again, or Repair", "is found by its address")
	}
}

// leads reports whether an address leads to its user.
func (d *decision[R]) leads(a address[R]) bool {
	return a.user.Led && a.user.Email == a.email || d.entry(Address, a.email) == a.user
}

// entry returns the user to whom an entry leads.
func (d *decision[R]) entry(k Kind, key string) *User[R] {
	i, found := slices.BinarySearchFunc(d.Entries, key, func(e Entry[R], key string) int { return e.compare(k, key) })
	if !found {
		return nil
	}
	return d.Entries[i].Owner
}

// inUse reports whether somebody may sign in as a user. any: its address leads to none of
// those who have it, so that a link may sign in any of them.
func (d *decision[R]) inUse(a address[R], any bool) bool {
	u := a.user
	return u.Owns > 0 || u.More || u.Cut != NotCut || u.Verified && (any || d.leads(a))
}

// unfound says why a user is not found by an address, or not safely; "": it is.
func (d *decision[R]) unfound(a address[R]) string {
	switch {
	case a.user.Email != a.email:
		return "has an e-mail address that is not in the form of adapter.NormalizeEmail, in lower case, so that it is not found"
	case a.user.Misfiled:
		return "has another e-mail address in the index, so that it is not found by its own"
	case !d.leads(a):
		return "has no " + d.EntryNoun + " for its e-mail address, so that it can be taken again"
	}
	return ""
}

// twins decides on the records that have one key, of which nearly always there is one. Of
// those of one user the one stays that expires last, or else the newest; those of nobody go.
func (d *decision[R]) twins(all []Record[R]) {
	var keeps *Record[R]
	several := false
	for i := range all {
		switch r := &all[i]; {
		case r.isOrphan():
		case keeps == nil || keeps.Owner == nil && r.Owner != nil:
			keeps = r
		case keeps.Owner != nil && r.Owner == nil:
		case keeps.Owner != r.Owner:
			several = true
		case !keeps.Expires.After(r.Expires):
			keeps = r
		}
	}
	for i := range all {
		switch r := &all[i]; {
		case r.isOrphan(), several && r.Owner == nil:
		case several:
			d.record(Task[R]{Record: r}, "belongs to the user "+r.Owner.Name+", and another one like it to another user: keep one of them", "")
		case r != keeps && keeps.Owner == nil:
			d.record(Task[R]{Do: DeleteTwin, Record: r, Keeps: keeps}, "is there once more: delete it, or Repair", "deleted")
		case r != keeps:
			d.record(Task[R]{Do: DeleteTwin, Record: r, Keeps: keeps}, "is there once more, for the user "+keeps.Owner.Name+": delete it, or Repair", "deleted")
		case r.Guarded && r.Owner != nil && d.entry(r.Kind, r.Key) != r.Owner:
			d.record(Task[R]{Do: MakeEntry, Record: r}, "of the user "+r.Owner.Name+" has no "+d.EntryNoun+", so that another user can have it too: link it again, or Repair", "has a "+d.EntryNoun)
		}
	}
}

// strays are entries that lead to nothing that the user has, and lists that are not what
// the user has.
func (d *decision[R]) strays() {
	for i := range d.Entries {
		switch e := &d.Entries[i]; {
		case e.Kind == List:
			if here := e.Owner.There || e.Owner.Removed; here && !e.Complete || !here && e.Stored {
				d.add(Task[R]{Do: MakeList, Entry: e}, "list of authenticators of the user "+e.Owner.Name, "is not what there is: delete it and add each again, or Repair", "made anew")
			}
		case e.Kind == Address && d.isOwn(e), e.Kind != Address && d.isOfRecord(e):
		default:
			what := "record"
			if e.Kind == Address {
				what = "e-mail address"
			}
			d.add(Task[R]{Do: DeleteEntry, Entry: e}, d.EntryNoun+" of the user "+e.Owner.Name, "leads to no "+what+" of the user any more: delete it, or Repair", "deleted")
		}
	}
}

// isOwn reports whether an entry is that of an address which somebody has, or may have. If
// it leads to the wrong user, that is a matter of sharing.
func (d *decision[R]) isOwn(e *Entry[R]) bool {
	_, has := slices.BinarySearchFunc(d.addresses, e.Key, func(a address[R], key string) int { return strings.Compare(a.email, key) })
	return has || e.Owner.There && (e.Owner.Unread || e.Owner.Email == e.Key)
}

// isOfRecord reports whether an entry is that of a record which its user has, or somebody
// else who is there: then it is a matter of twins.
func (d *decision[R]) isOfRecord(e *Entry[R]) bool {
	i, _ := slices.BinarySearchFunc(d.Records, e, func(r Record[R], e *Entry[R]) int { return r.compare(e.Kind, e.Key) })
	for ; i < len(d.Records) && d.Records[i].compare(e.Kind, e.Key) == 0; i++ {
		if r := &d.Records[i]; r.Owner == e.Owner || r.Guarded && !r.isOrphan() {
			return true
		}
	}
	return false
}
