package transfer

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter"
)

func export(t *testing.T, source adapter.Adapter) string {
	t.Helper()
	var file bytes.Buffer
	_, err := Export(t.Context(), options(t, source, nil), &file)
	check(t, err)
	return file.String()
}

func TestExportAndImport(t *testing.T) {
	source, destination := people(t, 250), store(t)
	_, err := source.UpdateUser(t.Context(), userID(3), adapter.UserUpdate{Attributes: adapter.Attributes{
		"time": start, "like a time": map[string]any{"$time": "x"}, "like a map": map[string]any{"$map": map[string]any{"$time": start}},
		"large": int64(1<<62 + 1), "small": 1e-9, "text": "<&>\u2028", "none": nil, "list": []any{start, map[string]any{"$a": "b"}},
	}})
	check(t, err)
	file := export(t, source)
	for _, want := range []Counts{
		{Users: 250, Created: 250, Accounts: 500, Passkeys: 250, Sessions: 500}, {Users: 250, Unchanged: 250},
	} {
		got, err := Import(t.Context(), options(t, nil, destination), strings.NewReader(file))
		check(t, err)
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	same(t, source, destination)
	u, err := source.GetUser(t.Context(), userID(3))
	check(t, err)
	copied, err := destination.GetUser(t.Context(), userID(3))
	check(t, err)
	if !reflect.DeepEqual(u.Attributes, copied.Attributes) {
		t.Errorf("got %#v, want %#v", copied.Attributes, u.Attributes)
	}
	if strings.Contains(file, "made-elsewhere") {
		t.Error("a session's token is in the file")
	}
}

// What is no whole export is refused, without a word of what is in it.
func TestImportRefuses(t *testing.T) {
	file := export(t, people(t, 3))
	lines := strings.SplitAfter(file, "\n")
	for name, tt := range map[string]struct{ file, want string }{
		"cut":             {strings.Join(lines[:3], ""), "not whole"},
		"a user too few":  {lines[0] + lines[1] + lines[2] + lines[4], "not whole"},
		"empty":           {"", "not whole"},
		"another version": {strings.Replace(file, ":1", ":2", 1), "version"},
		"no version":      {strings.Join(lines[1:], ""), "version"},
		"something else":  {lines[0] + `{"password": "hunter2"}`, "line 2 is not one"},
		"half a line":     {lines[0] + lines[1][:20], "line 2 is not one"},
		"after the end":   {file + lines[1], "after the end"},
	} {
		_, err := Import(t.Context(), options(t, nil, store(t)), strings.NewReader(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ended, options(t, nil, store(t)), strings.NewReader(file)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: got %v", err)
	}
}
