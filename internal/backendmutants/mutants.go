package backendmutants

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is a bug to plant in a backend.
type Mutant struct {
	Breaks string // what it does wrong
	File   string // from the module's root
	Old    string // a text that the file has once
	New    string // what takes its place
	Run    string // a -run pattern of the tests that are expected to catch it
	// Harmless says why it cannot matter, if that is why no test catches it.
	Harmless string
}

// Backend is a store, with the bugs to plant in it.
type Backend struct {
	Name     string
	Packages []string // those with its tests
	Mutants  []Mutant
}

// Backends are those that have code of their own to break on an engine.
var Backends = []Backend{
	{"redis", []string{"./redis", "./redis/internal/tests"}, redisMutants},
	{"redis/upstash", []string{"./redis/upstash", "./redis/upstash/internal/tests"}, upstashMutants},
	{"dynamodb", []string{"./dynamodb", "./dynamodb/internal/tests"}, dynamoDBMutants},
	{"mongo", []string{"./mongo", "./mongo/internal/tests"}, mongoMutants},
}

// Source returns the file as it is with the bug in it.
func (m Mutant) Source(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.File))
	switch n := strings.Count(string(text), m.Old); {
	case err != nil:
		return nil, err
	case n != 1:
		return nil, fmt.Errorf("%s: the text to replace is there %d times, want once: %q", m.File, n, m.Old)
	case m.Old == m.New:
		return nil, errors.New("it changes nothing")
	}
	return []byte(strings.Replace(string(text), m.Old, m.New, 1)), nil
}
