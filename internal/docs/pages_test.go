package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/conformance/sequence"
)

// root is the module's folder.
const root = "../.."

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files returns the texts of the repository's files with an ending, by name.
func files(t *testing.T, ending string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules" || name == filepath.Join(root, "build")):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ending):
			return nil
		}
		text, err := os.ReadFile(name)
		all[name] = string(text)
		return err
	}))
	return all
}

var (
	link = regexp.MustCompile(`(?:\]\(|src(?:set)?=")([^)"\s#]+)(?:#[^)]*)?[)"]`)
	code = regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
)

// deadLinks returns the links of a page to files that are not there.
func deadLinks(page, text string) []string {
	var dead []string
	for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		if strings.Contains(match[1], ":") {
			continue // of the network
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(page), match[1])); err != nil {
			dead = append(dead, match[1])
		}
	}
	return dead
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := files(t, ".md")
	if len(pages) < 10 {
		t.Errorf("got %d pages", len(pages))
	}
	for page, text := range pages {
		for _, dead := range deadLinks(page, text) {
			t.Errorf("%s: the link to %s is dead", page, dead)
		}
	}
}

func TestDeadLinks(t *testing.T) {
	got := deadLinks("here.md", "`a[x](y)`, [`a`](doc.go), [b](https://example.com/x), [c](gone.md#part), [d](pages_test.go#L1) and <img alt=\"x\" src=\"gone.svg\">")
	if want := []string{"gone.md", "gone.svg"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

var (
	testName = regexp.MustCompile(`\bTest[A-Z]\w+`)
	suiteID  = regexp.MustCompile(`\b[A-Z]{3}-\d{3}\b`)
	defined  = regexp.MustCompile(`(?m)^func (Test[A-Z]\w+)\(`)
)

// The tests that docs/reliability.md says hold a bug are there.
func TestReliabilityNamesTestsThatAreThere(t *testing.T) {
	there := map[string]bool{}
	for _, text := range files(t, "_test.go") {
		for _, match := range defined.FindAllStringSubmatch(text, -1) {
			there[match[1]] = true
		}
	}
	for _, test := range append(conformance.Tests(), sequence.Test(1)) {
		there[test.ID] = true
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/reliability.md"))
	check(t, err)
	names := append(testName.FindAllString(string(page), -1), suiteID.FindAllString(string(page), -1)...)
	if len(names) < 50 {
		t.Errorf("got %d names of tests", len(names))
	}
	for _, name := range names {
		if !there[name] {
			t.Errorf("docs/reliability.md names %s, which is no test", name)
		}
	}
}

var span = regexp.MustCompile("`([^`]+)`")

// The texts of errors that docs/when-it-fails.md explains are texts of the code.
func TestExplainedErrorsAreThoseOfTheCode(t *testing.T) {
	var source strings.Builder
	for name, text := range files(t, ".go") {
		if !strings.HasSuffix(name, "_test.go") {
			source.WriteString(text)
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/when-it-fails.md"))
	check(t, err)
	_, causes, _ := strings.Cut(string(page), "\n## Causes\n")
	causes, _, _ = strings.Cut(causes, "\n## ")
	texts := 0
	for row := range strings.Lines(causes) {
		cells := strings.Split(row, " | ")
		if len(cells) != 2 || strings.HasPrefix(row, "|---") {
			continue
		}
		for _, match := range span.FindAllStringSubmatch(cells[0], -1) {
			for _, part := range strings.Split(match[1], "…") {
				if texts++; !strings.Contains(source.String(), strings.TrimSpace(part)) {
					t.Errorf("no code has the text %q", part)
				}
			}
		}
	}
	if texts < 20 {
		t.Errorf("got %d texts", texts)
	}
}
