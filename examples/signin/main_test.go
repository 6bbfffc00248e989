package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/adapter/driver"
	"github.com/authstore/authstore/memory"
)

func TestRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0"}, writer)
		writer.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(strings.TrimPrefix(line, "open "))
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("%s answers %d", address, response.StatusCode)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run returned %v", err)
	}
	if _, err := http.Get(address); err == nil {
		t.Error("it still answers")
	}
}

func TestRunRefuses(t *testing.T) {
	tests := map[string][]string{
		"flag provided but not defined": {"-x"},
		"-url must be of the form":      {"-url", "example.com", "-addr", "127.0.0.1:0"},
		"-url must have nothing after":  {"-url", "https://example.com/signin", "-addr", "127.0.0.1:0"},
		"scheme of an imported backend": {"-store", "nosuch://user:sesame@host"},
		"listen":                        {"-addr", "127.0.0.1:-1"},
	}
	for want, args := range tests {
		err := run(t.Context(), args, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run(%q) = %v, want %q", args, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestBases(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.com":   "https://example.com",
		"http://127.0.0.1:8080": "http://127.0.0.1:8080",
		"https://example.com/":  "https://example.com",
		"ftp://example.com":     "",
		"https://":              "",
		"https://u@example.com": "",
		"https://example.com/#": "https://example.com",
		"https://example.com?x": "",
		"\x00":                  "",
	} {
		u, err := parseBase(raw)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("parseBase(%q) = %v, %v, want %q", raw, u, err, want)
		}
	}
	for ip, want := range map[string]string{
		"127.0.0.1": "http://localhost:80", "192.0.2.1": "http://192.0.2.1:80", "0.0.0.0": "http://localhost:80", "::": "http://localhost:80", "::1": "http://[::1]:80",
	} {
		if got := localURL(&net.TCPAddr{IP: net.ParseIP(ip), Port: 80}); got != want {
			t.Errorf("localURL(%s) = %s, want %s", ip, got, want)
		}
	}
}

// planned is a store that needs set-up.
type planned struct {
	adapter.Adapter
	applied *int
	err     error
}

func (p planned) CheckSchema(context.Context) ([]adapter.SchemaProblem, error) { return nil, nil }

func (p planned) ApplySchema(context.Context) error {
	*p.applied++
	return p.err
}

// schemes counts those registered, which is for good: a test that runs twice needs
// another one.
var schemes atomic.Int32

func TestStoreIsSetUp(t *testing.T) {
	var applied int
	var fails error
	scheme := fmt.Sprintf("planned%d", schemes.Add(1))
	driver.Register(scheme, func(context.Context, string, adapter.Options) (adapter.Adapter, error) {
		return planned{memory.New(memory.Options{}), &applied, fails}, nil
	})
	store, err := openStore(t.Context(), scheme+":")
	if err != nil || applied != 1 {
		t.Fatalf("opened with %v, set up %d times", err, applied)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	fails = adapter.ErrUnavailable
	if _, err := openStore(t.Context(), scheme+":"); !errors.Is(err, adapter.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}
