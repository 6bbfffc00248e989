package transfer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/authstore/authstore/adapter"
)

// Conflicts says what happens to a user whom the destination has already, with something that
// the source does not have, or has otherwise.
type Conflicts string

// The strategies.
const (
	Fail      Conflicts = "fail"      // the copy ends
	Skip      Conflicts = "skip"      // the user stays as the destination has it, and is reported
	Overwrite Conflicts = "overwrite" // the user becomes what the source has
)

// Options are those of Copy and, in part, of Verify.
type Options struct {
	Source, Destination adapter.Adapter
	// Names tells the two stores apart from others, in checkpoints. They hold no secret.
	Names [2]string

	Workers    int    // users that are under way at a time; 0: 8
	Page       int    // users from one checkpoint to the next, which are in memory; 0: 1000, the most
	Checkpoint string // a file; "": none
	IDs        IDs    // "": KeepIDs

	Conflict Conflicts // "": Fail
	Redact   bool
	// Since leaves out users of whom nothing was written before that time; SinceLast takes the
	// begin of the last pass that ended, by the checkpoint.
	Since     time.Time
	SinceLast bool
	// Delete removes users whom only the destination has.
	Delete bool

	// Mapped is told the new ID of each user that gets one. Report is told of each difference
	// or problem, Progress how far it has come. They are not called concurrently.
	Mapped   func(from, to string) error
	Report   func(Difference)
	Progress func(Counts)

	Now func() time.Time // nil: time.Now
	// Pause waits before what a retry may mend is tried again; nil: by the clock.
	Pause func(context.Context, time.Duration) error
}

// Counts are how many records were written, users were looked at, and so on.
type Counts struct {
	Users     int `json:"users"`     // users of the source that are done
	Unchanged int `json:"unchanged"` // of these, those that the destination had already
	Created   int `json:"created"`
	Changed   int `json:"changed"`
	Accounts  int `json:"accounts"`
	Passkeys  int `json:"passkeys"`
	Sessions  int `json:"sessions"`
	Deleted   int `json:"deleted"`
	Problems  int `json:"problems"` // what was reported
}

const (
	maxPage     = 1000
	maxUnsaved  = 100 // pages without a checkpoint
	maxDeferred = 10_000
	clockMargin = 5 * time.Minute // by which the clocks of those who write to the source may differ
	maxTries    = 6
)

// ErrProblems means that some users could not be copied; each was reported.
var ErrProblems = errors.New("some users were not copied")

