package adapter

import (
	"os"
	"strings"
	"testing"
)

// The contract has each code, and no kind has none.
func TestCodesAreInTheContract(t *testing.T) {
	contract, err := os.ReadFile("../docs/contract.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range codes {
		if !strings.Contains(string(contract), "`"+c.code+"`") || seen[c.code] {
			t.Errorf("the contract lacks the code %s, or it is there twice", c.code)
		}
		seen[c.code] = true
	}
	for _, kind := range []error{ErrNotFound, ErrExpired, ErrConflict, ErrInvalid, ErrUnavailable, ErrSetup, ErrUnreadable, ErrUnsupported, ErrClosed} {
		if Code(kind) == "unexpected" {
			t.Errorf("%v has no code", kind)
		}
	}
}
