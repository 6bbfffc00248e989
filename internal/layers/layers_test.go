package layers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// backends are the stores, those to come included.
var backends = []string{"memory", "mongo", "dynamodb", "fauna", "redis"}

// A rule says what the files of some packages may import, and why.
type rule struct {
	says, why string
	covers    func(place string) bool // whether the rule is about this package of the module
	tests     bool                    // whether it holds for test files too
	allows    func(place, imp string) bool
}

// layering returns the rules. Which packages are for tests only depends on all of
// them.
func layering(packages []pkg) []rule {
	forTests := testingOnly(packages)
	return []rule{
		{
			says:   "adapter imports only the standard library; adapter/codec also msgp",
			why:    "whoever writes a backend or uses one takes on no further module with the contract",
			covers: func(place string) bool { return under(place, "adapter") },
			allows: func(place, imp string) bool {
				return standard(imp) || inModule(imp, "adapter") || place == "adapter/codec" && under(imp, "github.com/tinylib/msgp")
			},
		},
		{
			says:   "conformance imports only the standard library, adapter, conformance and go-cmp; conformance/sequence also rapid",
			why:    "backends outside this module run the suite and take on what it needs",
			covers: func(place string) bool { return under(place, "conformance") },
			allows: func(place, imp string) bool {
				return standard(imp) || inModule(imp, "adapter", "conformance") || under(imp, "github.com/google/go-cmp") ||
					under(place, "conformance/sequence") && under(imp, "pgregory.net/rapid")
			},
		},
		{
			says:   "authhttp imports only the standard library, adapter and go-jose; oauth also x/oauth2, oidc go-oidc, passkey go-webauthn",
			why:    "an application brings its own router, and gets no framework, no store and no way to sign in that it has not asked for",
			covers: func(place string) bool { return under(place, "authhttp") },
			allows: func(place, imp string) bool {
				return standard(imp) || inModule(imp, "adapter", "authhttp/internal", "authhttp/signin", "authhttp/limit") || imp == module+"/authhttp" ||
					place == "authhttp" && under(imp, "github.com/go-jose/go-jose/v4") ||
					under(place, "authhttp/oauth", "authhttp/oidc") && under(imp, "golang.org/x/oauth2") ||
					place == "authhttp/oidc" && (inModule(imp, "authhttp/oauth") || under(imp, "github.com/coreos/go-oidc/v3")) ||
					place == "authhttp/passkey" && under(imp, "github.com/go-webauthn/webauthn", "github.com/google/uuid")
			},
		},
		{
			says:   "authjshttp imports only the standard library and adapter",
			why:    "who serves a store over HTTP brings the store, and gets no other",
			covers: func(place string) bool { return under(place, "authjshttp") },
			allows: func(_, imp string) bool { return standard(imp) || inModule(imp, "adapter") },
		},
		{
			says:   "a backend never imports another one",
			why:    "an application gets the driver of the store that it uses, and no other",
			covers: isBackend,
			tests:  true,
			allows: func(place, imp string) bool {
				other, ok := local(imp)
				return !ok || !isBackend(other) || first(other) == first(place) ||
					place == "redis/betterauth/internal/tests" && other == "memory" // its users are in another store
			},
		},
		{
			says:   "only tests, cmd, conformance and internal import packages that are for tests",
			why:    "an application's binary holds no test code and no flags of the testing package",
			covers: func(place string) bool { return !under(place, "cmd", "conformance", "internal") },
			allows: func(_, imp string) bool { return !forTests(imp) },
		},
		{
			says:   "only tests import internal/engine",
			why:    "it starts containers, which end with the tests of a process",
			covers: func(place string) bool { return !under(place, "internal/engine") },
			allows: func(_, imp string) bool { return !inModule(imp, "internal/engine") },
		},
		{
			says:   "tests beside what applications link need no engine: those that do are in the backend's internal/tests",
			why:    "go mod tidy downloads for an application what the tests of all packages need that it links",
			covers: linked(packages),
			tests:  true,
			allows: func(_, imp string) bool { return !inModule(imp, "internal/engine") },
		},
		{
			says:   "only internal/engine imports testcontainers and Docker's client",
			why:    "a container that somebody else starts has no label by which it is removed",
			covers: func(place string) bool { return !under(place, "internal/engine") },
			tests:  true,
			allows: func(_, imp string) bool {
				return !under(imp, "github.com/testcontainers/testcontainers-go", "github.com/moby/moby")
			},
		},
		{
			says:   "only cmd and internal/drawing import gonum.org/v1/plot, golang.org/x/perf and internal/drawing",
			why:    "who uses a store pays for no drawing",
			covers: func(place string) bool { return !under(place, "cmd", "internal/drawing") },
			tests:  true,
			allows: func(_, imp string) bool {
				return !under(imp, "gonum.org/v1/plot", "golang.org/x/perf") && !inModule(imp, "internal/drawing")
			},
		},
		{
			says:   "only cmd/authstore imports cobra, progressbar, x/term, age and internal/transfer",
			why:    "who uses a store pays for no command line",
			covers: func(place string) bool { return !under(place, "cmd/authstore", "internal/transfer") },
			allows: func(_, imp string) bool {
				return !under(imp, "github.com/spf13", "github.com/schollz/progressbar/v3", "golang.org/x/term", "filippo.io/age") && !inModule(imp, "internal/transfer")
			},
		},
		{
			says:   "only examples/lambda imports aws-lambda-go",
			why:    "handlers are those of net/http, wherever they run",
			covers: func(place string) bool { return !under(place, "examples/lambda") },
			tests:  true,
			allows: func(_, imp string) bool { return !under(imp, "github.com/aws/aws-lambda-go") },
		},
		{
			says:   "internal/transfer imports only the standard library, adapter, x/sync and internal/transfer/foreign",
			why:    "it copies between any two stores, and knows them by the contract alone",
			covers: func(place string) bool { return place == "internal/transfer" },
			allows: func(_, imp string) bool {
				return standard(imp) || inModule(imp, "adapter", "internal/transfer/foreign") || under(imp, "golang.org/x/sync")
			},
		},
		{
			says:   "examples use the public API only",
			why:    "they are there to be copied into other modules, where internal packages can't be imported",
			covers: func(place string) bool { return under(place, "examples") },
			allows: func(_, imp string) bool {
				place, ok := local(imp)
				return !ok || under(place, "examples") || !slices.Contains(strings.Split(place, "/"), "internal")
			},
		},
	}
}

