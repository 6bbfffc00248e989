package layers

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"testing"
)

// undocumented returns the exported identifiers of a package that have no comment,
// and "package" if the package has none. A comment on a group is one for all in it.
// Fields may explain themselves by name and type, and the method of an interface
// that has just one is what the interface's comment is about.
func undocumented(fset *token.FileSet, files []*ast.File) ([]string, error) {
	d, err := doc.NewFromFiles(fset, files, module)
	if err != nil {
		return nil, err
	}
	var names []string
	check := func(comment, name string) {
		if comment == "" {
			names = append(names, name)
		}
	}
	checkValues := func(groups []*doc.Value) {
		for _, group := range groups {
			names = append(names, undocumentedValues(group)...)
		}
	}
	checkFuncs := func(prefix string, funcs []*doc.Func) {
		for _, f := range funcs {
			check(f.Doc, prefix+f.Name)
		}
	}

	check(d.Doc, "package")
	checkValues(slices.Concat(d.Consts, d.Vars))
	checkFuncs("", d.Funcs)
	for _, t := range d.Types {
		check(t.Doc, t.Name)
		checkValues(slices.Concat(t.Consts, t.Vars))
		checkFuncs("", t.Funcs)
		checkFuncs(t.Name+".", t.Methods)
		names = append(names, undocumentedInterface(t)...)
	}
	return names, nil
}

func undocumentedValues(group *doc.Value) []string {
	if group.Doc != "" {
		return nil
	}
	var names []string
	for _, spec := range group.Decl.Specs {
		if v := spec.(*ast.ValueSpec); v.Doc == nil && v.Comment == nil {
			for _, name := range v.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

func undocumentedInterface(t *doc.Type) []string {
	i, ok := t.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.InterfaceType)
	if !ok || i.Methods.NumFields() == 1 {
		return nil
	}
	var names []string
	for _, method := range i.Methods.List {
		if len(method.Names) == 1 && method.Doc == nil && method.Comment == nil {
			names = append(names, t.Name+"."+method.Names[0].Name)
		}
	}
	return names
}

func TestExportedIdentifiersAreDocumented(t *testing.T) {
	for _, p := range modulePackages(t) {
		place, _ := local(p.ImportPath)
		if under(place, "internal", "cmd", "examples") || len(p.GoFiles) == 0 {
			continue
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		names, err := undocumented(fset, files)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			t.Errorf("%s: %s has no doc comment", place, name)
		}
	}
}

func TestUndocumented(t *testing.T) {
	const head = "// Package p is documented.\npackage p\n"
	tests := []struct {
		name, source string
		want         []string
	}{
		{"package", "package p", []string{"package"}},
		{"function", head + "func F() {}", []string{"F"}},
		{"function with a comment", head + "// F does.\nfunc F() {}", nil},
		{"function that isn't exported", head + "func f() {}", nil},
		{"comment apart from the function", head + "// F does.\n\nfunc F() {}", []string{"F"}},
		{"type", head + "type T int", []string{"T"}},
		{"types in a group", head + "type (\n// A is.\nA int\nB int\n)", []string{"B"}},
		{"field", head + "// T is.\ntype T struct { A int }", nil},
		{"method", head + "// T is.\ntype T int\nfunc (T) M() {}", []string{"T.M"}},
		{"method of a type that isn't exported", head + "type t int\nfunc (t) M() {}", nil},
		{"constructor", head + "// T is.\ntype T int\nfunc NewT() T { return 0 }", []string{"NewT"}},
		{"interface method", head + "// I is.\ntype I interface {\n// A does.\nA()\nB()\n}", []string{"I.B"}},
		{"the one interface method", head + "// I is.\ntype I interface { A() }", nil},
		{"constant", head + "const C = 1", []string{"C"}},
		{"constant of a type", head + "// T is.\ntype T int\nconst C T = 1", []string{"C"}},
		{"group with a comment", head + "// The values.\nconst (\nA = 1\nB = 2\n)", nil},
		{"group without", head + "var (\n// A is.\nA = 1\nB = 2 // is too\nC, D = 3, 4\n)", []string{"C", "D"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			fset := token.NewFileSet()
			file, err := parser.ParseFile(fset, "p.go", test.source, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			got, err := undocumented(fset, []*ast.File{file})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
