package layers

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// machinePath matches a path that exists on somebody's machine: what names one
// works there only.
var machinePath = regexp.MustCompile(`(?:^|[^\w.-])(/(?:work|tmp|root|home|Users)/\w[^\s"'` + "`" + `]*)`)

// machinePaths returns the paths of machines that a text names.
func machinePaths(text string) []string {
	var paths []string
	for _, match := range machinePath.FindAllStringSubmatch(text, -1) {
		paths = append(paths, match[1])
	}
	return paths
}

func TestFilesNameNoMachinePath(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("not a clone, so there is no list of its files: ", err)
	}
	// Those to be added too, so that a path is found before it is committed.
	listing := command(t, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for name := range strings.SplitSeq(strings.TrimSuffix(listing, "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, but not committed yet
		} else if err != nil {
			t.Fatal(err)
		}
		for _, found := range machinePaths(string(text)) {
			t.Errorf("%s names %s, a path of one machine: make it relative, or t.TempDir()", name, found)
		}
	}
}

func TestMachinePaths(t *testing.T) {
	tests := []struct {
		name, text, want string
	}{
		{"none", "go run ./examples/signin", ""},
		{"beginning of the file", path.Join("/", "work", "main", "x.go"), path.Join("/", "work", "main", "x.go")},
		{"in quotes", `dir := "` + path.Join("/", "tmp", "data") + `"`, path.Join("/", "tmp", "data")},
		{"home folder", "cd " + path.Join("/", "home", "ada", "src"), path.Join("/", "home", "ada", "src")},
		{"after an equals sign", "DIR=" + path.Join("/", "root", "go"), path.Join("/", "root", "go")},
		{"relative path", "see " + path.Join("docs", "work", "plan.md") + " and " + path.Join("..", "tmp", "x"), ""},
		{"web address", "https://example.com/home/page", ""},
		{"the folder alone", "mounted at /tmp", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(machinePaths(test.text), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
