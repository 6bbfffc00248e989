package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authstore/authstore/conformance"
)

const (
	memoryReport = "testdata/memory.json"
	redisReport  = "testdata/redis.json"
	goldenReadme = "testdata/README.golden.md"
)

func TestWrite(t *testing.T) {
	golden := readFile(t, goldenReadme)
	tests := []struct{ name, table string }{
		{"empty", ""},
		{"another table", "\n| Backend |\n| --- |\n| fauna |\n\n"},
		{"the same table", between(t, golden)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			readme := writeFile(t, strings.Replace(golden, between(t, golden), test.table, 1))
			if err := run([]string{"-readme", readme, redisReport, memoryReport}); err != nil {
				t.Fatal(err)
			}
			if got := readFile(t, readme); got != golden {
				t.Errorf("got:\n%s\nwant:\n%s", got, golden)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	golden := readFile(t, goldenReadme)
	passed := conformance.Result{ID: "users-create", Rule: "a new user is read back", Status: conformance.Passed}
	failed := conformance.Result{ID: "users-email", Rule: "an e-mail address has one user", Status: conformance.Failed}
	skipped := conformance.Result{ID: "users-email", Status: "skipped"}
	extra := func(backend string, results ...conformance.Result) string {
		return writeReport(t, conformance.Report{Backend: backend, Engine: "test", Results: results})
	}
	tests := []struct {
		name    string
		readme  string
		reports []string
		want    []string // parts of the error; none: no error
	}{
		{"fresh", golden, []string{memoryReport, redisReport}, nil},
		{"fresh, in another order", golden, []string{redisReport, memoryReport}, nil},
		{
			"another count", strings.Replace(golden, "| 2 | 0 | 0 |", "| 3 | 0 | 0 |", 1), []string{memoryReport, redisReport},
			[]string{"is stale", "make table", "- | memory | in process | 3 | 0 | 0 |", "+ | memory | in process | 2 | 0 | 0 |"},
		},
		{
			"another reason", strings.Replace(golden, "no reason given", "some reason", 1), []string{memoryReport, redisReport},
			[]string{"is stale", "- - some reason: `purge`"},
		},
		{"row without a report", golden, []string{redisReport}, []string{"is stale", "- | memory |"}},
		{
			"report without a row", golden, []string{memoryReport, redisReport, extra("fauna", passed)},
			[]string{"is stale", "+ | fauna | test | 1 | 0 | 0 |"},
		},
		{
			"failed test", golden, []string{extra("fauna", passed, failed)},
			[]string{"fauna: users-email failed: an e-mail address has one user", "+ | fauna | test | 1 | 1 | 0 |"},
		},
		{"unknown status", golden, []string{extra("fauna", skipped)}, []string{`fauna: users-email has the unknown status "skipped"`}},
		{"no test ran", golden, []string{extra("fauna")}, []string{"fauna: no test ran"}},
		{"no backend", golden, []string{extra("", passed)}, []string{"a report doesn't name its backend"}},
		{"missing report", golden, []string{memoryReport, "testdata/missing.json"}, []string{"report is missing", "testdata/missing.json"}},
		{"empty report", golden, []string{writeReport(t)}, []string{"has no report in it"}},
		{"not a report", golden, []string{goldenReadme}, []string{goldenReadme + ": invalid"}},
		{"no reports at all", golden, nil, []string{"no report given"}},
		{"no markers", "# A project\n", []string{memoryReport}, []string{"<!-- conformance:begin --> must be there once, not 0 times"}},
		{"two tables", golden + golden, []string{memoryReport}, []string{"<!-- conformance:begin --> must be there once, not 2 times"}},
		{"markers turned round", end + begin, []string{memoryReport}, []string{"<!-- conformance:end --> must be below"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			readme := writeFile(t, test.readme)
			err := run(append([]string{"-check", "-readme", readme}, test.reports...))
			if (err != nil) != (len(test.want) > 0) {
				t.Fatalf("got the error %v, want one with %q", err, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q:\n%v", want, err)
				}
			}
			if got := readFile(t, readme); got != test.readme {
				t.Errorf("the file was changed:\n%s", got)
			}
		})
	}
}

// A failed test belongs in the table, so that the README doesn't say more than is
// true; it is -check that refuses it.
func TestWriteFailed(t *testing.T) {
	readme := writeFile(t, begin+end)
	report := writeReport(t, conformance.Report{
		Backend: "memory", Engine: "in process", Results: []conformance.Result{{ID: "users-create", Status: conformance.Failed}},
	})
	if err := run([]string{"-readme", readme, report}); err != nil {
		t.Fatal(err)
	}
	if got, want := readFile(t, readme), "| memory | in process | 0 | 1 | 0 |\n"; !strings.Contains(got, want) {
		t.Errorf("got:\n%s\nwant the line %s", got, want)
	}
}

// between returns what stands between the markers.
func between(t *testing.T, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, begin)
	table, _, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("no markers")
	}
	return table
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writeFile returns a new file with the text.
func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func writeReport(t *testing.T, reports ...conformance.Report) string {
	t.Helper()
	data, err := json.Marshal(conformance.File{Reports: reports})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, string(data))
}
