package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

var update = flag.Bool("update", false, "write what the commands print into docs/cli.md")

const page = "../../docs/cli.md"

var (
	session  = regexp.MustCompile("(?s)```console\n(.*?)```")
	duration = regexp.MustCompile(`\(\d[^)]*s\)`)
	figures  = regexp.MustCompile(`(?m)(CALLERS|(?:GetSessionAndUser|CreateSession) +\d+) .*$`)
)

// lasting returns a page without what no two runs have alike: how long a ping took, and what bench measures.
func lasting(text string) string {
	return figures.ReplaceAllString(duration.ReplaceAllString(text, ""), "$1")
}

// words splits a line as a shell does, as far as the page needs it.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// play runs the commands of a terminal session and returns it with what they print.
func play(t *testing.T, text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(line, "$ authstore ")
		if !isCommand {
			continue // what was printed when the page was written
		}
		command, wantsCode := strings.CutSuffix(strings.TrimSpace(command), "; echo $?")
		var printed bytes.Buffer
		code := run(t.Context(), words(command), streams{out: &printed, err: &printed})
		out.WriteString(line + printed.String())
		if wantsCode {
			fmt.Fprintln(&out, code)
		} else if code != exitDone {
			t.Errorf("authstore %s ends with %d:\n%s", command, code, printed.String())
		}
	}
	return out.String()
}

// docs/cli.md has what the commands print, in its order, on two people and an empty store; -update
// writes it anew. Only how long things took may differ.
func TestPage(t *testing.T) {
	storeURL := seed(t, "app")
	delete(stores, "test://new")
	s := openTest(storeURL, adapter.Options{})
	_, err := s.UpdateUser(t.Context(), graceID, adapter.UserUpdate{Name: new("Grace Hopper")})
	check(t, err)
	check(t, s.Close())
	t.Setenv(urlVariable, storeURL)
	t.Setenv(secretVariable, "")
	t.Setenv("OLD", storeURL)
	t.Setenv("NEW", "test://new")
	text, err := os.ReadFile(page)
	check(t, err)
	file, err := os.OpenRoot("../../docs")
	check(t, err)
	defer file.Close()
	dir := t.TempDir()
	t.Chdir(dir)
	writeExported(t, dir)
	got := session.ReplaceAllStringFunc(string(text), func(block string) string {
		return "```console\n" + play(t, session.FindStringSubmatch(block)[1]) + "```"
	})
	if *update {
		f, err := file.Create("cli.md")
		check(t, err)
		_, err = f.WriteString(got)
		check(t, err)
		check(t, f.Close())
		return
	}
	if lasting(got) != lasting(string(text)) {
		t.Errorf("docs/cli.md does not have what the commands print; go test ./cmd/authstore -run Page -update writes it. They print:\n%s", got)
	}
	for _, id := range []string{adaID, adapter.SessionID(token(1))} {
		if !strings.Contains(string(text), id) {
			t.Errorf("the page does not show %s: does it run its commands?", id)
		}
	}
	for _, c := range newRoot(&app{}).Commands() {
		if c.Name() != "help" && !strings.Contains(string(text), "$ authstore "+c.Name()) {
			t.Errorf("the page does not show the command %s", c.Name())
		}
	}
}
