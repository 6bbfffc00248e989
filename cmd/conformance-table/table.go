package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authstore/authstore/conformance"
)

// The lines of the README that the table stands between.
const (
	begin = "<!-- conformance:begin -->\n"
	end   = "<!-- conformance:end -->\n"
)

// splice returns the text with what is between the two markers replaced.
func splice(text, table string) (string, error) {
	for _, marker := range []string{begin, end} {
		if n := strings.Count(text, marker); n != 1 {
			return "", fmt.Errorf("the line %s must be there once, not %d times", strings.TrimSpace(marker), n)
		}
	}
	head, rest, _ := strings.Cut(text, begin)
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("the line %s must be below %s", strings.TrimSpace(end), strings.TrimSpace(begin))
	}
	return head + begin + "\n" + table + "\n" + end + tail, nil
}

// render returns the table, and below it what backends don't provide.
func render(reports []conformance.Report) string {
	var b strings.Builder
	b.WriteString("| Backend | Engine | Passed | Failed | Not provided |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: |\n")
	for _, report := range reports {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", cell(report.Backend), cell(report.Engine),
			report.Count(conformance.Passed), report.Count(conformance.Failed), report.Count(conformance.NotProvided))
	}
	for _, report := range reports {
		b.WriteString(notProvided(report))
	}
	return b.String()
}

// notProvided lists the tests of what a backend doesn't provide, by reason, in the
// order of the report. It is empty if there are none.
func notProvided(report conformance.Report) string {
	var reasons []string
	tests := map[string][]string{}
	for _, result := range report.Results {
		if result.Status != conformance.NotProvided {
			continue
		}
		reason := oneLine(result.Detail)
		if reason == "" {
			reason = "no reason given"
		}
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
		tests[reason] = append(tests[reason], "`"+result.ID+"`")
	}
	if len(reasons) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nNot provided by %s:\n\n", oneLine(report.Backend))
	for _, reason := range reasons {
		fmt.Fprintf(&b, "- %s: %s\n", reason, strings.Join(tests[reason], ", "))
	}
	return b.String()
}

// cell returns a text as a cell of a table can hold it.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
