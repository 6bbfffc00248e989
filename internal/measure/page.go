package measure

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Page returns the text of a page of the module's folder docs.
func Page(t testing.TB, name string) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	check(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(dir) == dir {
			t.Fatal("no go.mod in any folder above")
		}
		dir = filepath.Dir(dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", name))
	check(t, err)
	return string(text)
}

// figures is a line of a table: an operation and its figures.
var figures = regexp.MustCompile(`(?m)^\| (\w+(?: \([\w -]+\))?) \|((?: [\d.]+ \|)+)$`)

// PageTable returns the table in a section of a page of docs: the figures of each operation.
func PageTable(t testing.TB, page, section string) map[string][]float64 {
	t.Helper()
	_, text, _ := strings.Cut(Page(t, page), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	table := map[string][]float64{}
	for _, found := range figures.FindAllStringSubmatch(text, -1) {
		for figure := range strings.SplitSeq(strings.Trim(found[2], " |"), " | ") {
			n, err := strconv.ParseFloat(figure, 64)
			check(t, err)
			table[found[1]] = append(table[found[1]], n)
		}
	}
	if len(table) == 0 {
		t.Fatalf("docs/%s has no table in the section %q", page, section)
	}
	return table
}