// withDefaults returns the options with what is not set, or what is wrong with them.
func (o Options) withDefaults() (Options, error) {
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.Page == 0 {
		o.Page = maxPage
	}
	if o.IDs == "" {
		o.IDs = KeepIDs
	}
	if o.Conflict == "" {
		o.Conflict = Fail
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	if _, err := o.IDs.New("x"); err != nil {
		return o, err
	}
	switch {
	case o.Page < 1 || o.Page > maxPage:
		return o, fmt.Errorf("--page is from 1 to %d", maxPage)
	case o.Conflict != Fail && o.Conflict != Skip && o.Conflict != Overwrite:
		return o, fmt.Errorf("--conflict is fail, skip or overwrite, not %q", string(o.Conflict))
	case o.Delete && o.IDs != KeepIDs:
		return o, errors.New("--delete needs --ids keep: by a new ID nobody can tell whether the source has the user")
	}
	return o, nil
}

// NotCarried says what a copy leaves behind, and why. It asks the stores nothing.
func NotCarried(o Options) []string {
	o, err := o.withDefaults()
	if err != nil {
		return nil // Copy says what is wrong
	}
	all := []string{"verification tokens: no store lists them. Links that are under way have to be requested again"}
	switch {
	case o.Redact:
		all = append(all, "sessions, passkeys, images, attributes, tokens of providers: the copy is redacted")
	case SessionImporter(o.Destination) == nil:
		all = append(all, "sessions: the destination has session tokens as they are, and a digest cannot become a token. Everybody signs in again")
	case o.IDs != KeepIDs:
		all = append(all, "sessions: a token names its user's old ID. Everybody signs in again")
	}
	if o.IDs != KeepIDs {
		all = append(all, "user IDs inside attributes: they stay as they are")
	}
	return all
}

// SessionImporter returns what takes sessions over, nil for a store that has session tokens as they
// are. A session that is none tells: it is refused as unsupported there, and elsewhere as invalid.
func SessionImporter(store adapter.Adapter) adapter.SessionImporter {
	i, ok := adapter.As[adapter.SessionImporter](store)
	if !ok || errors.Is(i.ImportSession(context.Background(), adapter.Session{}), adapter.ErrUnsupported) {
		return nil
	}
	return i
}

// copier is one pass.
type copier struct {
	Options
	importer   adapter.SessionImporter // nil: sessions are not carried
	mu         sync.Mutex              // protects what follows, and Report and Mapped
	checkpoint checkpoint
}

// Copy makes the users of the destination those of the source, with what belongs to them. It
// may be interrupted at any moment, goes on from its checkpoint, and may be repeated: what is
// there already is left alone. [ErrProblems] if not everybody could be copied.
func Copy(ctx context.Context, o Options) (Counts, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Counts{}, err
	}
	source, ok := adapter.As[adapter.Enumerator](o.Source)
	if !ok {
		return Counts{}, errors.New("the source cannot list its users")
	}
	c := &copier{Options: o}
	if o.IDs == KeepIDs && !o.Redact {
		c.importer = SessionImporter(o.Destination)
	}
	if err := c.begin(); err != nil {
		return Counts{}, err
	}
	if err := c.run(ctx, source); err != nil {
		return c.checkpoint.Counts, err
	}
	if c.checkpoint.Counts.Problems > 0 {
		return c.checkpoint.Counts, ErrProblems
	}
	return c.checkpoint.Counts, nil
}

// begin goes on with the pass of the checkpoint, or begins one.
func (c *copier) begin() (err error) {
	what := strings.Join([]string{"copy", c.Names[0], c.Names[1], string(c.IDs), fmt.Sprint(c.Redact)}, " ")
	c.checkpoint, err = begin(c.Checkpoint, what, c.Now())
	if err != nil {
		return err
	}
	if c.SinceLast {
		if c.checkpoint.Previous.IsZero() {
			return errors.New("--since last needs the checkpoint of a copy that has ended: run it without --since first")
		}
		c.Since = c.checkpoint.Previous.Add(-clockMargin)
	}
	if c.Redact && c.checkpoint.Key == nil {
		c.checkpoint.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(c.checkpoint.Key) // never fails (crypto/rand, Go 1.24)
	}
	return nil
}

// begin loads a checkpoint, and begins a new pass if the last one has ended.
func begin(file, what string, now time.Time) (checkpoint, error) {
	c, err := load(file)
	if err != nil {
		return c, err
	}
	if c.What != "" && c.What != what {
		return c, fmt.Errorf("%s is the checkpoint of another run, with other stores or options: name another file, or remove it to begin again", file)
	}
	if c.What == "" || c.Done {
		next := checkpoint{What: what, Started: now, Key: c.Key}
		if c.Done {
			next.Previous = c.Started
		}
		c = next
	}
	return c, nil
}

// run goes through the pass: first away with whom only the destination has, whose addresses
// may be others' by now, then everybody, then whoever had to wait for others.
func (c *copier) run(ctx context.Context, source adapter.Enumerator) error {
	if c.Delete && c.checkpoint.Cursor == "" {
		if err := c.isThere(ctx, source); err != nil {
			return err
		}
		if err := c.deleteExtras(ctx); err != nil {
			return err
		}
	}
	err := c.walk(ctx, source, &c.checkpoint, c.problem, func(ctx context.Context, u adapter.User) error {
		return c.user(ctx, u, false)
	}, c.save)
	if err != nil {
		return err
	}
	if err := c.retry(ctx); err != nil {
		return err
	}
	c.checkpoint.Done = true
	return c.save()
}

