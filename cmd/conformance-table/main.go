// Command conformance-table writes the reports of the conformance suite into the
// README as a table, or checks that the table there is what they say.
//
//	go run ./cmd/conformance-table [-check] [-readme README.md] build/reports/*.json
//
// The table stands between the lines <!-- conformance:begin --> and
// <!-- conformance:end -->. With -check nothing is written, and the command fails
// if the table is stale, a test failed or a report says too little to be trusted.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/authstore/authstore/conformance"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "conformance-table:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// Its own, since package conformance has put the flags of tests into flag.CommandLine.
	flags := flag.NewFlagSet("conformance-table", flag.ContinueOnError)
	check := flags.Bool("check", false, "change nothing; fail if the table is stale or a report isn't good")
	readme := flags.String("readme", "README.md", "the `file` that the table is in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	reports, err := read(flags.Args())
	if err != nil {
		return err
	}
	old, err := os.ReadFile(*readme)
	if err != nil {
		return err
	}
	updated, err := splice(string(old), render(reports))
	if err != nil {
		return fmt.Errorf("%s: %w", *readme, err)
	}
	if *check {
		return errors.Join(verify(reports), compare(*readme, string(old), updated))
	}
	return os.WriteFile(*readme, []byte(updated), 0o644)
}

// read returns the reports in the files, in the order of the table.
func read(names []string) ([]conformance.Report, error) {
	if len(names) == 0 {
		return nil, errors.New("no report given: make table makes them")
	}
	var reports []conformance.Report
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("a backend's report is missing: %w", err)
		}
		var file conformance.File
		if err := json.Unmarshal(data, &file); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(file.Reports) == 0 {
			return nil, fmt.Errorf("%s has no report in it: the suite didn't run", name)
		}
		reports = append(reports, file.Reports...)
	}
	slices.SortStableFunc(reports, func(a, b conformance.Report) int {
		return strings.Compare(a.Backend, b.Backend)
	})
	return reports, nil
}

// verify returns what keeps the reports from being good, if anything.
func verify(reports []conformance.Report) error {
	var errs []error
	for _, report := range reports {
		if report.Backend == "" {
			errs = append(errs, errors.New("a report doesn't name its backend"))
		}
		if len(report.Results) == 0 {
			errs = append(errs, fmt.Errorf("%s: no test ran", report.Backend))
		}
		for _, result := range report.Results {
			switch result.Status {
			case conformance.Passed, conformance.NotProvided:
			case conformance.Failed:
				errs = append(errs, fmt.Errorf("%s: %s failed: %s", report.Backend, result.ID, result.Rule))
			default:
				errs = append(errs, fmt.Errorf("%s: %s has the unknown status %q", report.Backend, result.ID, result.Status))
			}
		}
	}
	return errors.Join(errs...)
}

// compare returns an error with the lines that differ if the table isn't the one
// that the reports make.
func compare(name, old, updated string) error {
	if old == updated {
		return nil
	}
	var diff strings.Builder
	missing := func(prefix, from, in string) {
		lines := strings.Split(in, "\n")
		for line := range strings.SplitSeq(from, "\n") {
			if !slices.Contains(lines, line) {
				fmt.Fprintf(&diff, "\n%s%s", prefix, line)
			}
		}
	}
	missing("- ", old, updated)
	missing("+ ", updated, old)
	return fmt.Errorf("the table in %s is stale; make table writes it anew:%s", name, diff.String())
}
