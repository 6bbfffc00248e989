package conformance

import (
	"encoding/json"
	"os"
	"sync"
	"testing"
)

// Status says how a test ended.
type Status string

// The ends of a test.
const (
	Passed      Status = "passed"
	Failed      Status = "failed"
	NotProvided Status = "not provided" // the harness leaves out what the test needs
)

// Result is the outcome of one test.
type Result struct {
	ID     string `json:"id"`
	Rule   string `json:"rule"`
	Source string `json:"source"`
	Status Status `json:"status"`
	// Detail says what failed, or why it is not provided.
	Detail string `json:"detail,omitempty"`
}

// Report is the outcome of one run of the suite. It holds no times or durations,
// so that equal runs have equal reports.
type Report struct {
	Backend string   `json:"backend"`
	Engine  string   `json:"engine"` // name and version
	Results []Result `json:"results"`
}

// Count returns how many tests ended with a status.
func (r Report) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// File is what -conformance.report writes: one report for each call of Run in the
// process. It is written at the beginning and at the end of each test, so that one in which
// the process ends is there as failed.
type File struct {
	Reports []Report `json:"reports"`
}

// written is the reports of this process.
var written struct {
	sync.Mutex
	reports []*Report
}

// newReport adds a report to those of the process.
func newReport(r Report) *Report {
	written.Lock()
	defer written.Unlock()
	written.reports = append(written.reports, &r)
	return &r
}

// add adds the result of a test that begins.
func (r *Report) add(t testing.TB, result Result) {
	t.Helper()
	write(t, func() { r.Results = append(r.Results, result) })
}

// end replaces the result of the test that was added last.
func (r *Report) end(t testing.TB, result Result) {
	t.Helper()
	write(t, func() { r.Results[len(r.Results)-1] = result })
}

// write changes the reports of the process, and writes the file.
func write(t testing.TB, change func()) {
	t.Helper()
	written.Lock()
	defer written.Unlock()
	change()
	if *reportFile == "" {
		return
	}
	var file File
	for _, r := range written.reports {
		file.Reports = append(file.Reports, *r)
	}
	out, err := json.MarshalIndent(file, "", "\t")
	if err == nil {
		err = os.WriteFile(*reportFile, append(out, '\n'), 0o644)
	}
	if err != nil {
		t.Errorf("cannot write the report: %v", err)
	}
}
