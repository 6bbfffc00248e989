package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/authstore/authstore"

// root is the module's folder, seen from this package's.
const root = "../.."

// pkg is what `go list -json` says of a package, as far as the tests here ask.
type pkg struct {
	ImportPath   string
	Dir          string
	GoFiles      []string
	Imports      []string // of the files that are not tests
	TestImports  []string
	XTestImports []string
}

// modulePackages lists the packages of this module.
func modulePackages(t *testing.T) []pkg {
	t.Helper()
	stdout := command(t, "go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	var packages []pkg
	for dec := json.NewDecoder(strings.NewReader(stdout)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// command runs a program in the module's folder and returns what it printed.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	return string(stdout)
}

// local returns an import path's place in the module, such as "conformance/fault",
// and false for a path of the standard library or another module.
func local(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// under reports whether a path is one of these or beneath one.
func under(path string, tops ...string) bool {
	for _, top := range tops {
		if path == top || strings.HasPrefix(path, top+"/") {
			return true
		}
	}
	return false
}

// standard reports whether an import path is of the standard library: as for the
// go command, it is if its first element has no dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}
