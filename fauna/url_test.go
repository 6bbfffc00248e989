package fauna

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

func TestParameters(t *testing.T) {
	for raw, want := range map[string]string{
		"users=A;timeout=1s": "%3B", "timeout=1s;": "%3B", "user=A": `"user"`, "Timeout=1s": `"Timeout"`, "users=A&users=B": "users once", "users=": "users once",
		"users=%zz": "percent-encoded", "timeout=hunter2": "such as 10s", "timeout=0s": "such as 10s", "timeout=1ns": "such as 10s", "hunter2": `"hunter2"`,
	} {
		_, err := parseParameters(raw)
		if !errors.Is(err, adapter.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", raw, err, want)
		}
	}
	p, err := parseParameters("users=A%3B+B%26&timeout=1m&secret_env=X")
	if err != nil || p.Collections.Users != "A; B&" || p.RequestTimeout != time.Minute || p.secretEnv != "X" {
		t.Errorf("got %+v, %v", p, err)
	}
}
