package docs

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/authstore/authstore/internal/engine"
)

const module = "github.com/authstore/authstore/"

func TestMain(m *testing.M) { engine.Main(m) }

// readme returns the README.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	check(t, err)
	return string(text)
}

var block = regexp.MustCompile("(?s)```go\n(package .*?)```\n")

// programs returns the README's whole files of Go.
func programs(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, match := range block.FindAllStringSubmatch(readme(t), -1) {
		all = append(all, match[1])
	}
	if len(all) < 2 {
		t.Fatalf("got %d programs in the README, want the first one and the middleware", len(all))
	}
	return all
}

// goTool runs the go command in the module.
func goTool(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// write writes a program to a file of its own.
func write(t *testing.T, program string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "main.go")
	check(t, os.WriteFile(name, []byte(program), 0o600))
	return name
}

func TestProgramsCompile(t *testing.T) {
	for _, program := range programs(t) {
		goTool(t, "vet", write(t, program))
	}
}

// The first program runs as it stands, and on each store with another import and URL, as the
// README says: on one where nothing is yet, and again.
func TestTheFirstProgramRuns(t *testing.T) {
	name := fmt.Sprintf("readme%d", os.Getpid())
	for _, store := range []struct {
		name string
		url  func(t *testing.T) string
	}{
		{"memory", func(*testing.T) string { return "memory:" }},
		{"mongo", func(t *testing.T) string {
			return strings.Replace(engine.Mongo(t).URL, "/?", "/"+name+"?", 1)
		}},
		{"dynamodb/open", func(t *testing.T) string {
			return "dynamodb://" + name + "?" + url.Values{"region": {"us-east-1"}, "endpoint": {engine.DynamoDB(t).URL}}.Encode()
		}},
		{"redis", func(t *testing.T) string { return engine.Redis(t).URL + "?prefix=" + name }},
		{"redis/upstash", func(t *testing.T) string {
			return strings.Replace(engine.Redis(t).URL, "redis:", "redis+upstash:", 1) + "?prefix=" + name + ":"
		}},
	} {
		t.Run(store.name, func(t *testing.T) {
			address := store.url(t)
			program := on(t, programs(t)[0], store.name, address)
			binary := filepath.Join(t.TempDir(), "program")
			goTool(t, "build", "-o", binary, write(t, program))
			for range 2 {
				cmd := exec.CommandContext(t.Context(), binary)
				cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != "ada@example.com\n" {
					t.Errorf("got %q, %v", out, err)
				}
			}
		})
	}
}

// on returns the first program for a store of the README's table, whose URL there must have
// the scheme of this one.
func on(t *testing.T, program, name, address string) string {
	t.Helper()
	row := regexp.MustCompile("\\| `" + name + "` \\| `([a-z0-9+]+:)[^`]*`").FindStringSubmatch(readme(t))
	if row == nil || !strings.HasPrefix(address, row[1]) {
		t.Fatalf("the README's table has no row for the package %s with a URL like %s", name, address)
	}
	for from, to := range map[string]string{
		`_ "` + module + `memory"`: `_ "` + module + name + `"`,
		`const url = "memory:"`:    fmt.Sprintf("const url = %q", address),
	} {
		if !strings.Contains(program, from) {
			t.Fatalf("the first program has no line %s", from)
		}
		program = strings.Replace(program, from, to, 1)
	}
	return program
}
