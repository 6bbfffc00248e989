package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/conformance/fault"
)

const (
	maxSteps  = 64                     // more than any operation has on a few records
	patience  = 10 * time.Second       // for a call whose connection is cut
	impatient = 50 * time.Millisecond  // for a call that gets no answer
	unhurried = 250 * time.Millisecond // the same, where a call must come as far each time that it is played back
	slowest   = 10 * time.Second       // that a call without a fault may need for its steps
	promptly  = 2 * time.Second        // how long a call may take to notice that its context has ended
)

// cut is a write that is interrupted, with what must hold then.
type cut struct {
	universe universe
	call     func(ctx context.Context, a adapter.Adapter) error
	// holds fails the test if a part of the write shows that must not show alone.
	// Nil: there is none.
	holds func()
	// done fails the test unless the whole write has been done. It comes last, and
	// may change what was written.
	done func()
	// taken are the fields of the conflicts by which the same call, repeated, may
	// say that it was done before. absent: it may say so by ErrNotFound.
	taken  []string
	absent bool
	// rivals are writes of somebody else, of a key that the interrupted call may
	// have or have had.
	rivals []rival
}

// rival is a write that succeeds, or its key has an owner.
type rival struct {
	call  func(ctx context.Context, a adapter.Adapter) error
	field string
	owner func() error // nil if somebody has the key
}

// cutTest is a write to be cut at every step.
type cutTest struct {
	id, op, rule string
	prepare      func(t *T, name string) cut // on new records that are named after name
}

// interruption is a way to cut a call short.
type interruption struct {
	plan  fault.Plan
	wait  time.Duration // until the call's context ends
	ctx   func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	kinds []error // that the call may answer
}

// severed returns a cut connection. The call has patience, so that a driver which
// waits for a better time is not waited for.
func severed(p fault.Plan) interruption {
	return interruption{p, patience, context.WithTimeout, []error{adapter.ErrUnavailable, context.DeadlineExceeded}}
}

// expiring returns a store that does not answer until the call's time is over.
func expiring(p fault.Plan) interruption {
	return interruption{p, impatient, context.WithTimeout, []error{context.DeadlineExceeded}}
}

// cancelled returns a store that does not answer until the caller gives up.
func cancelled(p fault.Plan) interruption {
	return interruption{p, impatient, func(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(wait, cancel)
		return ctx, func() { timer.Stop(); cancel() }
	}, []error{context.Canceled}}
}

// outcome says how far a call came that was interrupted.
type outcome int

const (
	finished outcome = iota // it never came to the step to be hit
	cutShort                // at that step
	// tooSlow is a call whose context ended before that step. A store may still carry
	// out what was on its way then, at any time: there is nothing to look at yet.
	tooSlow
)

// interrupted makes a call under an interruption and returns its error, and how far it
// came.
func (t *T) interrupted(i interruption, doing string, call func(ctx context.Context, a adapter.Adapter) error) (outcome, error) {
	t.Helper()
	ctx, cancel := i.ctx(t.ctx, i.wait)
	defer cancel()
	t.namespace.Faults.Arm(i.plan)
	start := time.Now()
	err := call(ctx, t.store)
	took := time.Since(start)
	hit := t.namespace.Faults.Disarm()
	if i.plan.Mode == fault.Hang && took > i.wait+promptly {
		t.Errorf("%s\n  got:  an answer %v after its context had ended\n  want: it promptly", doing, took-i.wait)
	}
	switch {
	case hit:
		t.among(doing+" that was cut short", err, i.kinds...)
		return cutShort, err
	case i.plan.Mode == fault.Hang && ctx.Err() != nil:
		t.among(doing+" that was too slow", err, i.kinds...)
		return tooSlow, err
	}
	t.among(doing+" without a fault", err)
	return finished, err
}

// inTime cuts a call that gets no answer once more, with more time, as long as it does
// not come to the step that is to be hit.
func (t *T) inTime(i interruption, doing string, cut func(interruption) outcome) (hit bool) {
	t.Helper()
	if i.plan.Mode == fault.Hang && !t.harness.live() {
		i.wait = unhurried
	}
	for ; i.wait <= slowest; i.wait *= 2 {
		if got := cut(i); got != tooSlow {
			return got == cutShort
		}
	}
	t.Fatalf("%s\n  got:  no answer from a store without a fault in %v\n  want: one", doing, slowest)
	return false
}

// at returns a function that adds to a failure which came meanwhile when it came.
func (t *T) at(i interruption, then string) func() {
	before := t.said()
	return func() {
		if t.said() > before {
			t.Logf("  when: %s at step %d, once only: %t; then %s", i.plan.Mode, i.plan.Step, i.plan.Once, then)
		}
	}
}

// said returns how much the test has said, which is of failures.
func (t *T) said() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.log)
}

// steps cuts a call at its first step, its second, and so on, until there are no
// more or a step has failed.
func (t *T) steps(doing string, cutAt func(step int) (hit bool)) {
	t.Helper()
	before := t.said()
	for step := 1; cutAt(step) && t.said() == before; step++ {
		if step == maxSteps {
			t.Fatalf("%s\n  got:  more than %d steps\n  want: fewer", doing, maxSteps)
		}
	}
}

