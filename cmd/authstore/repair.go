package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

func newRepair(a *app) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "repair", Short: "Put right what another program has written",
		Long: `Repair looks for records that break a rule: two with one unique key, those of
users who are gone, addresses in another form. It lists what it would do, and does
it with --yes. What only a person can decide it leaves alone, and says so. The exit
code is 1 if anything is left to do.`,
		Example: `  authstore repair --store mongodb://127.0.0.1/app
  authstore repair --store mongodb://127.0.0.1/app --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error { return a.repair(ctx, store, yes) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do it")
	return cmd
}

func (a *app) repair(ctx context.Context, store adapter.Adapter, yes bool) error {
	r, ok := adapter.As[adapter.Repairer](store)
	if !ok {
		return a.print([]problemView{}, func(w io.Writer) { row(w, "nothing breaks the rules of this store: there is nothing to repair") })
	}
	found, err := r.Repair(ctx, !yes)
	all := make([]problemView, len(found))
	left := false
	for i, f := range found {
		all[i] = problemView{Object: f.Object, Detail: f.Detail, Blocking: f.Blocking, Action: f.Action}
		left = left || !yes || f.Action == ""
	}
	err = errors.Join(err, a.print(all, func(w io.Writer) { writeRepairs(w, all, yes) }))
	if err == nil && left {
		a.hint(yes)
		err = errProblems
	}
	return err
}

func writeRepairs(w io.Writer, all []problemView, yes bool) {
	if len(all) == 0 {
		row(w, "nothing to repair")
		return
	}
	row(w, "WHAT", "PROBLEM", would(yes, "DONE", "DO"))
	for _, p := range all {
		action := p.Action
		if action == "" {
			action = "nothing: a person has to decide"
		}
		row(w, p.Object, p.Detail, action)
	}
}
