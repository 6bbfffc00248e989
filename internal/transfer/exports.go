package transfer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/authstore/authstore/internal/transfer/foreign"
)

// The tools of other stores write records one by one, in any order and in several files. Who
// belongs together is brought together in memory, a share of the users at a time: the files are
// read as often as it takes.

// shareSize is how many bytes of text a share comes from.
const shareSize = 256 << 20

// perCompressed is how much text there may be in a compressed byte.
const perCompressed = 10

// FormOf returns the form of a file, or "" if it is none that a tool of another store writes.
func FormOf(file string) (foreign.Form, error) {
	var first []byte
	err := eachLine(file, func(_ int, line []byte) error {
		first = bytes.Clone(line)
		return io.EOF
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return foreign.FormOf(first), err
}

// NotImported says what ImportExports leaves behind, and why.
func NotImported(o Options) []string {
	all := NotCarried(o)
	if len(all) > 0 {
		all[0] = "verification tokens: one that was used since would work again. Links that are under way have to be requested again"
	}
	return all
}

// ImportExports makes the users of the destination those in files that a tool of another store
// wrote, as Import does. What cannot be read is reported, with its place: [ErrProblems].
func ImportExports(ctx context.Context, o Options, form foreign.Form, files []string) (Counts, error) {
	shares, err := sharesOf(files, shareSize)
	if err != nil {
		return Counts{}, err
	}
	return importShares(ctx, o, form, files, shares)
}

func importShares(ctx context.Context, o Options, form foreign.Form, files []string, shares int) (Counts, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Counts{}, err
	}
	c := &copier{Options: o}
	if o.IDs == KeepIDs {
		c.importer = SessionImporter(o.Destination)
	}
	for share := range shares {
		g := gathering{copier: c, form: form, share: share, shares: shares, people: map[string]*gathered{}}
		if err := g.run(ctx, files); err != nil {
			return c.checkpoint.Counts, err
		}
	}
	if c.checkpoint.Counts.Problems > 0 {
		return c.checkpoint.Counts, ErrProblems
	}
	return c.checkpoint.Counts, nil
}

// sharesOf returns in how many shares files are imported.
func sharesOf(files []string, size int64) (int, error) {
	total := int64(0)
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		if !info.Mode().IsRegular() {
			return 0, fmt.Errorf("%s is not a file: name those in it", file)
		}
		text := info.Size()
		if strings.HasSuffix(file, ".gz") {
			text *= perCompressed
		}
		total += text
	}
	return int(1 + total/size), nil
}

// gathering is a share of the users, by the ID, with what belongs to them.
type gathering struct {
	*copier
	form          foreign.Form
	share, shares int
	people        map[string]*gathered
	order         []string // the IDs, as they came
}

// gathered is a person, and where the first of its records is.
type gathered struct {
	person
	place string
	found bool // the user's own record
}

// run gathers the share, and imports it.
func (g *gathering) run(ctx context.Context, files []string) error {
	for _, file := range files {
		err := eachLine(file, func(n int, line []byte) error {
			g.read(fmt.Sprintf("%s, line %d", filepath.Base(file), n), line)
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	work, running := errgroup.WithContext(ctx)
	work.SetLimit(g.Workers)
	for _, id := range g.order {
		p := g.people[id]
		if running.Err() != nil {
			break
		}
		if p.found {
			work.Go(func() error {
				return g.ended(id, true, g.patiently(running, func() error { return g.put(running, p.person) }))
			})
		} else if left := p.live(g.Now()); len(left.accounts)+len(left.authenticators)+len(left.sessions) > 0 {
			g.problem(Difference{UserID: id, Record: p.place, How: "not imported: its user is in none of the files"})
		}
	}
	return errors.Join(work.Wait(), ctx.Err())
}

// read adds what a line has to whom it belongs. What cannot be read is reported once.
func (g *gathering) read(place string, line []byte) {
	r, err := g.form.Read(line)
	switch {
	case err != nil && g.share == 0:
		g.problem(Difference{UserID: r.Owner, Record: place, How: "unreadable: " + err.Error()})
		return
	case err != nil || r.Owner == "" || shareOf(r.Owner, g.shares) != g.share:
		return
	case len(r.Left) > 0:
		g.problem(Difference{UserID: r.Owner, Record: place, How: "imported without what no store can hold", Fields: r.Left})
	}
	p := g.people[r.Owner]
	if p == nil {
		p = &gathered{place: place}
		g.people[r.Owner], g.order = p, append(g.order, r.Owner)
	}
	switch {
	case r.User != nil && p.found:
		g.problem(Difference{UserID: r.Owner, Record: place, How: "not imported: the user is there twice"})
	case r.User != nil:
		p.user, p.found = *r.User, true
	case r.Account != nil:
		p.accounts = append(p.accounts, *r.Account)
	case r.Authenticator != nil:
		p.authenticators = append(p.authenticators, *r.Authenticator)
	case r.Session != nil:
		p.sessions = append(p.sessions, *r.Session)
	}
}

// shareOf returns the share that a user is in.
func shareOf(id string, shares int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return int(h.Sum32() % uint32(shares))
}

// eachLine calls a function for each line of a file that is not blank, with its number. The file may
// be compressed by gzip.
func eachLine(file string, do func(n int, line []byte) error) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	buffered := bufio.NewReader(f)
	r := io.Reader(buffered)
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		if r, err = gzip.NewReader(buffered); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan(); n++ {
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := do(n, line); err != nil {
				return err
			}
		}
	}
	if lines.Err() != nil {
		return fmt.Errorf("%s: it cannot be read to its end: %w", file, lines.Err())
	}
	return nil
}