// walk does something with each user of a store, some at a time, from the checkpoint's cursor.
func (o Options) walk(ctx context.Context, store adapter.Enumerator, at *checkpoint, problem func(Difference), do func(context.Context, adapter.User) error, save func() error) error {
	for users, pages := 0, 0; ; pages++ {
		page, err := o.nextPage(ctx, store, at)
		if err == nil {
			err = o.doPage(ctx, page, problem, do)
		}
		if err != nil {
			return err // the last checkpoint has the counts of whole pages
		}
		if page.Next == "" {
			return nil
		}
		at.Cursor = page.Next
		// Some stores have pages of few users, and to write a file takes longer than to read one.
		if users += len(page.Users); users < o.Page && pages < maxUnsaved {
			continue
		}
		users, pages = 0, 0
		if err := save(); err != nil {
			return err
		}
	}
}

// doPage does something with each user of a page.
func (o Options) doPage(ctx context.Context, page adapter.UserPage, problem func(Difference), do func(context.Context, adapter.User) error) error {
	for _, err := range page.Unreadable {
		problem(unreadable("", err))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(o.Workers)
	for _, u := range page.Users {
		g.Go(func() error { return do(ctx, u) })
	}
	return g.Wait()
}

// nextPage returns the page at the cursor. A store that does not answer in time is asked for half
// as many users. A cursor that the store does not know any more begins again.
func (o Options) nextPage(ctx context.Context, store adapter.Enumerator, at *checkpoint) (page adapter.UserPage, err error) {
	users := o.Page
	err = o.patiently(ctx, func() (err error) {
		page, err = store.EnumerateUsers(ctx, at.Cursor, users)
		users = max(1, users/2)
		return err
	})
	if errors.Is(err, adapter.ErrInvalid) && at.Cursor != "" {
		at.Cursor = ""
		return o.nextPage(ctx, store, at)
	}
	return page, err
}

// patiently repeats what a retry may mend. What is repeated must not mind.
func (o Options) patiently(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == maxTries || !errors.Is(err, adapter.ErrUnavailable) {
			return err
		}
		if err := o.Pause(ctx, 50*time.Millisecond<<try); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// save writes the checkpoint, and tells how far it has come.
func (c *copier) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Progress != nil {
		c.Progress(c.checkpoint.Counts)
	}
	return c.checkpoint.save(c.Checkpoint)
}

// count changes the counts.
func (c *copier) count(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.checkpoint.Counts)
}

// problem reports why a user was not copied.
func (c *copier) problem(d Difference) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checkpoint.Counts.Problems++
	if c.Report != nil {
		c.Report(d)
	}
}

// unreadable is a user who cannot be read.
func unreadable(userID string, err error) Difference {
	var r *adapter.RecordError
	if errors.As(err, &r) && userID == "" {
		userID = r.UserID
	}
	return Difference{UserID: userID, Record: "user", How: "unreadable: " + err.Error()}
}

// user copies one user. The last attempt of one who has to wait for others is final.
func (c *copier) user(ctx context.Context, u adapter.User, final bool) error {
	return c.ended(u.ID, final, c.patiently(ctx, func() error { return c.once(ctx, u) }))
}

// ended says what the end of an attempt at a user means for the pass.
func (c *copier) ended(id string, final bool, err error) error {
	var field *adapter.ConflictError
	switch {
	case err == nil:
		c.count(func(n *Counts) { n.Users++ })
		return nil
	case errors.Is(err, errDiffers):
		return c.conflict(id)
	case errors.As(err, &field) && !final:
		return c.deferUser(id)
	case errors.As(err, &field) && c.Conflict != Fail:
		c.problem(Difference{UserID: id, Record: "user", How: "not copied: " + field.Field + " is another user's in the destination"})
		return nil
	case errors.As(err, &field):
		return fmt.Errorf("the user %q: %s is another user's in the destination: correct one of them, or go on with --conflict skip", id, field.Field)
	case errors.Is(err, adapter.ErrUnreadable):
		c.problem(unreadable(id, err))
		return nil
	case isInvalid(err, "User.ID"):
		return fmt.Errorf("the destination does not take this ID: give --ids: %w", err)
	case errors.Is(err, adapter.ErrInvalid):
		c.problem(Difference{UserID: id, Record: "user", How: "refused: " + err.Error()})
		return nil
	}
	return err
}

