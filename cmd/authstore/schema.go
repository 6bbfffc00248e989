package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/adapter"
)

const needsNoSchema = "this store needs no set-up"

func newSchema(a *app) *cobra.Command {
	schema := &cobra.Command{
		Use: "schema", Short: "Check, make or print the tables and indexes that the store needs",
		Example: `  authstore schema check
  authstore schema apply
  authstore schema print terraform --store 'dynamodb://people?region=eu-central-1'`,
	}
	schema.AddCommand(newSchemaCheck(a), newSchemaApply(a), newSchemaPrint(a))
	return schema
}

func newSchemaCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Say what is missing, and change nothing",
		Long: `Check compares the store with what it must have, and lists what another program
has written that breaks a rule. The exit code is 1 if there is anything.`,
		Example: "  authstore schema check --store mongodb://127.0.0.1/app",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				s, ok := adapter.As[adapter.Schema](store)
				if !ok {
					return a.print([]problemView{}, func(w io.Writer) { row(w, needsNoSchema) })
				}
				problems, err := s.CheckSchema(ctx)
				if err != nil {
					return err
				}
				return a.printProblems(problems)
			})
		},
	}
}

func newSchemaApply(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "apply", Short: "Make what is missing",
		Long: `Apply makes the tables and indexes that are missing. It never drops or rewrites
anything, and may be repeated.`,
		Example: "  authstore schema apply --store mongodb://127.0.0.1/app",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				text := needsNoSchema
				if s, ok := adapter.As[adapter.Schema](store); ok {
					if err := s.ApplySchema(ctx); err != nil {
						return err
					}
					text = "the store has all that it needs"
				}
				return a.print(map[string]bool{"ok": true}, func(w io.Writer) { row(w, text) })
			})
		},
	}
}

func newSchemaPrint(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "print [NAME]", Short: "Print what sets the store up, for other tools",
		Long: `Print writes down what schema apply would make, and the least that the store's
user must be allowed. It does not connect. Without a name it lists what there is:

  mongodb    indexes, role, schema-role
  dynamodb   cloudformation, terraform, policy, schema-policy
  fauna      collections
  redis      acl`,
		Example: `  authstore schema print --store dynamodb://people
  authstore schema print terraform --store dynamodb://people > authstore.tf.json
  authstore schema print indexes --store mongodb://host/app | mongosh mongodb://host/app`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, store adapter.Adapter) error {
				p, ok := adapter.As[adapter.SchemaPrinter](store)
				if !ok {
					return a.print([]adapter.SchemaText{}, func(w io.Writer) { row(w, needsNoSchema) })
				}
				texts, err := p.PrintSchema(ctx)
				if err != nil {
					return err
				}
				if len(args) == 1 {
					return a.printText(texts, args[0])
				}
				return a.print(texts, func(w io.Writer) {
					row(w, "NAME", "WHAT")
					for _, text := range texts {
						row(w, text.Name, text.Use)
					}
				})
			})
		},
	}
}

// printText prints one of the texts, as the tool takes it.
func (a *app) printText(texts []adapter.SchemaText, name string) error {
	var names []string
	for _, text := range texts {
		if text.Name == name {
			_, err := io.WriteString(a.out, text.Text)
			return err
		}
		names = append(names, text.Name)
	}
	return fmt.Errorf("there is no %q for this store: there is %s", name, strings.Join(names, ", "))
}

// problemView is a problem, and what was or would be done about it.
type problemView struct {
	Object   string `json:"object"`
	Detail   string `json:"detail"`
	Blocking bool   `json:"blocking"`
	Action   string `json:"action,omitempty"`
}

func (a *app) printProblems(problems []adapter.SchemaProblem) error {
	all := make([]problemView, len(problems))
	for i, p := range problems {
		all[i] = problemView{Object: p.Object, Detail: p.Detail, Blocking: p.Blocking}
	}
	err := a.print(all, func(w io.Writer) {
		if len(all) == 0 {
			row(w, "the store has all that it needs")
			return
		}
		row(w, "WHAT", "PROBLEM", "MENDED BY")
		for _, p := range all {
			by := "schema apply"
			if p.Blocking {
				by = "repair, or a person"
			}
			row(w, p.Object, p.Detail, by)
		}
	})
	if err == nil && len(all) > 0 {
		err = errProblems
	}
	return err
}