// cutAtEveryStep runs a test with a kind of interruption. n numbers its records.
func (t *T) cutAtEveryStep(c cutTest, n *int, kind func(fault.Plan) interruption, p fault.Plan) {
	t.Helper()
	before := t.said()
	for variant, variants := 0, 1; variant < variants && t.said() == before; variant++ {
		t.steps(c.op, func(step int) (hit bool) {
			p.Step = step
			return t.inTime(kind(p), c.op, func(i interruption) (got outcome) {
				*n++
				got, variants = t.cutOnce(c, numbered(strings.ToLower(c.op), *n), i, variant)
				return got
			})
		})
	}
}

// cutOnce cuts a write on new records. Afterwards the same call is repeated by one
// of the adapters (variant 0), or one of the rivals comes. It returns how far the write
// came, and how many variants there are.
func (t *T) cutOnce(test cutTest, name string, i interruption, variant int) (got outcome, variants int) {
	t.Helper()
	c := test.prepare(t, name)
	defer t.at(i, map[bool]string{true: "repeated", false: "a rival"}[variant == 0])()
	got, err := t.interrupted(i, test.op, c.call)
	if got == tooSlow {
		return got, 1 + len(c.rivals)
	}
	t.consistent(c.universe)
	if c.holds != nil {
		c.holds()
	}
	switch {
	case err == nil:
	case variant > 0:
		t.compete(c.rivals[variant-1])
	default:
		t.repeat(c, test.op, i)
	}
	t.consistent(c.universe)
	if variant == 0 {
		c.done()
	}
	return got, 1 + len(c.rivals)
}

// repeat makes the call that was cut once more: it succeeds, or says that it was
// done before.
func (t *T) repeat(c cut, op string, i interruption) {
	t.Helper()
	err := c.call(t.ctx, t.Both()[i.plan.Step%2])
	var said *adapter.ConflictError
	switch {
	case err == nil:
	case i.plan.Step == 1 && i.plan.Mode != fault.LoseReply:
		t.among(op+", of which nothing had reached the store, repeated", err)
	case c.absent && errors.Is(err, adapter.ErrNotFound):
	case errors.As(err, &said) && slices.Contains(c.taken, said.Field):
	default:
		t.Errorf("%s repeated\n  got:  %v\n  want: no error, or what says that it was done before (conflicts on %q, not found: %t)",
			op, err, c.taken, c.absent)
	}
}

// compete makes the call of a rival: it succeeds, or somebody has the key.
func (t *T) compete(r rival) {
	t.Helper()
	if err := r.call(t.ctx, t.Second()); err != nil {
		t.conflict("the write of a rival", err, r.field)
		t.among("reading who has the key that is taken", r.owner())
	}
}

// run cuts the connection for good at every step, before and after the store has
// done it.
func (c cutTest) run(t *T) {
	n := 0
	for _, mode := range []fault.Mode{fault.LoseCommand, fault.LoseReply} {
		t.cutAtEveryStep(c, &n, severed, fault.Plan{Mode: mode})
	}
}

var cutTests = append(cutWriteTests(),
	Test{ID: "CUT-101", Rule: "If one reply is lost and a driver repeats the command, the answer is that of a call that was made once.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutAll(severed, fault.Plan{Mode: fault.LoseReply, Once: true})
	}},
	Test{ID: "CUT-102", Rule: "If one command is lost, a call succeeds or says that the store is not available.", Source: "docs/contract.md R7", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutAll(severed, fault.Plan{Mode: fault.LoseCommand, Once: true})
	}},
	Test{ID: "CUT-103", Rule: "A write that gets no answer ends promptly when its deadline has passed, and all rules hold.", Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutAll(expiring, fault.Plan{Mode: fault.Hang})
	}},
	Test{ID: "CUT-104", Rule: "A write that gets no answer ends promptly when it is cancelled, and all rules hold.", Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutAll(cancelled, fault.Plan{Mode: fault.Hang})
	}},
	Test{ID: "CUT-105", Rule: "A read of a store that cannot be reached says so, and never that there is nothing.", Source: "docs/contract.md R2", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, p := range []fault.Plan{
			{Mode: fault.LoseCommand}, {Mode: fault.LoseReply}, {Mode: fault.LoseCommand, Once: true}, {Mode: fault.LoseReply, Once: true},
		} {
			t.cutReads(severed, p)
		}
	}},
	Test{ID: "CUT-106", Rule: "A read that gets no answer ends promptly when its deadline has passed.", Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutReads(expiring, fault.Plan{Mode: fault.Hang})
	}},
	Test{ID: "CUT-107", Rule: "A read that gets no answer ends promptly when it is cancelled.", Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: func(t *T) {
		t.cutReads(cancelled, fault.Plan{Mode: fault.Hang})
	}},
	Test{ID: "CUT-108", Rule: "A user whose deletion was cut at any step is in nothing that is stored once the deletion has been repeated.", Source: "docs/contract.md R14", Needs: []Feature{Faults, Dump}, Run: cutDeleteUserAndDump},
	Test{ID: "CUT-109", Rule: "The error of a call that was cut short is one *adapter.Error, whose text holds no token, e-mail address or secret.", Source: "docs/contract.md R2", Needs: []Feature{Faults}, Run: func(t *T) {
		for _, op := range t.newStage("s3cret").operations() {
			_, err := t.interrupted(severed(fault.Plan{Step: 1, Mode: fault.LoseCommand}), op.name, op.call)
			if err != nil {
				t.proper(op.name, err)
				t.discreet(op.name, err)
			}
		}
	}},
	Test{ID: "CUT-110", Rule: "A user ID that is taken again after its deletion was cut at any step starts with nothing.", Source: "docs/contract.md R14", Needs: []Feature{Faults}, Run: cutDeleteUserAndReuse},
	Test{ID: "CUT-111", Rule: "A refusal whose reply is lost is none that a driver's repetition turns into success.", Source: "docs/contract.md R7", Needs: []Feature{Faults, Live}, Run: loseRefusals},
)