func isInvalid(err error, field string) bool {
	var invalid *adapter.InvalidError
	return errors.As(err, &invalid) && invalid.Field == field
}

// conflict is a user whom the destination has otherwise.
func (c *copier) conflict(id string) error {
	if c.Conflict == Fail {
		return fmt.Errorf("the destination has the user %q already, with other data: choose --conflict skip or overwrite", id)
	}
	c.problem(Difference{UserID: id, Record: "user", How: "skipped: the destination has other data"})
	return nil
}

// deferUser leaves a user for later, when others may have given up what is in the way.
func (c *copier) deferUser(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.checkpoint.Deferred) == maxDeferred {
		return fmt.Errorf("more than %d users have an e-mail address or an account that other users have in the destination: is it the right one?", maxDeferred)
	}
	c.checkpoint.Deferred = append(c.checkpoint.Deferred, id)
	return nil
}

// retry copies those who had to wait, as long as that gets somebody further.
func (c *copier) retry(ctx context.Context) error {
	for final := false; len(c.checkpoint.Deferred) > 0; {
		waiting := c.checkpoint.Deferred
		c.checkpoint.Deferred = nil
		for _, id := range waiting {
			if err := c.again(ctx, id, final); err != nil {
				c.checkpoint.Deferred = waiting
				return err
			}
		}
		final = len(c.checkpoint.Deferred) == len(waiting)
	}
	return nil
}

