package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// The directions of a case.
const (
	jsToGo = "JavaScript to Go" // what JavaScript has made is used by Go
	goToJS = "Go to JavaScript"
	signIn = "sign-in" // an application of @auth/core over HTTP
	broken = "repair"  // what the npm packages break
)

// row counts the cases of a store in a direction.
type row struct {
	Store     string   `json:"store"`
	Direction string   `json:"direction"`
	Passed    int      `json:"passed"`
	Failed    int      `json:"failed"`
	Cases     []string `json:"cases"`
}

var report struct {
	sync.Mutex
	rows []*row
}

const reportFile = "../build/reports/interop.json"

// try runs a case and counts it.
func try(t *testing.T, store, direction, name string, f func(t *testing.T)) {
	t.Helper()
	passed := t.Run(direction+": "+name, f)
	report.Lock()
	defer report.Unlock()
	r := rowOf(store, direction)
	r.Cases = append(r.Cases, name)
	if passed {
		r.Passed++
	} else {
		r.Failed++
	}
}

func rowOf(store, direction string) *row {
	for _, r := range report.rows {
		if r.Store == store && r.Direction == direction {
			return r
		}
	}
	r := &row{Store: store, Direction: direction}
	report.rows = append(report.rows, r)
	return r
}

// writeReport prints how many cases there were, and writes them to a file.
func writeReport(t *testing.T) {
	t.Helper()
	for _, r := range report.rows {
		t.Logf("%-32s %-17s %3d passed, %d failed", r.Store, r.Direction, r.Passed, r.Failed)
	}
	out, err := json.MarshalIndent(report.rows, "", "\t")
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(reportFile), 0o755))
	check(t, os.WriteFile(reportFile, append(out, '\n'), 0o644))
}