// loseRefusals loses each reply of calls that are refused once. They say so nevertheless,
// or that they do not know.
func loseRefusals(t *T) {
	u, other := t.newStage(ada), t.newStage(grace)
	t.ok("CreateSession", signIn.userBy(t.ctx, t.store, other.user.ID, "taken"))
	generated := adapter.NewSessionToken(u.user.ID, [32]byte{1})
	t.ok("CreateSession", signIn.userBy(t.ctx, t.store, u.user.ID, generated))
	refused := func(by taking, userID, key string) call {
		return func(ctx context.Context, a adapter.Adapter) error { return by.userBy(ctx, a, userID, key) }
	}
	for name, c := range map[string]call{
		"CreateUser with a taken address": refused(create, t.NewID(), grace),
		"CreateUser with a taken ID":      refused(create, other.user.ID, "free"),
		"CreateUserWithAccount with a taken account": func(ctx context.Context, a adapter.Adapter) error {
			_, _, err := a.CreateUserWithAccount(ctx, adapter.User{ID: t.NewID()}, plainAccount("", other.account.Provider, other.account.ProviderAccountID))
			return err
		},
		"UpdateUser to a taken address": refused(move, u.user.ID, grace),
		"LinkAccount of a taken account": func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.LinkAccount(ctx, plainAccount(u.user.ID, other.account.Provider, other.account.ProviderAccountID))
			return err
		},
		"LinkAccount of the user's own account": func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.LinkAccount(ctx, plainAccount(u.user.ID, u.account.Provider, u.account.ProviderAccountID))
			return err
		},
		"CreateSession with a taken token of its own form": refused(signIn, u.user.ID, generated),
		"CreateSession with a taken token":                 refused(signIn, u.user.ID, "taken"),
		"CreateAuthenticator with a taken ID":              refused(register, u.user.ID, other.authenticator.CredentialID),
		"UpdateAuthenticatorCounter to a lower one": func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateAuthenticatorCounter(ctx, u.authenticator.CredentialID, 1)
			return err
		},
	} {
		t.steps(name, func(step int) bool {
			t.namespace.Faults.Arm(fault.Plan{Step: step, Mode: fault.LoseReply, Once: true})
			err := c(t.ctx, t.store)
			hit := t.namespace.Faults.Disarm()
			if !errors.Is(err, adapter.ErrConflict) && !(hit && errors.Is(err, adapter.ErrUnavailable)) {
				t.Errorf("%s, whose reply is lost at step %d\n  got:  %v\n  want: a conflict, or that it is not known", name, step, err)
			}
			return hit
		})
	}
}

// cutWriteTests returns a test for each write.
func cutWriteTests() []Test {
	tests := make([]Test, len(cutWrites))
	for i, c := range cutWrites {
		tests[i] = Test{ID: c.id, Rule: c.rule, Source: "docs/contract.md R6", Needs: []Feature{Faults}, Run: c.run}
	}
	return tests
}

// cutAll cuts every write at every step.
func (t *T) cutAll(kind func(fault.Plan) interruption, p fault.Plan) {
	t.Helper()
	n := 0
	for _, c := range cutWrites {
		t.cutAtEveryStep(c, &n, kind, p)
	}
}

// cutReads cuts every read at every step. The records are there, so no read may say
// that one is not.
func (t *T) cutReads(kind func(fault.Plan) interruption, p fault.Plan) {
	t.Helper()
	s := t.newStage(fmt.Sprintf("%d-%t", p.Mode, p.Once))
	for _, op := range s.operations() {
		if !strings.HasPrefix(op.name, "Get") && !strings.HasPrefix(op.name, "List") {
			continue
		}
		t.steps(op.name, func(step int) (hit bool) {
			p.Step = step
			return t.inTime(kind(p), op.name, func(i interruption) outcome {
				defer t.at(i, "the same again")()
				got, _ := t.interrupted(i, op.name, op.call)
				t.among(op.name+" after the fault", op.call(t.ctx, t.store))
				return got
			})
		})
	}
}

// cutDeleteUserAndDump looks for users in what is stored after their deletion.
func cutDeleteUserAndDump(t *T) {
	for _, mode := range []fault.Mode{fault.LoseCommand, fault.LoseReply} {
		t.steps("DeleteUser", func(step int) (hit bool) {
			u := t.someone(fmt.Sprintf("someone-%d-%d", mode, step))
			i := severed(fault.Plan{Step: step, Mode: mode})
			defer t.at(i, "repeated")()
			got, _ := t.interrupted(i, "DeleteUser", func(ctx context.Context, a adapter.Adapter) error {
				return a.DeleteUser(ctx, u.ID)
			})
			t.ok("DeleteUser repeated", t.Second().DeleteUser(t.ctx, u.ID))
			t.forgotten(u)
			return got == cutShort
		})
	}
}