// importsOf returns what each package imports outside its tests.
func importsOf(packages []pkg) map[string][]string {
	imports := map[string][]string{}
	for _, p := range packages {
		imports[p.ImportPath] = p.Imports
	}
	return imports
}

// testingOnly returns whether a package is for tests: a known one, or one in
// internal that imports one.
func testingOnly(packages []pkg) func(path string) bool {
	imports := importsOf(packages)
	var forTests func(path string) bool
	forTests = func(path string) bool {
		return under(path, "testing", "net/http/httptest", "github.com/google/go-cmp", "pgregory.net/rapid",
			"github.com/testcontainers/testcontainers-go") ||
			inModule(path, "conformance") ||
			inModule(path, "internal") && slices.ContainsFunc(imports[path], forTests)
	}
	return forTests
}

// violations returns a message for each import that breaks a rule.
func violations(packages []pkg) []string {
	var messages []string
	for _, r := range layering(packages) {
		for _, p := range packages {
			place, _ := local(p.ImportPath)
			if !r.covers(place) {
				continue
			}
			for _, imp := range r.imports(p) {
				if !r.allows(place, imp) {
					messages = append(messages, fmt.Sprintf("%s imports %s, but %s: %s", place, imp, r.says, r.why))
				}
			}
		}
	}
	return messages
}

// imports returns the imports of a package that the rule is about.
func (r rule) imports(p pkg) []string {
	if !r.tests {
		return p.Imports
	}
	all := slices.Concat(p.Imports, p.TestImports, p.XTestImports)
	slices.Sort(all)
	return slices.Compact(all)
}

// inModule reports whether an import path is one of these places in the module, or
// beneath one.
func inModule(path string, places ...string) bool {
	place, ok := local(path)
	return ok && under(place, places...)
}

