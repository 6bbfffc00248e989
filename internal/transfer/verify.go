package transfer

import (
	"context"
	"errors"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// verifier is one comparison.
type verifier struct {
	copier
	sessions bool // whether sessions are compared
}

// Verify compares the users of two stores with what belongs to them, and changes neither. It
// holds a page of users in memory, and goes on from its checkpoint. What it reports was there
// twice: what differs is read again, since somebody may have been writing. The counts' Problems
// are the differences.
func Verify(ctx context.Context, o Options) (Counts, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Counts{}, err
	}
	source, ok := adapter.As[adapter.Enumerator](o.Source)
	destination, too := adapter.As[adapter.Enumerator](o.Destination)
	if !ok || !too {
		return Counts{}, errors.New("one of the stores cannot list its users")
	}
	v := &verifier{copier{Options: o}, SessionImporter(o.Destination) != nil && o.IDs == KeepIDs}
	v.checkpoint, err = begin(o.Checkpoint, strings.Join([]string{"verify", o.Names[0], o.Names[1], string(o.IDs)}, " "), v.Now())
	if err == nil {
		err = v.run(ctx, source, destination)
	}
	return v.checkpoint.Counts, err
}

// run looks at all users of the source, then for those whom only the destination has. Those of
// other IDs cannot be looked for.
func (v *verifier) run(ctx context.Context, source, destination adapter.Enumerator) error {
	if !v.checkpoint.Extras {
		if err := v.walk(ctx, source, &v.checkpoint, v.problem, v.user, v.save); err != nil {
			return err
		}
		v.checkpoint.Extras, v.checkpoint.Cursor = true, ""
		if err := v.save(); err != nil {
			return err
		}
	}
	if v.IDs == KeepIDs {
		if err := v.walk(ctx, destination, &v.checkpoint, v.problem, v.extra, v.save); err != nil {
			return err
		}
	}
	v.checkpoint.Done = true
	return v.save()
}

// user compares a user of the source with its copy.
func (v *verifier) user(ctx context.Context, u adapter.User) error {
	var differences []Difference
	err := v.patiently(ctx, func() (err error) {
		p, err := read(ctx, v.Source, u)
		if err == nil {
			differences, err = v.compare(ctx, p)
		}
		if err != nil || len(differences) == 0 {
			return err
		}
		p, found, err := find(ctx, v.Source, u.ID)
		if err != nil || !found {
			differences = nil // deleted meanwhile
			return err
		}
		differences, err = v.compare(ctx, p)
		return err
	})
	if errors.Is(err, adapter.ErrUnreadable) {
		differences, err = []Difference{unreadable(u.ID, err)}, nil
	}
	for _, d := range differences {
		d.UserID = u.ID
		v.problem(d)
	}
	if err == nil {
		v.count(func(n *Counts) { n.Users++ })
	}
	return err
}

// compare returns how the copy of a person differs.
func (v *verifier) compare(ctx context.Context, p person) ([]Difference, error) {
	id, err := v.IDs.New(p.user.ID)
	if err != nil {
		return nil, err
	}
	p = p.withID(id)
	there, found, err := find(ctx, v.Destination, id)
	if err != nil {
		return nil, err
	}
	if !found {
		return []Difference{{UserID: p.user.ID, Record: "user", How: "missing"}}, nil
	}
	if !v.sessions {
		p.sessions, there.sessions = nil, nil
	}
	now := v.Now()
	return compare(p.live(now), there.live(now)), nil
}

// extra reports a user whom the source does not have.
func (v *verifier) extra(ctx context.Context, u adapter.User) error {
	return v.patiently(ctx, func() error {
		_, err := v.Source.GetUser(ctx, u.ID)
		if errors.Is(err, adapter.ErrNotFound) {
			v.problem(Difference{UserID: u.ID, Record: "user", How: "extra"})
			return nil
		}
		if errors.Is(err, adapter.ErrUnreadable) {
			return nil // reported already
		}
		return err
	})
}