// cutDeleteUserAndReuse gives the ID of a user to the next one after a deletion that was
// cut, and was not repeated.
func cutDeleteUserAndReuse(t *T) {
	for _, mode := range []fault.Mode{fault.LoseCommand, fault.LoseReply} {
		t.steps("DeleteUser", func(step int) (hit bool) {
			name := fmt.Sprintf("reused-%d-%d", mode, step)
			u := t.someone(name)
			w := universe{users: []string{u.ID}, emails: []string{u.Email}}
			for n := range 3 {
				w.accounts = append(w.accounts, adapter.AccountKey{Provider: "github", ProviderAccountID: numbered(name, n)})
				w.credentials = append(w.credentials, numbered(name, n))
				w.sessions = append(w.sessions, t.session(u.ID).SessionToken)
			}
			i := severed(fault.Plan{Step: step, Mode: mode})
			defer t.at(i, "its ID is taken again")()
			got, _ := t.interrupted(i, "DeleteUser", func(ctx context.Context, a adapter.Adapter) error {
				return a.DeleteUser(ctx, u.ID)
			})
			next := func() error {
				_, err := t.Second().CreateUser(t.ctx, adapter.User{ID: u.ID, Name: "next"})
				return err
			}
			if err := next(); err != nil { // the ID may be free after the deletion is repeated only
				t.conflict("CreateUser with the ID of a user whose deletion was cut", err, adapter.FieldUserID)
				t.ok("DeleteUser repeated", t.store.DeleteUser(t.ctx, u.ID))
				t.ok("CreateUser with the ID of a deleted user", next())
			}
			t.nothing(w)
			t.freeEmails(w.emails)
			return got == cutShort
		})
	}
}

// someone creates a user with all that can belong to one, and fails the test unless
// the user can be seen in what is stored.
func (t *T) someone(name string) adapter.User {
	t.Helper()
	u := t.user(name)
	for n := range 3 {
		t.session(u.ID)
		t.account(u.ID, "github", numbered(name, n))
		t.authenticator(u.ID, numbered(name, n))
	}
	t.equal("whether the harness's Dump shows the user's ID and address", []bool{t.stored(u.ID), t.stored(u.Email)}, []bool{true, true})
	return u
}

// forgotten fails the test if anything that is stored mentions a user.
func (t *T) forgotten(u adapter.User) {
	t.Helper()
	t.equal("whether the harness's Dump shows the user's ID and address", []bool{t.stored(u.ID), t.stored(u.Email)}, []bool{false, false})
}

