package layers

import (
	"encoding/json"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// firstSnippet returns the first piece of code in a package comment.
func firstSnippet(text string) (string, bool) {
	for _, block := range new(comment.Parser).Parse(text).Content {
		if code, ok := block.(*comment.Code); ok {
			return code.Text, true
		}
	}
	return "", false
}

// file returns a snippet as a file: its imports, and after them either declarations or the
// statements of a function.
func file(snippet string) string {
	imports, rest := "", snippet
	if i := strings.Index(snippet, "\n\n"); strings.HasPrefix(snippet, "import \"") && i > 0 {
		imports, rest = snippet[:i], snippet[i:]
	} else if i := strings.Index(snippet, "\n)\n"); strings.HasPrefix(snippet, "import (") && i > 0 {
		imports, rest = snippet[:i+2], snippet[i+2:]
	}
	if !strings.Contains(rest, "\nfunc ") {
		rest = "func _() {\n" + rest + "\n}"
	}
	return "package snippet\n\n" + imports + "\n\n" + rest + "\n"
}

// The first piece of code in each package comment can be copied as it stands: it has its
// imports, and compiles.
func TestFirstSnippetsCompile(t *testing.T) {
	replace, dir, snippets := map[string]string{}, t.TempDir(), 0
	for _, p := range modulePackages(t) {
		place, _ := local(p.ImportPath)
		if under(place, "internal", "cmd", "examples", "interop") {
			continue
		}
		snippet, ok := firstSnippet(packageComment(t, p))
		if !ok {
			continue
		}
		if !strings.HasPrefix(snippet, "import ") {
			t.Errorf("%s: the first snippet of the package comment does not begin with its imports", place)
			continue
		}
		name := strings.ReplaceAll(place, "/", "_")
		source := filepath.Join(dir, name+".go")
		if err := os.WriteFile(source, []byte(file(snippet)), 0o600); err != nil {
			t.Fatal(err)
		}
		at, err := filepath.Abs(filepath.Join(root, "internal", "layers", "snippets", name, "snippet.go"))
		if err != nil {
			t.Fatal(err)
		}
		replace[at], snippets = source, snippets+1
	}
	const least = 8
	if snippets < least {
		t.Errorf("%d packages have a snippet, want %d at least", snippets, least)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, "go", "build", "-overlay", list, "./internal/layers/snippets/...")
}

// packageComment returns the comment of a package.
func packageComment(t *testing.T, p pkg) string {
	t.Helper()
	fset, text := token.NewFileSet(), ""
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if f.Doc != nil {
			text += f.Doc.Text()
		}
	}
	return text
}

func TestSnippetsAreFiles(t *testing.T) {
	for snippet, want := range map[string]string{
		"import \"fmt\"\n\nfmt.Println()\n":                    "package snippet\n\nimport \"fmt\"\n\nfunc _() {\n\n\nfmt.Println()\n\n}\n",
		"import (\n\t\"fmt\"\n)\n\nfunc F() { fmt.Println() }": "package snippet\n\nimport (\n\t\"fmt\"\n)\n\n\n\nfunc F() { fmt.Println() }\n",
	} {
		if got := file(snippet); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	const text = "A package.\n\n\tcode\n"
	if got, ok := firstSnippet(text); !ok || got != "code\n" {
		t.Errorf("got %q", got)
	}
}
