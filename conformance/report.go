package conformance

import (
	"encoding/json"
	"os"
	"sync"
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
// process.
type File struct {
	Reports []Report `json:"reports"`
}

// written collects the reports of this process for the file.
var written struct {
	sync.Mutex
	File
}

// writeReport adds a report to the file at path.
func writeReport(path string, r Report) error {
	written.Lock()
	defer written.Unlock()
	written.Reports = append(written.Reports, r)
	out, err := json.MarshalIndent(written.File, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(out, '\n'), 0o644)
}