var cutWrites = []cutTest{
	{id: "CUT-001", op: "CreateUser", rule: "CreateUser, cut at any step, makes a user or none; repeated, it makes the user or its address has one.",
		prepare: func(t *T, name string) cut {
			want := fullUser(name)
			return cut{
				universe: universe{emails: []string{want.Email}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.CreateUser(ctx, want)
					return err
				},
				done:  func() { t.hasUser(want) },
				taken: []string{adapter.FieldUserEmail},
			}
		}},
	{id: "CUT-002", op: "CreateUser", rule: "CreateUser with an ID, cut at any step, leaves the ID and the address to the user, or free.",
		prepare: func(t *T, name string) cut {
			want := fullUser(name)
			want.ID = t.NewID()
			return cut{
				universe: universe{users: []string{want.ID}, emails: []string{want.Email}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.CreateUser(ctx, want)
					return err
				},
				done:   func() { t.hasUser(want) },
				taken:  []string{adapter.FieldUserEmail, adapter.FieldUserID},
				rivals: []rival{t.emailRival(want.Email), t.idRival(want.ID)},
			}
		}},
	{id: "CUT-003", op: "CreateUserWithAccount", rule: "CreateUserWithAccount, cut at any step, makes both the user and the account, or neither.",
		prepare: func(t *T, name string) cut { return t.cutSignUp(fullUser(name), name) }},
	{id: "CUT-004", op: "CreateUserWithAccount", rule: "CreateUserWithAccount with an ID, cut at any step, makes both the user and the account, or neither.",
		prepare: func(t *T, name string) cut {
			u := fullUser(name)
			u.ID = t.NewID()
			return t.cutSignUp(u, name)
		}},
	{id: "CUT-005", op: "UpdateUser", rule: "UpdateUser, cut at any step, changes all that it names or nothing.",
		prepare: func(t *T, name string) cut {
			before, err := t.store.CreateUser(t.ctx, fullUser(name))
			t.ok("CreateUser", err)
			up := adapter.UserUpdate{
				Name: new("cut"), Image: new(""), Attributes: adapter.Attributes{"role": "cut"}, RemoveAttributes: []string{"active"},
			}
			after := before
			up.Apply(&after, Start)
			return cut{
				universe: universe{users: []string{before.ID}, emails: []string{before.Email}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.UpdateUser(ctx, before.ID, up)
					return err
				},
				holds: func() {
					got, err := t.Second().GetUser(t.ctx, before.ID)
					t.ok("GetUser", err)
					if got.Name == before.Name {
						t.equal("the user, who was not changed", got, before)
					} else {
						t.equal("the user, who was changed", got, after)
					}
				},
				done: func() { t.sameUser(after) },
			}
		}},
	{id: "CUT-006", op: "UpdateUser", rule: "A change of e-mail address, cut at any step, leaves the user with the old or the new one, and the other free.",
		prepare: cutChangeOfEmail},
	{id: "CUT-007", op: "DeleteUser", rule: "DeleteUser, cut at any step, leaves the user whole or nothing that leads to the user; repeated, it frees everything.",
		prepare: cutDeleteUser},
	{id: "CUT-008", op: "LinkAccount", rule: "LinkAccount, cut at any step, leaves the account to its user, or free.",
		prepare: func(t *T, name string) cut {
			u := t.user(name)
			want := fullAccount(u.ID, "github", name)
			return cut{
				universe: universe{users: []string{u.ID}, accounts: []adapter.AccountKey{want.Key()}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.LinkAccount(ctx, want)
					return err
				},
				done:   func() { t.sameAccount(want) },
				taken:  []string{adapter.FieldAccount},
				rivals: []rival{t.accountRival(want.Key(), name)},
			}
		}},
	{id: "CUT-009", op: "UpdateAccount", rule: "UpdateAccount, cut at any step, changes the account or not.",
		prepare: func(t *T, name string) cut {
			want, err := t.store.LinkAccount(t.ctx, fullAccount(t.user(name).ID, "github", name))
			t.ok("LinkAccount", err)
			up := adapter.AccountUpdate{AccessToken: new("cut"), Scope: new(""), RemoveAttributes: []string{"tenant"}}
			up.Apply(&want, Start)
			return cut{
				universe: universe{users: []string{want.UserID}, accounts: []adapter.AccountKey{want.Key()}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.UpdateAccount(ctx, want.Key(), up)
					return err
				},
				done: func() { t.sameAccount(want) },
			}
		}},
	{id: "CUT-010", op: "UnlinkAccount", rule: "UnlinkAccount, cut at any step, leaves the account to its user, or free.",
		prepare: func(t *T, name string) cut {
			s := t.newStage(name)
			var w universe
			w.add(s)
			return cut{
				universe: w,
				call: func(ctx context.Context, a adapter.Adapter) error {
					return a.UnlinkAccount(ctx, s.account.Key())
				},
				done: func() {
					t.nothing(universe{accounts: w.accounts})
					t.account(s.user.ID, s.account.Provider, s.account.ProviderAccountID)
				},
				rivals: []rival{t.accountRival(s.account.Key(), name)},
			}
		}},
	{id: "CUT-011", op: "CreateSession", rule: "CreateSession with a token, cut at any step, makes the session or none; repeated, the token opens it.",
		prepare: func(t *T, name string) cut {
			u, other := t.user(name), t.user("other-"+name)
			want := adapter.Session{
				ID: adapter.SessionID(name), UserID: u.ID, SessionToken: name, Expires: Start.Add(time.Hour),
				Attributes: adapter.Attributes{"ip": "192.0.2.1"}, CreatedAt: Start, UpdatedAt: Start,
			}
			return cut{
				universe: universe{users: []string{u.ID, other.ID}, sessions: []string{name}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.CreateSession(ctx, want)
					return err
				},
				done:  func() { t.opens(want) },
				taken: []string{adapter.FieldSessionToken},
				rivals: []rival{{
					call: func(ctx context.Context, a adapter.Adapter) error {
						_, err := a.CreateSession(ctx, adapter.Session{UserID: other.ID, SessionToken: name, Expires: Start.Add(time.Hour)})
						return err
					},
					field: adapter.FieldSessionToken,
					owner: func() error {
						_, _, err := t.Second().GetSessionAndUser(t.ctx, name)
						return err
					},
				}},
			}
		}},
	{id: "CUT-012", op: "CreateSession", rule: "CreateSession without a token, cut at any step, can be repeated, and the token of its answer opens the session.",
		prepare: func(t *T, name string) cut {
			u := t.user(name)
			var token string
			return cut{
				universe: universe{users: []string{u.ID}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					s, err := a.CreateSession(ctx, adapter.Session{UserID: u.ID, Expires: Start.Add(time.Hour)})
					token = s.SessionToken
					return err
				},
				done: func() {
					t.signedIn(t.Second(), token, u.ID)
					t.consistent(universe{users: []string{u.ID}, sessions: []string{token}})
				},
			}
		}},
	{id: "CUT-013", op: "UpdateSession", rule: "UpdateSession, cut at any step, changes the session or not.",
		prepare: func(t *T, name string) cut {
			want := t.session(t.user(name).ID)
			up := adapter.SessionUpdate{Expires: new(Start.Add(2 * time.Hour)), Attributes: adapter.Attributes{"ip": "192.0.2.1"}}
			up.Apply(&want, Start)
			return cut{
				universe: universe{users: []string{want.UserID}, sessions: []string{want.SessionToken}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.UpdateSession(ctx, want.SessionToken, up)
					return err
				},
				done: func() { t.opens(want) },
			}
		}},
	{id: "CUT-014", op: "DeleteSession", rule: "DeleteSession, cut at any step, ends the session or not, and repeated it does.",
		prepare: func(t *T, name string) cut {
			return t.cutSignOut(name, func(ctx context.Context, a adapter.Adapter, s stage) error {
				return a.DeleteSession(ctx, s.session.SessionToken)
			})
		}},
	{id: "CUT-015", op: "DeleteSessionByID", rule: "DeleteSessionByID, cut at any step, ends the session or not, and repeated it does.",
		prepare: func(t *T, name string) cut {
			return t.cutSignOut(name, func(ctx context.Context, a adapter.Adapter, s stage) error {
				return a.DeleteSessionByID(ctx, s.user.ID, s.session.ID)
			})
		}},
	{id: "CUT-016", op: "DeleteSessions", rule: "DeleteSessions, cut at any step, ends no session that is kept, and repeated it ends all others.",
		prepare: func(t *T, name string) cut {
			u := t.user(name)
			var tokens []string
			for range 6 {
				tokens = append(tokens, t.session(u.ID).SessionToken)
			}
			return t.cutSignOutEverywhere(u.ID, tokens)
		}},
	{id: "CUT-017", op: "CreateVerificationToken", rule: "CreateVerificationToken, cut at any step and repeated, makes a token that can be used once.",
		prepare: func(t *T, name string) cut {
			return cut{
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.CreateVerificationToken(ctx, adapter.VerificationToken{Identifier: email(name), Token: name, Expires: Start.Add(time.Hour)})
					return err
				},
				done: func() {
					t.equal("whether the token can be used", t.usable(t.ctx, t.store, email(name), name), true)
					t.equal("whether it can be used again", t.usable(t.ctx, t.Second(), email(name), name), false)
				},
				taken: []string{adapter.FieldVerificationToken},
			}
		}},
	{id: "CUT-018", op: "UseVerificationToken", rule: "UseVerificationToken, cut at any step and repeated, never lets a token be used twice.",
		prepare: func(t *T, name string) cut {
			v := t.link(email(name), name)
			return cut{
				call: func(ctx context.Context, a adapter.Adapter) error {
					got, err := a.UseVerificationToken(ctx, v.Identifier, v.Token)
					if err == nil {
						t.equal("UseVerificationToken", got, v)
					}
					return err
				},
				done: func() {
					t.equal("whether the token can be used again", t.usable(t.ctx, t.Second(), v.Identifier, v.Token), false)
				},
				absent: true,
			}
		}},
	{id: "CUT-019", op: "DeleteVerificationTokens", rule: "DeleteVerificationTokens, cut at any step and repeated, leaves no token of the identifier.",
		prepare: func(t *T, name string) cut {
			const tokens = 3
			for n := range tokens {
				t.link(email(name), numbered(name, n))
			}
			return cut{
				call: func(ctx context.Context, a adapter.Adapter) error {
					return a.DeleteVerificationTokens(ctx, email(name))
				},
				done: func() {
					for n := range tokens {
						t.equal("whether a void token can be used", t.usable(t.ctx, t.Second(), email(name), numbered(name, n)), false)
					}
				},
			}
		}},
	{id: "CUT-020", op: "CreateAuthenticator", rule: "CreateAuthenticator, cut at any step, leaves the credential to its user, or its ID free.",
		prepare: func(t *T, name string) cut {
			u := t.user(name)
			want := fullAuthenticator(u.ID, name)
			return cut{
				universe: universe{users: []string{u.ID}, credentials: []string{name}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.CreateAuthenticator(ctx, want)
					return err
				},
				done:   func() { t.hasAuthenticator(want) },
				taken:  []string{adapter.FieldCredentialID},
				rivals: []rival{t.credentialRival(name)},
			}
		}},
	{id: "CUT-021", op: "UpdateAuthenticatorCounter", rule: "UpdateAuthenticatorCounter, cut at any step and repeated, stores the counter or says that it was shown before.",
		prepare: func(t *T, name string) cut {
			want := t.authenticator(t.user(name).ID, name)
			want.Counter++
			want.UpdatedAt = t.Clock.Now()
			return cut{
				universe: universe{users: []string{want.UserID}, credentials: []string{name}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.UpdateAuthenticatorCounter(ctx, name, want.Counter)
					return err
				},
				done:  func() { t.hasAuthenticator(want) },
				taken: []string{adapter.FieldCounter},
			}
		}},
	{id: "CUT-022", op: "DeleteAuthenticator", rule: "DeleteAuthenticator, cut at any step, leaves the credential to its user, or its ID free.",
		prepare: func(t *T, name string) cut {
			a := t.authenticator(t.user(name).ID, name)
			return cut{
				universe: universe{users: []string{a.UserID}, credentials: []string{name}},
				call:     func(ctx context.Context, s adapter.Adapter) error { return s.DeleteAuthenticator(ctx, name) },
				done: func() {
					t.nothing(universe{users: []string{a.UserID}, credentials: []string{name}})
					t.authenticator(a.UserID, name)
				},
			}
		}},
	{id: "CUT-023", op: "CreateUserWithAuthenticator", rule: "CreateUserWithAuthenticator, cut at any step, makes both the user and the authenticator, or neither.",
		prepare: func(t *T, name string) cut { return t.cutPasskeySignUp(fullUser(name), name) }},
	{id: "CUT-024", op: "CreateUserWithAuthenticator", rule: "CreateUserWithAuthenticator with an ID, cut at any step, makes both the user and the authenticator, or neither.",
		prepare: func(t *T, name string) cut {
			u := fullUser(name)
			u.ID = t.store.NewID()
			return t.cutPasskeySignUp(u, name)
		}},
	{id: "CUT-025", op: "UpdateAuthenticator", rule: "UpdateAuthenticator, cut at any step, changes all that it names or nothing.",
		prepare: func(t *T, name string) cut {
			before := t.authenticator(t.user(name).ID, name)
			after := before
			up := adapter.AuthenticatorUpdate{CredentialBackedUp: new(false), Transports: &[]string{"usb"}, Attributes: adapter.Attributes{"name": "new"}}
			up.Apply(&after, t.Clock.Now())
			return cut{
				universe: universe{users: []string{before.UserID}, credentials: []string{name}},
				call: func(ctx context.Context, a adapter.Adapter) error {
					_, err := a.UpdateAuthenticator(ctx, name, up)
					return err
				},
				holds: func() {
					got, err := t.Second().GetAuthenticator(t.ctx, name)
					t.ok("GetAuthenticator", err)
					if got.CredentialBackedUp {
						t.equal("GetAuthenticator", got, before)
					} else {
						t.equal("GetAuthenticator", got, after)
					}
				},
				done: func() { t.hasAuthenticator(after) },
			}
		}},
	{id: "CUT-026", op: "DeleteSessions", rule: "DeleteSessions of sessions whose tokens were made elsewhere, cut at any step, leaves none in the list that its token neither opens nor ends.",
		prepare: func(t *T, name string) cut {
			u := t.user(name)
			var tokens []string
			for n := range 6 {
				tokens = append(tokens, numbered(name, n))
				t.ok("CreateSession", signIn.userBy(t.ctx, t.store, u.ID, tokens[n]))
			}
			return t.cutSignOutEverywhere(u.ID, tokens)
		}},
}

