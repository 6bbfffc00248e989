package upstash

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// CheckSchema looks for records that break a rule, in a walk through the store: the
// layout needs no set-up. It implements adapter.Schema.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	found, err := s.survey(ctx)
	if err != nil {
		return nil, adapter.WrapError(ctx, backend, "CheckSchema", err)
	}
	return repair.Problems(found.findings()), nil
}

// ApplySchema does nothing: the layout needs no set-up.
func (s *store) ApplySchema(ctx context.Context) error {
	return adapter.WrapError(ctx, backend, "ApplySchema", ctx.Err())
}

// Repair puts right what CheckSchema lists. It implements adapter.Repairer.
func (s *store) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	found, err := s.survey(ctx)
	if err != nil {
		return nil, adapter.WrapError(ctx, backend, "Repair", err)
	}
	var all []adapter.Repair
	if dryRun {
		all, err = repair.All(ctx, found.findings(), true)
	} else {
		all, err = found.mend(ctx)
	}
	return all, adapter.WrapError(ctx, backend, "Repair", err)
}
