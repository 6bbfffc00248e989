// Package repair is what the backends have in common that list what other programs broke
// in a store, and put it right: adapter.Schema and adapter.Repairer. A backend surveys its
// store and fills a [Graph]; [Decide] says what is wrong, in words, and what to do; the
// backend does it, on the condition that nobody has changed what that relies on.
package repair

import (
	"context"
	"errors"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
)

// Finding is what breaks a rule, and how it is put right.
type Finding struct {
	adapter.Repair
	Mend func(context.Context) error // nil: a person has to
}

// New returns a finding that nothing works around.
func New(object, detail, action string, mend func(context.Context) error) Finding {
	return Finding{adapter.Repair{SchemaProblem: adapter.SchemaProblem{Object: object, Detail: detail, Blocking: true}, Action: action}, mend}
}

// Plan returns tasks as findings that do mends, but for those that are left to a person.
func Plan[R any](tasks []Task[R], do func(context.Context, Task[R]) error) []Finding {
	var all []Finding
	for _, t := range tasks {
		f := Finding{Repair: t.Repair}
		if t.Do != Leave {
			f.Mend = func(ctx context.Context) error { return do(ctx, t) }
		}
		all = append(all, f)
	}
	return all
}

// Problems returns findings as CheckSchema does.
func Problems(found []Finding) []adapter.SchemaProblem {
	var all []adapter.SchemaProblem
	for _, f := range found {
		all = append(all, f.SchemaProblem)
	}
	return all
}

// All mends what was found, one after the other, unless it is a dry run. It returns what
// it has come to. What cannot be mended is left to a person, and is no reason not to mend
// the rest, unless the context has ended or the store is not available: that is an error.
func All(ctx context.Context, found []Finding, dryRun bool) ([]adapter.Repair, error) {
	var all []adapter.Repair
	for _, f := range found {
		if !dryRun && f.Mend != nil {
			err := f.Mend(ctx)
			if err != nil && (ctx.Err() != nil || errors.Is(err, adapter.ErrUnavailable)) {
				return all, err
			}
			if err != nil {
				f.Action, f.Detail = "", f.Detail+"; Repair could not: "+safe(ctx, err)
			}
		}
		all = append(all, f.Repair)
	}
	return all, nil
}

// safe returns the text of an error without what a driver quotes.
func safe(ctx context.Context, err error) string {
	var e *adapter.Error
	if errors.As(driver.Wrap(ctx, "", "Repair", err), &e) {
		err = e.Err
	}
	return err.Error()
}