// cutPasskeySignUp is CreateUserWithAuthenticator.
func (t *T) cutPasskeySignUp(u adapter.User, name string) cut {
	a := fullAuthenticator("", name)
	w := universe{emails: []string{u.Email}, credentials: []string{name}}
	if u.ID != "" {
		w.users = append(w.users, u.ID)
	}
	return cut{
		universe: w,
		call: func(ctx context.Context, s adapter.Adapter) error {
			_, _, err := s.CreateUserWithAuthenticator(ctx, u, a)
			return err
		},
		holds: func() {
			v := t.look(w)
			n := len(v.users)
			t.equal("how often user and authenticator are found by ID, address, and credential ID", []int{n, len(v.byEmail), len(v.authenticators)}, []int{n, n, n})
		},
		done: func() {
			want := a
			want.UserID = t.hasUser(u).ID
			t.sameAuthenticator(want)
		},
		taken:  []string{adapter.FieldUserEmail, adapter.FieldUserID, adapter.FieldCredentialID},
		rivals: []rival{t.emailRival(u.Email), t.credentialRival(name)},
	}
}

// cutSignUp is CreateUserWithAccount.
func (t *T) cutSignUp(u adapter.User, name string) cut {
	account := fullAccount("", "github", name)
	w := universe{emails: []string{u.Email}, accounts: []adapter.AccountKey{account.Key()}}
	if u.ID != "" {
		w.users = append(w.users, u.ID)
	}
	return cut{
		universe: w,
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, _, err := a.CreateUserWithAccount(ctx, u, account)
			return err
		},
		holds: func() {
			v := t.look(w)
			n := len(v.users)
			t.equal("how often user and account are found by ID, address, key, and key of the account",
				[]int{n, len(v.byEmail), len(v.byAccount), len(v.accounts)}, []int{n, n, n, n})
		},
		done: func() {
			want := account
			want.UserID = t.hasUser(u).ID
			t.sameAccount(want)
		},
		taken:  []string{adapter.FieldUserEmail, adapter.FieldUserID, adapter.FieldAccount},
		rivals: []rival{t.emailRival(u.Email), t.accountRival(account.Key(), name)},
	}
}