// linked returns whether applications can link a package of the module: one that they can
// import, or an internal one behind it.
func linked(packages []pkg) func(place string) bool {
	imports := importsOf(packages)
	found := map[string]bool{}
	var link func(path string)
	link = func(path string) {
		place, ok := local(path)
		if !ok || found[place] {
			return
		}
		found[place] = true
		for _, imp := range imports[path] {
			link(imp)
		}
	}
	for _, p := range packages {
		if place, _ := local(p.ImportPath); importable(place) {
			link(p.ImportPath)
		}
	}
	return func(place string) bool { return found[place] }
}

func importable(place string) bool {
	return !under(place, "cmd", "examples", "interop") && !slices.Contains(strings.Split(place, "/"), "internal")
}

func isBackend(place string) bool { return slices.Contains(backends, first(place)) }

func first(place string) string {
	element, _, _ := strings.Cut(place, "/")
	return element
}

func TestLayers(t *testing.T) {
	packages := modulePackages(t)
	for _, place := range []string{"adapter", "conformance", "memory"} {
		if !slices.ContainsFunc(packages, func(p pkg) bool { return p.ImportPath == module+"/"+place }) {
			t.Errorf("go list doesn't show %s: the rules about it check nothing", place)
		}
	}
	for _, message := range violations(packages) {
		t.Error(message)
	}
}

