package transfer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/authstore/authstore/adapter"
)

// A file of users is JSON Lines. The first line says its version, each other one has a user with
// what belongs to it, and the last one how many there were, so that a file that was cut is
// found out.

// fileVersion is that of the file's form.
const fileVersion = 1

// maxLine is longer than a user with all that a store can have of it.
const maxLine = 64 << 20

// line is a line of a file.
type line struct {
	Version        int                     `json:"authstore,omitempty"` // of the first line
	User           *adapter.User           `json:"user,omitempty"`
	Accounts       []adapter.Account       `json:"accounts,omitempty"`
	Authenticators []adapter.Authenticator `json:"authenticators,omitempty"`
	Sessions       []adapter.Session       `json:"sessions,omitempty"`
	Users          *int                    `json:"users,omitempty"` // of the last line
}

// The members by which a value is told from a JSON value of the same form.
const (
	timeMember = "$time" // a time, as its only member
	mapMember  = "$map"  // a map whose only member begins with "$"
)

// escaped returns a value of an attribute as JSON that has its type.
func escaped(v any) any {
	switch v := v.(type) {
	case time.Time:
		return map[string]any{timeMember: adapter.Milliseconds(v).Format(time.RFC3339Nano)}
	case []any:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = escaped(e)
		}
		return all
	case map[string]any:
		all, special := make(map[string]any, len(v)), len(v) == 1
		for name, e := range v {
			all[name] = escaped(e)
			special = special && strings.HasPrefix(name, "$")
		}
		if special {
			return map[string]any{mapMember: all}
		}
		return all
	}
	return v
}

// unescaped returns the value that escaped has made JSON of.
func unescaped(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
		return v.Int64()
	case []any:
		for i := range v {
			e, err := unescaped(v[i])
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
	case map[string]any:
		if text, ok := v[timeMember].(string); ok && len(v) == 1 {
			return time.Parse(time.RFC3339Nano, text)
		}
		if inner, ok := v[mapMember].(map[string]any); ok && len(v) == 1 {
			return unescapedMembers(inner)
		}
		return unescapedMembers(v)
	}
	return v, nil
}

func unescapedMembers(m map[string]any) (map[string]any, error) {
	for name := range m {
		e, err := unescaped(m[name])
		if err != nil {
			return nil, err
		}
		m[name] = e
	}
	return m, nil
}

// eachAttributes calls a function for the attributes of every record.
func (l *line) eachAttributes(f func(*adapter.Attributes) error) error {
	all := []*adapter.Attributes{&l.User.Attributes}
	for i := range l.Accounts {
		all = append(all, &l.Accounts[i].Attributes)
	}
	for i := range l.Authenticators {
		all = append(all, &l.Authenticators[i].Attributes)
	}
	for i := range l.Sessions {
		all = append(all, &l.Sessions[i].Attributes)
	}
	for _, a := range all {
		if err := f(a); err != nil {
			return err
		}
	}
	return nil
}

// encode returns the line of a person.
func encode(p person) ([]byte, error) {
	l := line{User: &p.user, Accounts: p.accounts, Authenticators: p.authenticators, Sessions: p.sessions}
	_ = l.eachAttributes(func(a *adapter.Attributes) error {
		out := make(adapter.Attributes, len(*a))
		for name, v := range *a {
			out[name] = escaped(v)
		}
		*a = out
		return nil
	})
	text, err := json.Marshal(l)
	return append(text, '\n'), err
}

// decode reads a line.
func decode(text []byte) (l line, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil || l.User == nil {
		return l, err
	}
	err = l.eachAttributes(func(a *adapter.Attributes) (err error) {
		*a, err = unescapedMembers(*a)
		return err
	})
	return l, err
}

// Export writes all users of a store with what belongs to them. The file has the tokens of
// providers; of sessions it has digests.
func Export(ctx context.Context, o Options, w io.Writer) (Counts, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Counts{}, err
	}
	source, ok := adapter.As[adapter.Enumerator](o.Source)
	if !ok {
		return Counts{}, errors.New("the store cannot list its users")
	}
	c := &copier{Options: o}
	out := bufio.NewWriter(w)
	if err := writeLine(out, line{Version: fileVersion}); err != nil {
		return Counts{}, err
	}
	var mu sync.Mutex
	err = o.walk(ctx, source, &c.checkpoint, c.problem, func(ctx context.Context, u adapter.User) error {
		p, err := c.read(ctx, u)
		if err != nil || p == nil {
			return err
		}
		text, err := encode(*p)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		_, err = out.Write(text)
		return err
	}, c.save)
	n := &c.checkpoint.Counts
	if err == nil {
		err = writeLine(out, line{Users: &n.Users})
	}
	if err = errors.Join(err, out.Flush()); err == nil && n.Problems > 0 {
		err = ErrProblems
	}
	return *n, err
}

func writeLine(w io.Writer, l line) error {
	text, err := json.Marshal(l)
	if err == nil {
		_, err = w.Write(append(text, '\n'))
	}
	return err
}

// read returns a person and counts it, or nil for one who cannot be read, which is reported.
func (c *copier) read(ctx context.Context, u adapter.User) (*person, error) {
	var p person
	err := c.patiently(ctx, func() (err error) {
		p, err = read(ctx, c.Source, u)
		return err
	})
	if errors.Is(err, adapter.ErrUnreadable) {
		c.problem(unreadable(u.ID, err))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.count(func(n *Counts) {
		n.Users++
		n.Accounts += len(p.accounts)
		n.Passkeys += len(p.authenticators)
		n.Sessions += len(p.sessions)
	})
	return &p, nil
}

// Import makes the users of a file those of the destination, as Copy does with those of a
// store. It needs no checkpoint: to repeat it leaves alone who is there already.
func Import(ctx context.Context, o Options, r io.Reader) (Counts, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Counts{}, err
	}
	c := &copier{Options: o}
	if o.IDs == KeepIDs {
		c.importer = SessionImporter(o.Destination)
	}
	if err := c.importLines(ctx, r); err != nil {
		return c.checkpoint.Counts, err
	}
	if c.checkpoint.Counts.Problems > 0 {
		return c.checkpoint.Counts, ErrProblems
	}
	return c.checkpoint.Counts, nil
}

// importLines imports line by line, some at a time.
func (c *copier) importLines(ctx context.Context, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(c.Workers)
	users, last := 0, -1
	for n := 1; running.Err() == nil && lines.Scan(); n++ {
		l, err := decode(lines.Bytes())
		switch {
		case err != nil:
			err = fmt.Errorf("line %d is not one of an export", n) // the cause quotes it
		case n == 1 && l.Version != fileVersion:
			err = fmt.Errorf("the first line does not say authstore: %d, the version of exports", fileVersion)
		case last >= 0:
			err = fmt.Errorf("line %d comes after the end", n)
		case l.Users != nil:
			last = *l.Users
		case l.User != nil:
			users++
			g.Go(func() error { return c.importLine(running, l) })
		}
		if err != nil {
			return errors.Join(err, g.Wait())
		}
	}
	err := g.Wait()
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case lines.Err() != nil:
		return lines.Err()
	case last != users:
		return fmt.Errorf("the file is not whole: it has %d users and does not end with their number", users)
	}
	return nil
}

func (c *copier) importLine(ctx context.Context, l line) error {
	p := person{user: *l.User, accounts: l.Accounts, authenticators: l.Authenticators, sessions: l.Sessions}
	return c.ended(p.user.ID, true, c.patiently(ctx, func() error { return c.put(ctx, p) }))
}