func cutChangeOfEmail(t *T, name string) cut {
	want := t.user(name)
	from, to := want.Email, email("new-"+name)
	want.Email = to
	w := universe{users: []string{want.ID}, emails: []string{from, to}}
	return cut{
		universe: w,
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.UpdateUser(ctx, want.ID, adapter.UserUpdate{Email: &to})
			return err
		},
		holds: func() { t.equal("how many of two addresses lead to the user", len(t.look(w).byEmail), 1) },
		done: func() {
			t.sameUser(want)
			t.freeEmail(from)
		},
		rivals: []rival{t.emailRival(from), t.emailRival(to)},
	}
}

func cutDeleteUser(t *T, name string) cut {
	s := t.newStage(name)
	var w universe
	w.add(s)
	for n := range 2 {
		w.sessions = append(w.sessions, t.session(s.user.ID).SessionToken)
		w.accounts = append(w.accounts, t.account(s.user.ID, "gitlab", numbered(name, n)).Key())
	}
	foreign := "foreign-" + name
	_, err := t.store.CreateSession(t.ctx, adapter.Session{UserID: s.user.ID, SessionToken: foreign, Expires: Start.Add(time.Hour)})
	t.ok("CreateSession", err)
	w.sessions = append(w.sessions, foreign)
	return cut{
		universe: w,
		call:     func(ctx context.Context, a adapter.Adapter) error { return a.DeleteUser(ctx, s.user.ID) },
		holds: func() {
			v := t.look(w)
			reached := []int{len(v.users), len(v.byEmail), len(v.byAccount), len(v.sessions)}
			if len(v.users) == 0 {
				t.equal("ways to a user who is half deleted: by ID, address, account, session", reached, []int{0, 0, 0, 0})
			} else {
				t.equal("ways to a user who is not deleted: by ID, address, account, session", reached, []int{1, 1, 3, 4})
				t.equal("credentials of a user who is not deleted", len(v.authenticators), 1)
			}
		},
		done: func() { t.gone(w) },
	}
}