func TestViolations(t *testing.T) {
	const (
		own            = module + "/"
		mongoD         = "go.mongodb.org/mongo-driver/v2/mongo"
		testcontainers = "github.com/testcontainers/testcontainers-go"
	)
	tests := []struct {
		name     string
		packages []pkg
		want     string // the beginning of the one message; none if empty
	}{
		{
			name:     "adapter: the standard library",
			packages: []pkg{{ImportPath: own + "adapter", Imports: []string{"context", "net/url"}}},
		},
		{
			name:     "adapter: another module",
			packages: []pkg{{ImportPath: own + "adapter", Imports: []string{"github.com/google/uuid"}}},
			want:     "adapter imports github.com/google/uuid, but adapter imports only the standard library; adapter/codec also msgp: ",
		},
		{
			name:     "adapter: a backend",
			packages: []pkg{{ImportPath: own + "adapter", Imports: []string{own + "memory"}}},
			want:     "adapter imports " + own + "memory, but adapter imports only",
		},
		{
			name: "adapter: anything in tests",
			packages: []pkg{{
				ImportPath: own + "adapter", TestImports: []string{"pgregory.net/rapid"}, XTestImports: []string{own + "memory"},
			}},
		},
		{
			name: "conformance: what it may",
			packages: []pkg{
				{ImportPath: own + "conformance", Imports: []string{"testing", "github.com/google/go-cmp/cmp", own + "adapter"}},
				{ImportPath: own + "conformance/fault", Imports: []string{"net", own + "conformance"}},
				{ImportPath: own + "conformance/sequence", Imports: []string{"pgregory.net/rapid", own + "conformance"}},
			},
		},
		{
			name:     "conformance: a backend",
			packages: []pkg{{ImportPath: own + "conformance", Imports: []string{own + "memory"}}},
			want:     "conformance imports " + own + "memory, but conformance imports only",
		},
		{
			name:     "conformance: rapid outside conformance/sequence",
			packages: []pkg{{ImportPath: own + "conformance/fault", Imports: []string{"pgregory.net/rapid"}}},
			want:     "conformance/fault imports pgregory.net/rapid, but conformance imports only",
		},
		{
			name:     "conformance: an internal package, which backends elsewhere couldn't share",
			packages: []pkg{{ImportPath: own + "conformance", Imports: []string{own + "internal/x"}}},
			want:     "conformance imports " + own + "internal/x, but conformance imports only",
		},
		{
			name: "backend: its driver, its own packages, and the suite in tests",
			packages: []pkg{{
				ImportPath: own + "mongo", Imports: []string{mongoD, own + "adapter", own + "mongo/internal/bson"},
				TestImports: []string{"testing", own + "conformance"}, XTestImports: []string{own + "conformance/sequence"},
			}},
		},
		{
			name:     "authhttp: what it may",
			packages: []pkg{{ImportPath: own + "authhttp", Imports: []string{"net/http", own + "adapter", "github.com/go-jose/go-jose/v4"}, TestImports: []string{own + "memory"}}},
		},
		{
			name:     "authhttp: a store",
			packages: []pkg{{ImportPath: own + "authhttp", Imports: []string{own + "memory"}}},
			want:     "authhttp imports " + own + "memory, but authhttp imports only the standard library, adapter and go-jose; ",
		},
		{
			name:     "authhttp: a router",
			packages: []pkg{{ImportPath: own + "authhttp", Imports: []string{"github.com/go-chi/chi/v5"}}},
			want:     "authhttp imports github.com/go-chi/chi/v5, but authhttp imports only",
		},
		{
			name: "authhttp: what each way to sign in may",
			packages: []pkg{
				{ImportPath: own + "authhttp/oauth", Imports: []string{"golang.org/x/oauth2", own + "authhttp", own + "authhttp/signin", own + "authhttp/internal/flow"}},
				{ImportPath: own + "authhttp/oidc", Imports: []string{"github.com/coreos/go-oidc/v3/oidc", "golang.org/x/oauth2", own + "authhttp/oauth"}},
				{ImportPath: own + "authhttp/passkey", Imports: []string{"github.com/go-webauthn/webauthn/protocol", own + "authhttp"}},
			},
		},
		{
			name:     "authhttp: a way to sign in",
			packages: []pkg{{ImportPath: own + "authhttp", Imports: []string{"golang.org/x/oauth2"}}},
			want:     "authhttp imports golang.org/x/oauth2, but authhttp imports only",
		},
		{
			name:     "authhttp: one way to sign in from another",
			packages: []pkg{{ImportPath: own + "authhttp/passkey", Imports: []string{own + "authhttp/oauth"}}},
			want:     "authhttp/passkey imports " + own + "authhttp/oauth, but authhttp imports only",
		},
		{
			name:     "authjshttp: what it may",
			packages: []pkg{{ImportPath: own + "authjshttp", Imports: []string{"net/http", own + "adapter/authjs"}, XTestImports: []string{own + "memory"}}},
		},
		{
			name:     "authjshttp: a store",
			packages: []pkg{{ImportPath: own + "authjshttp", Imports: []string{own + "memory"}}},
			want:     "authjshttp imports " + own + "memory, but authjshttp imports only the standard library and adapter: ",
		},
		{
			name:     "backend: another backend",
			packages: []pkg{{ImportPath: own + "redis", Imports: []string{own + "memory"}}},
			want:     "redis imports " + own + "memory, but a backend never imports another one: ",
		},
		{
			name:     "backend: another backend, from a subpackage",
			packages: []pkg{{ImportPath: own + "redis/upstash", Imports: []string{own + "dynamodb/keys"}}},
			want:     "redis/upstash imports " + own + "dynamodb/keys, but a backend never",
		},
		{
			name:     "backend: another backend, in tests",
			packages: []pkg{{ImportPath: own + "fauna", XTestImports: []string{own + "memory"}}},
			want:     "fauna imports " + own + "memory, but a backend never",
		},
		{
			name:     "backend: conformance outside tests",
			packages: []pkg{{ImportPath: own + "memory", Imports: []string{own + "conformance"}}},
			want:     "memory imports " + own + "conformance, but only tests, cmd, conformance and internal import packages that are for tests: ",
		},
		{
			name:     "example: the testing package",
			packages: []pkg{{ImportPath: own + "examples/signin", Imports: []string{"net/http/httptest"}}},
			want:     "examples/signin imports net/http/httptest, but only tests, cmd",
		},
		{
			name: "backend: a package for tests behind internal ones",
			packages: []pkg{
				{ImportPath: own + "mongo", Imports: []string{own + "internal/outer"}},
				{ImportPath: own + "internal/outer", Imports: []string{own + "internal/inner"}},
				{ImportPath: own + "internal/inner", Imports: []string{"testing"}},
			},
			want: "mongo imports " + own + "internal/outer, but only tests, cmd",
		},
		{
			name: "backend: an internal package that is not for tests",
			packages: []pkg{
				{ImportPath: own + "mongo", Imports: []string{own + "internal/escape"}},
				{ImportPath: own + "internal/escape", Imports: []string{"strings"}},
			},
		},
		{
			name: "engine: in internal tests",
			packages: []pkg{
				{ImportPath: own + "internal/engine", Imports: []string{"testing", testcontainers}},
				{ImportPath: own + "redis", Imports: []string{own + "adapter"}},
				{ImportPath: own + "redis/internal/tests", XTestImports: []string{own + "internal/engine"}},
			},
		},
		{
			name:     "engine: in tests beside a backend",
			packages: []pkg{{ImportPath: own + "redis", XTestImports: []string{own + "internal/engine"}}},
			want:     "redis imports " + own + "internal/engine, but tests beside what applications link need no engine",
		},
		{
			name: "engine: in tests beside what a backend imports",
			packages: []pkg{
				{ImportPath: own + "redis", Imports: []string{own + "redis/internal/client"}},
				{ImportPath: own + "redis/internal/client", TestImports: []string{own + "internal/engine"}},
			},
			want: "redis/internal/client imports " + own + "internal/engine, but tests beside what",
		},
		{
			name:     "engine: outside tests",
			packages: []pkg{{ImportPath: own + "cmd/x", Imports: []string{own + "internal/engine"}}},
			want:     "cmd/x imports " + own + "internal/engine, but only tests import internal/engine: ",
		},
		{
			name:     "testcontainers elsewhere, in tests",
			packages: []pkg{{ImportPath: own + "redis/internal/tests", XTestImports: []string{testcontainers + "/wait"}}},
			want:     "redis/internal/tests imports " + testcontainers + "/wait, but only internal/engine imports testcontainers",
		},
		{
			name:     "cmd/bench-plot: what draws",
			packages: []pkg{{ImportPath: own + "cmd/bench-plot", Imports: []string{"gonum.org/v1/plot/vg", "golang.org/x/perf/benchfmt"}}},
		},
		{
			name:     "what draws elsewhere, in tests",
			packages: []pkg{{ImportPath: own + "internal/measure", TestImports: []string{"gonum.org/v1/plot"}}},
			want:     "internal/measure imports gonum.org/v1/plot, but only cmd and internal/drawing import",
		},
		{
			name:     "cmd/authstore: what it may",
			packages: []pkg{{ImportPath: own + "cmd/authstore", Imports: []string{"github.com/spf13/cobra", own + "internal/transfer", own + "mongo", own + "redis"}}},
		},
		{
			name:     "a command line elsewhere",
			packages: []pkg{{ImportPath: own + "cmd/other", Imports: []string{"github.com/spf13/cobra"}}},
			want:     "cmd/other imports github.com/spf13/cobra, but only cmd/authstore imports",
		},
		{
			name:     "examples/lambda: what it may",
			packages: []pkg{{ImportPath: own + "examples/lambda", Imports: []string{"github.com/aws/aws-lambda-go/lambdaurl", own + "authjshttp"}}},
		},
		{
			name:     "Lambda elsewhere, in tests",
			packages: []pkg{{ImportPath: own + "authjshttp", XTestImports: []string{"github.com/aws/aws-lambda-go/events"}}},
			want:     "authjshttp imports github.com/aws/aws-lambda-go/events, but only examples/lambda imports",
		},
		{
			name:     "internal/transfer: a store",
			packages: []pkg{{ImportPath: own + "internal/transfer", Imports: []string{own + "redis"}, TestImports: []string{own + "memory"}}},
			want:     "internal/transfer imports " + own + "redis, but internal/transfer imports only",
		},
		{
			name:     "cmd: the suite",
			packages: []pkg{{ImportPath: own + "cmd/conformance-table", Imports: []string{own + "conformance"}}},
		},
		{
			name:     "example: the public API and packages of its own",
			packages: []pkg{{ImportPath: own + "examples/signin", Imports: []string{own + "memory", own + "examples/signin/internal/page"}}},
		},
		{
			name:     "example: an internal package",
			packages: []pkg{{ImportPath: own + "examples/signin", Imports: []string{own + "internal/escape"}}},
			want:     "examples/signin imports " + own + "internal/escape, but examples use the public API only: ",
		},
		{
			name:     "example: an internal package of a backend",
			packages: []pkg{{ImportPath: own + "examples/signin", Imports: []string{own + "redis/internal/keys"}}},
			want:     "examples/signin imports " + own + "redis/internal/keys, but examples use",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := violations(test.packages)
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("got %q, want none", got)
			case test.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], test.want)):
				t.Errorf("got %q, want one that begins with %q", got, test.want)
			}
		})
	}
}
