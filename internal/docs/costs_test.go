package docs

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/authstore/authstore/internal/measure"
)

// flow is a line of the table of docs/serverless.md: its name, the read and write units, and the
// operations that they are the sum of.
var flow = regexp.MustCompile(`(?m)^\| ([\w -]+) \| \d+ \| ([\d.]+) \| ([\d.]+)(?: \(\d\))? \| ([A-Z].*) \|$`)

var footnote = regexp.MustCompile(` \(\d\)$`)

// What a sign-in costs is the sum of what its operations cost, which the tests of dynamodb measure.
func TestCostsOfASignIn(t *testing.T) {
	costs := measure.PageTable(t, "dynamodb.md", "Costs")
	flows := flow.FindAllStringSubmatch(measure.Page(t, "serverless.md"), -1)
	if len(flows) < 7 {
		t.Fatalf("got %d flows", len(flows))
	}
	for _, f := range flows {
		read, write := 0.0, 0.0
		for operation := range strings.SplitSeq(f[4], ", ") {
			cost := costs[footnote.ReplaceAllString(operation, "")]
			if len(cost) < 3 {
				t.Fatalf("docs/dynamodb.md has no cost of %s", operation)
			}
			read, write = read+cost[1], write+cost[2]
		}
		for i, sum := range []float64{read, write} {
			if want := strconv.FormatFloat(sum, 'f', -1, 64); f[2+i] != want {
				t.Errorf("%s: got %s units, want %s (read %v, write %v)", f[1], f[2+i], want, read, write)
			}
		}
	}
}
