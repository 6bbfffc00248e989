package backendmutants

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/conformance"
	"github.com/authstore/authstore/internal/engine"
)

var (
	name = flag.String("mutants.backend", "", "plant the bugs of this `backend`, and run its tests")
	only = flag.String("mutants.only", "", "plant only those whose description matches this `pattern`")
)

func TestMain(m *testing.M) { engine.Main(m) }

// root is the module's folder.
const root = "../.."

// suiteID finds the tests of the suite that a pattern names.
var suiteID = regexp.MustCompile(`[A-Z]{3}-\d{3}`)

// Every bug can be planted: its text is in the file, and the file is still one of Go then.
// Whether a script still is one, only the engine can tell.
func TestMutantsCanBePlanted(t *testing.T) {
	ids := map[string]bool{}
	for _, test := range conformance.Tests() {
		ids[test.ID] = true
	}
	for _, b := range Backends {
		seen := map[string]bool{}
		for _, m := range b.Mutants {
			source, err := m.Source(root)
			if err == nil && filepath.Ext(m.File) == ".go" {
				_, err = parser.ParseFile(token.NewFileSet(), m.File, source, parser.SkipObjectResolution)
			}
			if _, invalid := regexp.Compile(m.Run); err == nil {
				err = invalid
			}
			if err != nil {
				t.Errorf("%s: %s: %v", b.Name, m.Breaks, err)
			}
			if seen[m.Breaks] || m.Breaks == "" || m.Run == "" {
				t.Errorf("%s: %q has no description or no tests of its own", b.Name, m.Breaks)
			}
			seen[m.Breaks] = true
			for _, id := range suiteID.FindAllString(m.Run, -1) {
				if !ids[id] {
					t.Errorf("%s: %s: the suite has no test %s", b.Name, m.Breaks, id)
				}
			}
		}
	}
}

// TestBackendMutants plants the bugs of one backend and runs its tests: first those that
// are expected to fail, and then all. It is for make backend-mutants.
func TestBackendMutants(t *testing.T) {
	if *name == "" {
		t.Skip("is run by make backend-mutants, which names a backend")
	}
	i := slices.IndexFunc(Backends, func(b Backend) bool { return b.Name == *name })
	if i < 0 {
		t.Fatalf("there is no backend %q", *name)
	}
	b := Backends[i]
	engines = share(t, b.Name)
	if *only == "" {
		if v := b.try(t, nil, all); v.failed != "" {
			t.Fatalf("without a bug %s fails, so nothing that the tests say of one means anything", v.failed)
		}
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range b.Mutants {
		if wanted.MatchString(m.Breaks) {
			t.Run(m.Breaks, func(t *testing.T) { b.check(t, m) })
		}
	}
}

// engines are the variables that name those of the backend.
var engines []string

// share starts the engines of a backend, for the processes that tests run in. It returns the
// variables that name them.
func share(t *testing.T, backend string) (variables []string) {
	first, _, _ := strings.Cut(backend, "/")
	for variable, start := range map[string]map[string]func(testing.TB) engine.Server{
		"redis": {
			"AUTHSTORE_REDIS_URL": engine.Redis, "AUTHSTORE_REDIS_CLUSTER_URL": engine.RedisCluster, "AUTHSTORE_REDIS_SENTINEL_URL": engine.RedisSentinel,
		},
		"dynamodb": {"AUTHSTORE_DYNAMODB_URL": engine.DynamoDB},
		"mongo":    {"AUTHSTORE_MONGO_URL": engine.Mongo, "AUTHSTORE_MONGO_STANDALONE_URL": engine.MongoStandalone},
	}[first] {
		variables = append(variables, variable+"="+start(t).URL)
	}
	return variables
}

// check fails the test unless the backend's tests catch a bug, or it is known why they
// cannot.
func (b Backend) check(t *testing.T, m Mutant) {
	begun := time.Now()
	v := b.try(t, &m, m.Run)
	expected := v.failed != ""
	if !expected && !testing.Short() {
		v = b.try(t, &m, all)
	}
	took := time.Since(begun).Round(time.Second)
	switch {
	case v.failed == "" && m.Harmless != "":
		t.Logf("SURVIVES in %v, and cannot matter: %s", took, m.Harmless)
	case v.failed == "":
		t.Errorf("SURVIVES in %v\n%s: %s\n-> %s", took, m.File, m.Old, m.New)
	case m.Harmless != "":
		t.Errorf("caught in %v by %s, though the list says that it cannot matter", took, v.failed)
	case !expected:
		t.Errorf("caught in %v, but by %s alone, not by the tests that the list names", took, v.failed)
	default:
		t.Logf("caught in %v by %s", took, v.failed)
	}
}

// verdict is what the tests said.
type verdict struct {
	failed string // the first test that failed; empty if none has
	output string
}

// all is the pattern of all tests.
const all = "."

// try runs tests of the backend, with a bug or none. All of them run on engines of their
// own: some do what only those allow.
func (b Backend) try(t *testing.T, m *Mutant, pattern string) verdict {
	t.Helper()
	overlay := plant(t, m)
	ran := false
	for _, path := range b.Packages {
		binary := filepath.Join(t.TempDir(), "tests")
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags=-s -w", "-overlay="+overlay, "-o", binary, path)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("it does not compile: %v\n%s", err, out)
		}
		run := exec.CommandContext(t.Context(), binary, "-test.run="+pattern, "-test.failfast", "-test.timeout=15m")
		run.Dir = filepath.Join(root, path)
		if pattern != all {
			run.Env = append(os.Environ(), engines...)
		}
		out, err := run.CombinedOutput()
		if err := os.Remove(binary); err != nil {
			t.Fatal(err)
		}
		ran = ran || !strings.Contains(string(out), "no tests to run")
		if errors.As(err, new(*exec.ExitError)) {
			if m != nil && strings.HasSuffix(m.File, ".lua") && strings.Contains(string(out), "refuses with ERR") {
				t.Fatalf("the script does not run:\n%s", out)
			}
			return verdict{failure(string(out)), string(out)}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !ran {
		t.Fatalf("there is no test that matches %s", pattern)
	}
	return verdict{}
}

// plant writes the file with the bug, and what tells go to take it.
func plant(t *testing.T, m *Mutant) (overlay string) {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	if m != nil {
		source, err := m.Source(root)
		if err != nil {
			t.Fatal(err)
		}
		place, err := filepath.Abs(filepath.Join(root, m.File))
		if err != nil {
			t.Fatal(err)
		}
		replace[place] = filepath.Join(dir, filepath.Base(m.File))
		if err := os.WriteFile(replace[place], source, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

var failedTest = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// failure returns the test that failed first, the innermost one.
func failure(output string) string {
	var first string
	for _, found := range failedTest.FindAllStringSubmatch(output, -1) {
		if first == "" || strings.HasPrefix(found[1], first+"/") {
			first = found[1]
		}
	}
	if first == "" {
		first = "a crash: " + fmt.Sprintf("%.200s", output)
	}
	return first
}
