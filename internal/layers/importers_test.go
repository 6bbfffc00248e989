package layers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cost is what a package costs an application that imports it and nothing else.
type cost struct {
	modules  int     // that go mod tidy downloads, those that the package's tests need included
	size     float64 // of their zips, in MB
	sums     int     // lines of go.sum
	packages int     // that are linked, beside the standard library's
	init     float64 // KB that the module's packages allocate at import
}

func (c cost) String() string {
	return fmt.Sprintf("%d modules, %.1f MB, %d lines of go.sum, %d packages linked, %.0f KB allocated at import", c.modules, c.size, c.sums, c.packages, c.init)
}

// limits are what each package may cost, with room for a few more packages of the module's
// own. What it costs is in docs/adr/0014.
var limits = map[string]cost{
	"adapter":              {0, 0, 0, 2, 10},
	"adapter/authjs":       {0, 0, 0, 3, 10},
	"adapter/codec":        {3, 1, 8, 5, 50},
	"authhttp":             {1, 0.5, 2, 7, 10},
	"authhttp/emaillink":   {1, 0.5, 2, 10, 10},
	"authhttp/limit":       {0, 0, 0, 3, 10},
	"authhttp/signin":      {0, 0, 0, 4, 10},
	"authhttp/oauth":       {2, 0.7, 4, 13, 10},
	"authhttp/oidc":        {3, 0.7, 6, 15, 10},
	"authhttp/passkey":     {17, 10, 34, 35, 10},
	"authjshttp":           {0, 0, 0, 5, 10},
	"memory":               {0, 0, 0, 5, 10},
	"mongo":                {10, 53, 44, 85, 50},
	"dynamodb":             {7, 2.5, 14, 80, 150},
	"dynamodb/open":        {16, 3, 32, 120, 150},
	"fauna":                {6, 0.7, 12, 15, 50},
	"redis":                {13, 6, 26, 33, 100},
	"redis/upstash":        {11, 5.6, 22, 32, 120},
	"redis/betterauth":     {11, 5.6, 22, 32, 120},
	"conformance":          {4, 0.6, 8, 12, 80},
	"conformance/sequence": {4, 0.6, 8, 15, 80},
}

// An application that imports a backend gets its driver, and no more than that.
func TestImporters(t *testing.T) {
	env := offline(t)
	for place, limit := range limits {
		t.Run(place, func(t *testing.T) {
			got := measured(t, place, env)
			t.Log(got)
			if got.modules > limit.modules || got.size > limit.size || got.sums > limit.sums || got.packages > limit.packages || got.init > limit.init {
				t.Errorf("want at most %v; what only a test needs belongs in internal/tests", limit)
			}
		})
	}
}

// measured tidies an importer of a package, in a module of its own.
func measured(t *testing.T, place string, env []string) cost {
	t.Helper()
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, env
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
		}
		return string(out)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", fmt.Sprintf("module importer\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %[1]s => %q\n", module, here))
	write("main.go", fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", module+"/"+place))
	run("mod", "tidy")

	sums, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil && !os.IsNotExist(err) { // there is none without modules
		t.Fatal(err)
	}
	c := cost{sums: strings.Count(string(sums), "\n")}
	for line := range strings.Lines(string(sums)) {
		f := strings.Fields(line)
		if strings.HasSuffix(f[1], "/go.mod") {
			continue // of a module whose code is not needed
		}
		var zip struct{ Zip string }
		if err := json.Unmarshal([]byte(run("mod", "download", "-json", f[0]+"@"+f[1])), &zip); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(zip.Zip)
		if err != nil {
			t.Fatal(err)
		}
		c.modules++
		c.size += float64(info.Size()) / 1e6
	}
	for path := range strings.Lines(run("list", "-deps", ".")) {
		if path = strings.TrimSpace(path); !standard(path) && path != "importer" {
			c.packages++
		}
	}
	run("build", "-o", "importer.exe")
	c.init = initialized(t, filepath.Join(dir, "importer.exe"))
	return c
}

// initLine is what the runtime says of a package that allocates at import.
var initLine = regexp.MustCompile(`(?m)^init ` + regexp.QuoteMeta(module) + `\S* .* (\d+) bytes,`)

// initialized returns how many KB the module's packages allocate when a program begins.
func initialized(t *testing.T, program string) float64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, trace)
	}
	bytes := 0.0
	for _, line := range initLine.FindAllStringSubmatch(string(trace), -1) {
		n, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		bytes += n
	}
	return bytes / 1e3
}

// offline returns the environment of commands that take modules from the cache, and ask
// only for what is not there.
func offline(t *testing.T) []string {
	t.Helper()
	var env struct{ GOMODCACHE, GOPROXY string }
	if err := json.Unmarshal([]byte(command(t, "go", "env", "-json", "GOMODCACHE", "GOPROXY")), &env); err != nil {
		t.Fatal(err)
	}
	cache := "file://" + filepath.ToSlash(filepath.Join(env.GOMODCACHE, "cache", "download"))
	return slices.Concat(os.Environ(), []string{"GOPROXY=" + cache + "," + env.GOPROXY, "GOSUMDB=off", "GOFLAGS=-mod=mod", "GOWORK=off"})
}
