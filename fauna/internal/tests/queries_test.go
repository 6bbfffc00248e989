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
var senders = map[string]int{"query": 1, "sweep": 1, "user": 1, "one": 1, "own": 1, "signUp": 1, "account": 1, "settled": 1, "repeat": 2, "clear": 2, "list": 2, "FQL": 0}

// source is the package as its files have it.
type source struct {
	files     []*ast.File
	constants map[string]ast.Expr
}

// readSource reads the package.
func readSource(t testing.TB) source {
	t.Helper()
	names, err := filepath.Glob("../../*.go")
	check(t, err)
	s := source{constants: map[string]ast.Expr{}}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		check(t, err)
		s.files = append(s.files, f)
	}
	s.each(token.CONST, func(name string, value ast.Expr) { s.constants[name] = value })
	return s
}

// each calls f with the constants or variables of the package that have a value.
func (s source) each(tok token.Token, f func(name string, value ast.Expr)) {
	for _, file := range s.files {
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != tok {
				continue
			}
			for _, spec := range g.Specs {
				for i, v := range spec.(*ast.ValueSpec).Values {
					f(spec.(*ast.ValueSpec).Names[i].Name, v)
				}
			}
		}
	}
}

// text returns a constant that is raw text, of itself or put together of other constants,
// which are parts of it, and whether it is that.
func (s source) text(v ast.Expr, parts map[string]bool) (string, bool) {
	switch v := v.(type) {
	case *ast.BasicLit:
		return strings.Trim(v.Value, "`"), strings.HasPrefix(v.Value, "`")
	case *ast.Ident:
		parts[v.Name] = true
		return s.text(s.constants[v.Name], parts)
	case *ast.BinaryExpr:
		x, okX := s.text(v.X, parts)
		y, okY := s.text(v.Y, parts)
		return x + y, okX && okY && v.Op == token.ADD
	}
	return "", false
}

// queries returns the texts of the package's queries by name: the constants that are text,
// but for those that others are put together of.
func (s source) queries() map[string]string {
	all, parts := map[string]string{}, map[string]bool{}
	for name, v := range s.constants {
		if text, ok := s.text(v, parts); ok {
			all[name] = text
		}
	}
	maps.DeleteFunc(all, func(name, _ string) bool { return parts[name] })
	return all
}

// TestQueriesAreConstants reads the package: wherever a query is handed on, it is the
// name of a constant, or the parameter by which it came.
func TestQueriesAreConstants(t *testing.T) {
	s := readSource(t)
	queries := s.queries()
	calls := 0
	for _, f := range s.files {
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
			if arg, ok := call.Args[at].(*ast.Ident); !ok || arg.Name != "fql" && queries[arg.Name] == "" {
				t.Errorf("%s: a call of %s takes a query that is no constant", f.Name, called(call.Fun))
			}
			return true
		})
	}
	if len(queries) == 0 || calls < len(queries) {
		t.Errorf("%d calls found that send one of %d queries", calls, len(queries))
	}
}

// What is sent twice if its answer is late changes nothing, and whatever changes nothing
// is.
func TestReadsChangeNothing(t *testing.T) {
	s := readSource(t)
	reads := map[string]bool{}
	s.each(token.VAR, func(name string, value ast.Expr) {
		if name == "reads" {
			for _, e := range value.(*ast.CompositeLit).Elts {
				reads[e.(*ast.KeyValueExpr).Key.(*ast.Ident).Name] = true
			}
		}
	})
	changes := regexp.MustCompile(`\b(create|update|replace|delete)\(|\bd\.delete`)
	for name, q := range s.queries() {
		if read := !changes.MatchString(q); read != reads[name] {
			t.Errorf("%s: it changes nothing: %t, it is sent twice: %t", name, read, reads[name])
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
	for _, q := range slices.Concat(slices.Collect(maps.Values(readSource(t).queries())), []string{dumpQuery, foreignPut, foreignHas}) {
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
