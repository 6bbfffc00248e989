// Package repair is what the backends have in common that list what other programs broke
// in a store, and put it right: adapter.Schema and adapter.Repairer.
package repair

import (
	"context"

	"github.com/authstore/authstore/adapter"
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

// Problems returns findings as CheckSchema does.
func Problems(found []Finding) []adapter.SchemaProblem {
	var all []adapter.SchemaProblem
	for _, f := range found {
		all = append(all, f.SchemaProblem)
	}
	return all
}

// All mends what was found, one after the other, unless it is a dry run. It returns what
// it has come to: with an error, those before the one that could not be mended.
func All(ctx context.Context, found []Finding, dryRun bool) ([]adapter.Repair, error) {
	var all []adapter.Repair
	for _, f := range found {
		if !dryRun && f.Mend != nil {
			if err := f.Mend(ctx); err != nil {
				return all, err
			}
		}
		all = append(all, f.Repair)
	}
	return all, nil
}