// cutSignOut is a call that ends the session of a stage and no other.
func (t *T) cutSignOut(name string, call func(ctx context.Context, a adapter.Adapter, s stage) error) cut {
	s := t.newStage(name)
	other := t.session(s.user.ID).SessionToken
	return cut{
		universe: universe{users: []string{s.user.ID}, sessions: []string{s.session.SessionToken, other}},
		call:     func(ctx context.Context, a adapter.Adapter) error { return call(ctx, a, s) },
		done: func() {
			t.signedOut(t.Second(), s.session.SessionToken)
			t.signedIn(t.Second(), other, s.user.ID)
		},
	}
}

// cutSignOutEverywhere is DeleteSessions of a user who keeps the first of some sessions.
func (t *T) cutSignOutEverywhere(userID string, tokens []string) cut {
	kept := tokens[0]
	return cut{
		universe: universe{users: []string{userID}, sessions: tokens},
		call:     func(ctx context.Context, a adapter.Adapter) error { return a.DeleteSessions(ctx, userID, kept) },
		holds:    func() { t.signedIn(t.Second(), kept, userID) },
		done: func() {
			t.nothing(universe{sessions: tokens[1:]})
			all, err := t.Second().ListSessions(t.ctx, userID)
			t.ok("ListSessions", err)
			t.equal("sessions that are left", len(all), 1)
		},
	}
}

// emailRival is somebody who signs up with an address.
func (t *T) emailRival(address string) rival {
	return rival{
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateUser(ctx, adapter.User{Email: address})
			return err
		},
		field: adapter.FieldUserEmail,
		owner: func() error {
			_, err := t.Second().GetUserByEmail(t.ctx, address)
			return err
		},
	}
}

// idRival is somebody who is given an ID.
func (t *T) idRival(id string) rival {
	return rival{
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateUser(ctx, adapter.User{ID: id})
			return err
		},
		field: adapter.FieldUserID,
		owner: func() error {
			_, err := t.Second().GetUser(t.ctx, id)
			return err
		},
	}
}

// accountRival is another user who links an account.
func (t *T) accountRival(key adapter.AccountKey, name string) rival {
	other := t.user("other-" + name)
	return rival{
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.LinkAccount(ctx, plainAccount(other.ID, key.Provider, key.ProviderAccountID))
			return err
		},
		field: adapter.FieldAccount,
		owner: func() error {
			_, err := t.Second().GetUserByAccount(t.ctx, key)
			return err
		},
	}
}

// credentialRival is another user who registers a credential.
func (t *T) credentialRival(name string) rival {
	other := t.user("other-" + name)
	return rival{
		call: func(ctx context.Context, a adapter.Adapter) error {
			_, err := a.CreateAuthenticator(ctx, fullAuthenticator(other.ID, name))
			return err
		},
		field: adapter.FieldCredentialID,
		owner: func() error {
			_, err := t.Second().GetAuthenticator(t.ctx, name)
			return err
		},
	}
}

// hasUser fails the test unless the address of a user leads to it, whole. The ID
// may be any if it is empty. It returns the user.
func (t *T) hasUser(want adapter.User) adapter.User {
	t.Helper()
	got, err := t.Second().GetUserByEmail(t.ctx, want.Email)
	t.ok("GetUserByEmail", err)
	if want.ID == "" {
		want.ID = got.ID
	}
	t.sameUser(want)
	return want
}

// hasAuthenticator fails the test unless a credential is there, whole.
func (t *T) hasAuthenticator(want adapter.Authenticator) {
	t.Helper()
	got, err := t.Second().GetAuthenticator(t.ctx, want.CredentialID)
	t.ok("GetAuthenticator", err)
	t.equal("GetAuthenticator", got, want)
}

// opens fails the test unless the token of a session opens it, whole.
func (t *T) opens(want adapter.Session) {
	t.Helper()
	got, _, err := t.Second().GetSessionAndUser(t.ctx, want.SessionToken)
	t.ok("GetSessionAndUser", err)
	t.equal("GetSessionAndUser", got, want)
}
