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

// senders are the functions that take a query, with the index of that parameter.
var senders = map[string]int{"query": 1, "sweep": 1, "queryUser": 1, "queryDocument": 1, "createOwned": 1, "signUp": 1, "queryAccount": 1, "changeReadable": 1, "repeat": 2, "deleteListed": 2, "list": 2, "FQL": 0}

// source is the source of the package.
type source struct {
	files     []*ast.File
	constants map[string]ast.Expr
}

// readSource parses the package.
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

// text returns the value of a constant that consists of raw strings and other such constants, which
// it adds to parts, and whether it is one.
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

// queries returns the package's queries by name: the constants that are raw strings, except those
// that are parts of others.
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

// TestQueriesAreConstants reads the source: wherever a query is passed on, it is a constant or a
// parameter.
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

// Queries that are sent again when their answer is late change nothing, and all that change
// nothing are.
func TestReadsChangeNothing(t *testing.T) {
	s := readSource(t)
	reads := map[string]bool{}
	s.each(token.VAR, func(name string, value ast.Expr) {
		if name == "readOnly" {
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

// TestRecordings reads every recording, those with the suite's hostile keys included. The text of a
// query does not depend on its arguments, so no data is read as FQL, and no secret is recorded.
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

// The names of collections are arguments too: one that looks like FQL is still a name.
func TestCollectionNamesAreData(t *testing.T) {
	const hostile = `User") Collection.all().forEach(c => c.delete()) ("`
	var sent []byte
	client := newClient("http://fauna.test", "secret", roundTrip(func(req *http.Request) (*http.Response, error) {
		sent, _ = io.ReadAll(req.Body)
		return answered(req, http.StatusOK, nobody), nil
	}))
	a := open(t, client, fauna.Options{Collections: fauna.Collections{Users: hostile}})
	_, _ = a.GetUserByEmail(t.Context(), "ada@example.com")
	if strings.Contains(literals(t, sent), "delete") || !strings.Contains(string(sent), "delete") {
		t.Errorf("the name is not sent as a value: %s", sent)
	}
}