// again copies a user who had to wait, unless it was deleted meanwhile.
func (c *copier) again(ctx context.Context, id string, final bool) error {
	var u adapter.User
	err := c.patiently(ctx, func() (err error) {
		u, err = c.Source.GetUser(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, adapter.ErrNotFound):
		return nil
	case err != nil:
		return c.ended(id, final, err)
	}
	return c.user(ctx, u, final)
}

// errDiffers: the destination has the user with other data, and it may not be changed.
var errDiffers = errors.New("other data")

// once makes one attempt at a user. To repeat it adds what is still missing.
func (c *copier) once(ctx context.Context, u adapter.User) error {
	p, err := read(ctx, c.Source, u)
	if err != nil {
		return err
	}
	if !c.Since.IsZero() && !p.written(c.Since) {
		c.count(func(n *Counts) { n.Unchanged++ })
		return nil
	}
	return c.put(ctx, p)
}

// put makes a user of the destination what the source has.
func (c *copier) put(ctx context.Context, p person) error {
	p, err := c.prepare(p)
	if err != nil {
		return err
	}
	_, err = c.Destination.CreateUser(ctx, stamped(p.user))
	if err == nil {
		c.count(func(n *Counts) { n.Created++ })
		return c.add(ctx, p, person{user: p.user})
	}
	if !errors.Is(err, adapter.ErrConflict) {
		return err
	}
	there, found, findErr := find(ctx, c.Destination, p.user.ID)
	if findErr != nil {
		return findErr
	}
	if !found {
		return err // the address is another user's
	}
	return c.reconcile(ctx, p, there)
}

// prepare returns the person as the destination is to have it.
func (c *copier) prepare(p person) (person, error) {
	id, err := c.IDs.New(p.user.ID)
	if err != nil {
		return p, err
	}
	if id != p.user.ID && c.Mapped != nil {
		c.mu.Lock()
		err = c.Mapped(p.user.ID, id)
		c.mu.Unlock()
	}
	p = p.withID(id)
	if c.Redact {
		p = p.redacted(c.checkpoint.Key)
	}
	if c.importer == nil {
		p.sessions = nil
	}
	return p.live(c.Now()), err
}

// stamped returns a user with times that are known.
func stamped(u adapter.User) adapter.User {
	u.CreatedAt, u.UpdatedAt = known(u.CreatedAt), known(u.UpdatedAt)
	return u
}

// reconcile changes a user of the destination who differs.
func (c *copier) reconcile(ctx context.Context, p, there person) error {
	there = there.live(c.Now())
	if c.importer == nil {
		there.sessions = nil // those that people have made there since
	}
	differences := compare(p, there)
	if len(differences) == 0 {
		c.count(func(n *Counts) { n.Unchanged++ })
		return nil
	}
	overwrites := slices.ContainsFunc(differences, func(d Difference) bool { return d.How != "missing" })
	if overwrites && c.Conflict != Overwrite {
		return errDiffers
	}
	err := c.taken(ctx, p)
	if err == nil {
		ctx := context.WithoutCancel(ctx) // who ends the copy does not want somebody half made
		err = c.become(ctx, p, there, differences)
		if overwrites && isRefused(err) {
			err = c.putBack(ctx, there, err)
		}
	}
	if err == nil {
		c.count(func(n *Counts) { n.Changed++ })
	}
	return err
}

// become makes a user of the destination another person.
func (c *copier) become(ctx context.Context, p, there person, differences []Difference) error {
	for _, d := range differences {
		if d.Record != "user" {
			continue
		}
		// An update cannot set when a user was made, so the user is made anew.
		if err := c.Destination.DeleteUser(ctx, p.user.ID); err != nil {
			return err
		}
		return c.make(ctx, p)
	}
	if err := c.remove(ctx, p, there); err != nil {
		return err
	}
	return c.add(ctx, p, there)
}

// make makes a user whom the destination does not have.
func (c *copier) make(ctx context.Context, p person) error {
	if _, err := c.Destination.CreateUser(ctx, stamped(p.user)); err != nil {
		return err
	}
	return c.add(ctx, p, person{user: p.user})
}

// isRefused reports whether a store will not take something: to ask again, or after others, will not help.
func isRefused(err error) bool {
	return errors.Is(err, adapter.ErrInvalid) || errors.Is(err, adapter.ErrSetup) || errors.Is(err, adapter.ErrUnsupported)
}

// putBack makes a user of the destination again what it was before the store refused a part of another
// person, and returns why.
func (c *copier) putBack(ctx context.Context, there person, refused error) error {
	uncounted := &copier{Options: c.Options, importer: c.importer}
	err := c.patiently(ctx, func() error {
		now, found, err := find(ctx, c.Destination, there.user.ID)
		switch {
		case err != nil:
			return err
		case !found:
			return uncounted.make(ctx, there)
		}
		return uncounted.become(ctx, there, now, compare(there, now))
	})
	if err != nil {
		return fmt.Errorf("%w; what was there could not be put back: %v", refused, err) // not for a retry
	}
	return refused
}

// taken returns a conflict if the destination cannot have the person, since another user there has its address,
// or one of its accounts or passkeys, and keeps it. Then nothing may be deleted that is to be made anew.
func (c *copier) taken(ctx context.Context, p person) error {
	if p.user.Email != "" {
		u, err := c.Destination.GetUserByEmail(ctx, p.user.Email)
		if err := c.kept(ctx, p, adapter.FieldUserEmail, u.ID, err); err != nil {
			return err
		}
	}
	for _, a := range p.accounts {
		there, err := c.Destination.GetAccount(ctx, a.Key())
		if err := c.kept(ctx, p, adapter.FieldAccount, there.UserID, err); err != nil {
			return err
		}
	}
	for _, a := range p.authenticators {
		there, err := c.Destination.GetAuthenticator(ctx, a.CredentialID)
		if err := c.kept(ctx, p, adapter.FieldCredentialID, there.UserID, err); err != nil {
			return err
		}
	}
	return nil
}

// kept returns a conflict if the one who was found to have something of a person is another user, and keeps it.
// Who is in the source too gives it up when it is their turn: it is this person's there.
func (c *copier) kept(ctx context.Context, p person, field, holder string, err error) error {
	if errors.Is(err, adapter.ErrNotFound) || err == nil && holder == p.user.ID {
		return nil
	}
	if err != nil {
		return err
	}
	if c.IDs == KeepIDs && c.Source != nil {
		_, err := c.Source.GetUser(ctx, holder)
		if !errors.Is(err, adapter.ErrNotFound) && !errors.Is(err, adapter.ErrUnreadable) {
			return err
		}
	}
	return adapter.Conflict(field)
}

// remove removes what the destination has otherwise than the source, or alone.
func (c *copier) remove(ctx context.Context, p, there person) error {
	wanted := p.records()
	same := func(one person) bool {
		for name, r := range one.records() {
			if name != "user" && wanted[name].digest() != r.digest() {
				return false
			}
		}
		return true
	}
	for _, a := range there.accounts {
		if !same(person{accounts: []adapter.Account{a}}) {
			if err := c.Destination.UnlinkAccount(ctx, a.Key()); err != nil {
				return err
			}
		}
	}
	for _, a := range there.authenticators {
		if !same(person{authenticators: []adapter.Authenticator{a}}) {
			if err := c.Destination.DeleteAuthenticator(ctx, a.CredentialID); err != nil {
				return err
			}
		}
	}
	for _, s := range there.sessions {
		if !same(person{sessions: []adapter.Session{s}}) {
			if err := c.Destination.DeleteSessionByID(ctx, p.user.ID, s.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds what the destination lacks of a user that it has.
func (c *copier) add(ctx context.Context, p, there person) error {
	has := there.records()
	missing := func(one person) bool {
		for name, r := range one.records() {
			if other, ok := has[name]; name != "user" && (!ok || other.digest() != r.digest()) {
				return true
			}
		}
		return false
	}
	for _, a := range p.accounts {
		if !missing(person{accounts: []adapter.Account{a}}) {
			continue
		}
		a.CreatedAt, a.UpdatedAt = known(a.CreatedAt), known(a.UpdatedAt)
		if _, err := c.Destination.LinkAccount(ctx, a); err != nil {
			return err
		}
		c.count(func(n *Counts) { n.Accounts++ })
	}
	for _, a := range p.authenticators {
		if !missing(person{authenticators: []adapter.Authenticator{a}}) {
			continue
		}
		a.CreatedAt, a.UpdatedAt = known(a.CreatedAt), known(a.UpdatedAt)
		if _, err := c.Destination.CreateAuthenticator(ctx, a); err != nil {
			return err
		}
		c.count(func(n *Counts) { n.Passkeys++ })
	}
	for _, s := range p.sessions {
		if !missing(person{sessions: []adapter.Session{s}}) {
			continue
		}
		s.CreatedAt, s.UpdatedAt = known(s.CreatedAt), known(s.UpdatedAt)
		if err := c.importer.ImportSession(ctx, s); err != nil {
			return err
		}
		c.count(func(n *Counts) { n.Sessions++ })
	}
	return nil
}

// isThere fails if the source has no users at all, as one with a wrong name has: everybody would be deleted
// in the destination.
func (c *copier) isThere(ctx context.Context, source adapter.Enumerator) error {
	for at := (checkpoint{}); ; {
		page, err := c.nextPage(ctx, source, &at)
		if err != nil || len(page.Users)+len(page.Unreadable) > 0 {
			return err
		}
		if at.Cursor = page.Next; at.Cursor == "" {
			return errors.New("the source has no users, so that --delete would delete all those of the destination: is it the right one?")
		}
	}
}

// deleteExtras deletes the users whom only the destination has.
func (c *copier) deleteExtras(ctx context.Context) error {
	destination, ok := adapter.As[adapter.Enumerator](c.Destination)
	if !ok {
		return errors.New("--delete: the destination cannot list its users")
	}
	at := checkpoint{}
	return c.walk(ctx, destination, &at, func(Difference) {}, func(ctx context.Context, u adapter.User) error {
		return c.patiently(ctx, func() error {
			_, err := c.Source.GetUser(ctx, u.ID)
			if errors.Is(err, adapter.ErrUnreadable) {
				return nil // it is there, and is reported when it is its turn
			}
			if !errors.Is(err, adapter.ErrNotFound) {
				return err
			}
			if err := c.Destination.DeleteUser(ctx, u.ID); err != nil {
				return err
			}
			c.count(func(n *Counts) { n.Deleted++ })
			return nil
		})
	}, func() error { return nil })
}

// Name returns what stands for a store's URL in a checkpoint: who reads it learns nothing of
// the URL. A password may change from pass to pass.
func Name(storeURL string) string {
	scheme, rest, _ := strings.Cut(storeURL, "://")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	sum := sha256.Sum256([]byte(scheme + "://" + rest))
	return hex.EncodeToString(sum[:8])
}
