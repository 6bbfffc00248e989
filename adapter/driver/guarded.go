package driver

import (
	"context"
	"fmt"

	"github.com/authstore/authstore/adapter"
)

// Limits of EnumerateUsers.
const (
	maxPage   = 1000
	maxCursor = 8 << 10 // bytes
)

// Extension returns the optional interfaces of inner, if it has the one that is asked for:
// see [adapter.As].
func (g *guard) Extension(has func(backend any) bool) any {
	if has(g.inner) {
		return guarded{g}
	}
	return nil
}

// guarded is the optional interfaces of what is behind a guard, under its rules. [adapter.As]
// returns it where the inner adapter has the interface that was asked for.
type guarded struct{ *guard }

// extension runs a call of an optional interface.
func extension[I, T any](ctx context.Context, g guarded, op string, input error, call func(I) (T, error)) (T, error) {
	var none T
	if err := g.enter(ctx, op, input); err != nil {
		return none, err
	}
	inner, ok := g.inner.(I)
	if !ok {
		return none, g.wrap(ctx, op, adapter.ErrUnsupported)
	}
	v, err := call(inner)
	return result(ctx, g.guard, op, v, err)
}

// Ping implements [adapter.Pinger].
func (g guarded) Ping(ctx context.Context) error {
	_, err := extension(ctx, g, "Ping", nil, func(p adapter.Pinger) (struct{}, error) { return struct{}{}, p.Ping(ctx) })
	return err
}

// PurgeExpired implements [adapter.Purger].
func (g guarded) PurgeExpired(ctx context.Context) (int, error) {
	return extension(ctx, g, "PurgeExpired", nil, func(p adapter.Purger) (int, error) { return p.PurgeExpired(ctx) })
}

// CheckSchema implements [adapter.Schema].
func (g guarded) CheckSchema(ctx context.Context) ([]adapter.SchemaProblem, error) {
	return extension(ctx, g, "CheckSchema", nil, func(s adapter.Schema) ([]adapter.SchemaProblem, error) { return s.CheckSchema(ctx) })
}

// ApplySchema implements [adapter.Schema].
func (g guarded) ApplySchema(ctx context.Context) error {
	_, err := extension(ctx, g, "ApplySchema", nil, func(s adapter.Schema) (struct{}, error) { return struct{}{}, s.ApplySchema(ctx) })
	return err
}

// PrintSchema implements [adapter.SchemaPrinter].
func (g guarded) PrintSchema(ctx context.Context) ([]adapter.SchemaText, error) {
	return extension(ctx, g, "PrintSchema", nil, func(p adapter.SchemaPrinter) ([]adapter.SchemaText, error) { return p.PrintSchema(ctx) })
}

// Repair implements [adapter.Repairer].
func (g guarded) Repair(ctx context.Context, dryRun bool) ([]adapter.Repair, error) {
	var found []adapter.Repair
	_, err := extension(ctx, g, "Repair", nil, func(r adapter.Repairer) (_ struct{}, err error) {
		found, err = r.Repair(ctx, dryRun)
		return struct{}{}, err
	})
	return found, err // what was found before an error too
}

// ImportSession implements [adapter.SessionImporter].
func (g guarded) ImportSession(ctx context.Context, s adapter.Session) error {
	s, err := normalizeImported(g.options, s)
	if g.options.PlainSessionTokens {
		err = adapter.ErrUnsupported
	}
	_, err = extension(ctx, g, "ImportSession", err, func(i adapter.SessionImporter) (struct{}, error) { return struct{}{}, i.ImportSession(ctx, s) })
	return err
}

// EnumerateUsers implements [adapter.Enumerator].
func (g guarded) EnumerateUsers(ctx context.Context, cursor string, limit int) (adapter.UserPage, error) {
	var input error
	switch {
	case limit < 1 || limit > maxPage:
		input = adapter.Invalid("limit", fmt.Sprintf("must be from 1 to %d", maxPage))
	case cursor != "" && checkKey(cursor, maxCursor) != nil:
		input = adapter.Invalid("cursor", "must be one that EnumerateUsers returned")
	}
	return extension(ctx, g, "EnumerateUsers", input, func(e adapter.Enumerator) (adapter.UserPage, error) { return e.EnumerateUsers(ctx, cursor, limit) })
}
