package driver

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
)

// nothing is an adapter that does nothing.
type nothing struct{ adapter.Adapter }

func (nothing) Close() error { return nil }

func TestOpen(t *testing.T) {
	var gotURL string
	var gotOptions adapter.Options
	Register("open-test", func(_ context.Context, rawURL string, o adapter.Options) (adapter.Adapter, error) {
		gotURL, gotOptions = rawURL, o
		if strings.Contains(rawURL, "fails") {
			return nil, errors.New("cannot log in with hunter2")
		}
		return nothing{}, nil
	})

	at := time.Now()
	const given = "Open-Test://u:p%@a:1,[::1],%2Ftmp%2Fs.sock/db?a=1;b=%zz&a=+"
	a, err := adapter.Open(t.Context(), given, adapter.Options{Clock: func() time.Time { return at }})
	if err != nil || a == nil {
		t.Fatalf("got %v, %v, want an adapter", a, err)
	}
	if gotURL != given || !gotOptions.Clock().Equal(at) {
		t.Errorf("the opener got %v and %+v", gotURL, gotOptions)
	}

	for name, tt := range map[string]struct {
		url     string
		options []adapter.Options
		want    string
	}{
		"unknown scheme":     {"mango://u:hunter2@host", nil, "import the backend's package"},
		"no scheme":          {"hunter2", nil, "must be a URL"},
		"not a scheme":       {"u/hunter2:open-test://host", nil, "must be a URL"},
		"no letter first":    {"1u://hunter2@host", nil, "must be a URL"},
		"options twice":      {"open-test:", []adapter.Options{{}, {}}, "at most once"},
		"the opener's error": {"open-test://fails", nil, "open-test: Open"},
	} {
		a, err := adapter.Open(t.Context(), tt.url, tt.options...)
		if a != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", name, a, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the text %q holds the password", name, err)
		}
		if e := (*adapter.Error)(nil); !errors.As(err, &e) || e.Op != "Open" {
			t.Errorf("%s: got %#v, want an *Error of Open", name, err)
		}
	}
}

func TestParseURLQuotesNothing(t *testing.T) {
	for _, url := range []string{"open-test://u:hunter2@host\x00", "open-test://u:%hunter2@host", "open-test://u:p@host:hunter2"} {
		if u, err := ParseURL(url); !errors.Is(err, adapter.ErrInvalid) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseURL of %q = %v, %v", url, u, err)
		}
	}
	if u, err := ParseURL("open-test://host/table"); err != nil || u.Host != "host" {
		t.Errorf("got %v, %v", u, err)
	}
}

func TestRegisterTwicePanics(t *testing.T) {
	open := func(context.Context, string, adapter.Options) (adapter.Adapter, error) { return nil, nil }
	Register("register-test", open)
	defer func() {
		if recover() == nil {
			t.Error("got no panic, want one: the second backend would be unreachable")
		}
	}()
	Register("register-test", open)
}

type pinging struct{ nothing }

func (pinging) Ping(context.Context) error { return nil }

type wrapping struct {
	adapter.Adapter
	inner adapter.Adapter
}

func (w wrapping) Unwrap() adapter.Adapter { return w.inner }

func TestAsLooksThroughWrappers(t *testing.T) {
	for name, a := range map[string]adapter.Adapter{
		"itself":         pinging{},
		"behind a guard": Guard(pinging{}, "b", adapter.Options{}, nil),
		"behind two":     wrapping{inner: wrapping{inner: pinging{}}},
	} {
		if _, ok := adapter.As[adapter.Pinger](a); !ok {
			t.Errorf("%s: no Pinger found", name)
		}
	}
	for name, a := range map[string]adapter.Adapter{"none": nothing{}, "nil": nil, "a wrapper of none": wrapping{}} {
		if _, ok := adapter.As[adapter.Pinger](a); ok {
			t.Errorf("%s: found a Pinger", name)
		}
	}
}
