package fauna_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authstore/authstore/fauna"
)

// senders are the functions that take a query, with the number of that parameter.
var senders = map[string]int{"query": 1, "sweep": 1, "user": 1, "one": 1, "own": 1, "account": 1, "settled": 1, "repeat": 2, "clear": 2, "list": 2, "FQL": 0}

// TestQueriesAreConstants reads the package: wherever a query is handed on, it is the
// name of a constant, or the parameter by which it came.
func TestQueriesAreConstants(t *testing.T) {
	files, err := filepath.Glob("*.go")
	check(t, err)
	var parsed []*ast.File
	constants, parts := map[string]bool{}, map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		check(t, err)
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				for _, spec := range g.Specs {
					for i, v := range spec.(*ast.ValueSpec).Values {
						if isText(v, parts) {
							constants[spec.(*ast.ValueSpec).Names[i].Name] = true
						}
					}
				}
			}
		}
	}
	maps.DeleteFunc(constants, func(name string, _ bool) bool { return parts[name] })
	if len(constants) != len(fauna.Queries) {
		t.Errorf("%d constants are queries, the tests know %d", len(constants), len(fauna.Queries))
	}
	calls := 0
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if a, ok := n.(*ast.AssignStmt); ok && slices.ContainsFunc(a.Lhs, func(e ast.Expr) bool { return called(e) == "fql" }) {
				t.Errorf("%s: a query is assigned", f.Name)
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at, sends := senders[called(call.Fun)]
			if !sends || len(call.Args) <= at {
				return true
			}
			calls++
			if arg, ok := call.Args[at].(*ast.Ident); !ok || arg.Name != "fql" && !constants[arg.Name] {
				t.Errorf("%s: a call of %s takes a query that is no constant", f.Name, called(call.Fun))
			}
			return true
		})
	}
	if calls < len(constants) {
		t.Errorf("%d calls found that send a query, want %d at least", calls, len(constants))
	}
}

// isText reports whether a constant is text, of itself or put together of other constants,
// which are parts.
func isText(v ast.Expr, parts map[string]bool) bool {
	switch v := v.(type) {
	case *ast.BasicLit:
		return strings.HasPrefix(v.Value, "`")
	case *ast.Ident:
		parts[v.Name] = true
		return true
	case *ast.BinaryExpr:
		return v.Op == token.ADD && isText(v.X, parts) && isText(v.Y, parts)
	}
	return false
}

// What is sent twice if its answer is late changes nothing, and whatever changes nothing
// is.
func TestReadsChangeNothing(t *testing.T) {
	changes := regexp.MustCompile(`\b(create|update|replace|delete)\(|\bd\.delete`)
	for name, q := range fauna.Queries {
		if read := !changes.MatchString(q); read != fauna.Reads[q] {
			t.Errorf("%s: it changes nothing: %t, it is sent twice: %t", name, read, fauna.Reads[q])
		}
	}
}

// called returns the name of a function or method that is called.
func called(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.IndexExpr:
		return called(f.X)
	}
	return ""
}

// TestRecordings looks at what was sent and answered in every recording there is, the
// suite's hostile keys included. The text of a query is the same whatever its arguments
// are, so nothing of the data is read as FQL, and no secret is kept.
func TestRecordings(t *testing.T) {
	texts := map[string]bool{}
	variable := regexp.MustCompile(`\$\{\w+\}`)
	for _, q := range slices.Concat(slices.Collect(maps.Values(fauna.Queries)), []string{dumpQuery, foreignPut, foreignHas}) {
		text := strings.Join(variable.Split(q, -1), "\x00")
		texts[strings.ReplaceAll(text, "$$", "$")] = true // as the driver takes it
	}
	secret := regexp.MustCompile(`"fnA[\w-]{37}"`)       // of the server's keys
	ofTheSuite := regexp.MustCompile(`^[A-Z]{3}-\d{3}$`) // other tests have queries of their own
	tapes, err := filepath.Glob(tapeFile("*"))
	check(t, err)
	suite, size, seen := 0, int64(0), map[string]bool{}
	for _, file := range tapes {
		info, err := os.Stat(file)
		check(t, err)
		size += info.Size()
		name := strings.TrimSuffix(filepath.Base(file), ".json.gz")
		recorded, err := play(name)
		check(t, err)
		for _, e := range recorded.exchanges {
			text := literals(t, e.Query)
			if !texts[text] && ofTheSuite.MatchString(name) {
				t.Fatalf("%s has a query that is no constant: %q", file, text)
			}
			seen[text] = true
			for _, text := range [][]byte{e.Query, e.Answer} {
				if bytes.Contains(text, []byte("Bearer")) || bytes.Contains(text, []byte(`"fnA`)) && secret.Match(text) {
					t.Errorf("%s has a secret", file)
				}
			}
		}
		if ofTheSuite.MatchString(name) {
			suite++
		}
	}
	if suite < 200 || size > 8<<20 {
		t.Errorf("%d recordings of the suite, %d bytes in all, want 200 at least, in 8 MB at most", suite, size)
	}
	for text := range texts {
		if !seen[text] {
			t.Errorf("a query was never recorded: %q", text)
		}
	}
}

// literals returns the parts of a query that are not values, as they were sent.
func literals(t *testing.T, body []byte) string {
	t.Helper()
	var sent struct {
		Query struct{ FQL []json.RawMessage }
	}
	check(t, json.Unmarshal(body, &sent))
	var parts []string
	literal := true // what comes first
	for _, part := range sent.Query.FQL {
		if part[0] == '"' {
			var text string
			check(t, json.Unmarshal(part, &text))
			if literal {
				parts = append(parts, "")
			}
			parts[len(parts)-1] += text // the driver splits text at a "$"
			literal = false
			continue
		}
		if literal {
			parts = append(parts, "")
		}
		literal = true
	}
	if literal {
		parts = append(parts, "")
	}
	return strings.Join(parts, "\x00")
}

// The names of collections are arguments too: one that is FQL is a name all the same.
func TestCollectionNamesAreData(t *testing.T) {
	const hostile = `User") Collection.all().forEach(c => c.delete()) ("`
	var sent []byte
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		sent, _ = io.ReadAll(req.Body)
		return answered(req, http.StatusOK, nobody), nil
	}))
	a := fauna.New(client, fauna.Options{Collections: fauna.Collections{Users: hostile}})
	_, _ = a.GetUserByEmail(t.Context(), "ada@example.com")
	if strings.Contains(literals(t, sent), "delete") || !strings.Contains(string(sent), "delete") {
		t.Errorf("the name is not sent as a value: %s", sent)
	}
}
