package upstash

import (
	"context"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/repair"
)

// CheckSchema lists records that break a rule, in a scan of the whole store: the layout
// itself needs no set-up. It implements adapter.Schema.
func (s *store) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	found, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	return repair.Problems(found.findings()), nil
}

// ApplySchema does nothing: the layout needs no set-up.
func (s *store) ApplySchema(context.Context) error { return nil }

// Repair fixes what CheckSchema lists. It implements adapter.Repairer.
func (s *store) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	found, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	if dryRun {
		return repair.All(ctx, found.findings(), true)
	}
	return found.mend(ctx)
}
