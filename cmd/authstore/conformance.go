package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authstore/authstore/conformance"
)

func newConformance(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "conformance", Short: "Run the conformance suite on a server of your own",
		Long:    "The suite proves of a store each rule of the contract, docs/contract.md.",
		Example: "  authstore conformance run --store redis://127.0.0.1:6379",
	}
	cmd.AddCommand(newConformanceRun(a))
	return cmd
}

func newConformanceRun(a *app) *cobra.Command {
	var o conforming
	cmd := &cobra.Command{
		Use: "run", Short: "Run the suite, and remove what it has stored",
		Long: `Run runs each test in a namespace of its own, which is removed after it: of MongoDB a
database, of DynamoDB a table, of Redis the keys with a prefix, all with names that begin
with authstore-conformance. Nothing else of the server is read or written, and the database or
table in the URL need not be there. The user needs the right to make and remove them. It
takes minutes, on DynamoDB in the cloud hours, where a table takes long to make. The random
sequences of operations (SEQ-001) are a part of the tests of a backend alone.

A test that needs more than a URL gives, such as a broken connection or a look at what is
stored, is not provided; the tests of this project provide it. Fauna has no namespaces
that a URL could name.`,
		Example: `  authstore conformance run --store redis://127.0.0.1:6379
  authstore conformance run --store env:STAGING --run '^(SES|RAC)-' --junit report.xml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.conformance(cmd.Context(), o) },
	}
	cmd.Flags().StringVar(&o.pattern, "run", "", "run the tests whose IDs match this regular `expression` (default: all)")
	cmd.Flags().StringVar(&o.junit, "junit", "", "write the report to this `file` too, as JUnit XML")
	return cmd
}

// conforming is what conformance run is told.
type conforming struct{ pattern, junit string }

// outcome is a report, with how long each test took.
type outcome struct {
	conformance.Report
	took []time.Duration
}

func (a *app) conformance(ctx context.Context, o conforming) error {
	tests, err := testsLike(o.pattern)
	if err != nil {
		return err
	}
	n, err := a.namespaces(ctx, "conformance")
	if err != nil {
		return err
	}
	done, err := a.conform(ctx, n, tests)
	if err := errors.Join(err, n.removeAll()); err != nil {
		return err
	}
	if o.junit != "" {
		if err := writeJUnit(o.junit, done); err != nil {
			return err
		}
	}
	if err := a.print(done.Report, done.table); err != nil {
		return err
	}
	if done.Count(conformance.Failed) > 0 {
		return errProblems
	}
	return nil
}

// testsLike returns the tests whose IDs match a pattern.
func testsLike(pattern string) ([]conformance.Test, error) {
	like, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("--run is a regular expression: %w", err)
	}
	tests := slices.DeleteFunc(conformance.Tests(), func(t conformance.Test) bool { return !like.MatchString(t.ID) })
	if len(tests) == 0 {
		return nil, errors.New("--run: no test has such an ID, which is like SES-004")
	}
	return tests, nil
}

// conform runs tests one after another.
func (a *app) conform(ctx context.Context, n *namespaces, tests []conformance.Test) (outcome, error) {
	h := n.harness()
	done := outcome{Report: conformance.Report{Backend: h.Backend, Engine: h.Engine}}
	bar := a.bar(len(tests), "tests")
	defer bar.Finish() //nolint:errcheck // of a terminal
	for _, test := range tests {
		began := time.Now()
		result := conformance.Check(ctx, h, test).Results
		if err := ctx.Err(); err != nil {
			return done, err
		}
		done.Results, done.took = append(done.Results, result...), append(done.took, time.Since(began))
		_ = bar.Add(1)
	}
	return done, nil
}

// table shows what failed, what is not provided by the reason, and how many did what.
func (o outcome) table(w io.Writer) {
	var reasons []string
	because := map[string][]string{}
	for _, r := range o.Results {
		switch r.Status {
		case conformance.Failed:
			row(w, "FAILED "+r.ID+": "+r.Rule)
			for line := range strings.Lines(r.Detail) {
				row(w, "  "+strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "  "))
			}
		case conformance.NotProvided:
			if because[r.Detail] == nil {
				reasons = append(reasons, r.Detail)
			}
			because[r.Detail] = append(because[r.Detail], r.ID)
		}
	}
	row(w, "STATUS", "TESTS", "WHY")
	row(w, string(conformance.Passed), fmt.Sprint(o.Count(conformance.Passed)), "")
	row(w, string(conformance.Failed), fmt.Sprint(o.Count(conformance.Failed)), "")
	for _, reason := range reasons {
		row(w, string(conformance.NotProvided), fmt.Sprint(len(because[reason])), reason+": "+families(because[reason]))
	}
}

// families returns what the IDs of tests begin with.
func families(ids []string) string {
	var all []string
	for _, id := range ids {
		family, _, _ := strings.Cut(id, "-")
		all = append(all, family)
	}
	return strings.Join(slices.Compact(all), ", ")
}

// The form of JUnit's reports, as far as the tools that show them agree on it.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a report as JUnit XML.
func writeJUnit(file string, o outcome) error {
	suite := junitSuite{Name: "authstore " + o.Backend, Tests: len(o.Results), Failures: o.Count(conformance.Failed), Skipped: o.Count(conformance.NotProvided)}
	total := time.Duration(0)
	for i, r := range o.Results {
		total += o.took[i]
		c := junitCase{Class: o.Backend, Name: r.ID + " " + r.Rule, Time: seconds(o.took[i])}
		switch r.Status {
		case conformance.Failed:
			c.Failure = &junitMessage{Message: r.Rule, Text: r.Detail}
		case conformance.NotProvided:
			c.Skipped = &junitMessage{Message: r.Detail}
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Time = seconds(total)
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(xml.Header+string(text)+"\n"), 0o600)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// idsLike returns IDs of users of the form that a store gives them, nil for UUIDs.
func idsLike(id string) func(n uint64) string {
	switch {
	case regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(id):
		return func(n uint64) string { return fmt.Sprintf("65a0c0de%016x", n) }
	case regexp.MustCompile(`^[0-9]+$`).MatchString(id):
		return func(n uint64) string { return fmt.Sprintf("1%018d", n) }
	}
	return nil
}
