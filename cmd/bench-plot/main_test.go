package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/authstore/authstore/internal/drawing"
)

const benchmarks = "testdata/bench.txt"

func readFile(t *testing.T) []drawing.Part {
	t.Helper()
	file, err := os.Open(benchmarks)
	check(t, err)
	defer file.Close()
	stores, err := read(file, benchmarks)
	check(t, err)
	return stores
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Each figure comes from its benchmark, in the order of callers. That of the store beside the
// JavaScript adapter is not that beside the bare driver.
func TestRead(t *testing.T) {
	want := []drawing.Part{
		{Name: "MongoDB", Series: []plotter.XYs{{{X: 1, Y: 1769}, {X: 64, Y: 19824}, {X: 256, Y: 29264}}, {{X: 1, Y: 1984}, {X: 64, Y: 2730}, {X: 256, Y: 3381}}, {{X: 1, Y: 900.5}, {X: 64, Y: 1100}}}},
		{Name: "DynamoDB Local", Series: []plotter.XYs{{{X: 1, Y: 1200}, {X: 64, Y: 7544}}, {{X: 1, Y: 1246}, {X: 64, Y: 1274}}, nil}},
	}
	if got := readFile(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"other benchmarks":     "BenchmarkRaw/GetUser-2 1 1900 calls/s\n",
		"no store":             "BenchmarkCallers/callers=1-2 1 1900 calls/s\n",
		"no number of callers": "BenchmarkCallers/store=Redis/callers=x-2 1 1900 calls/s\n",
		"no calls":             "BenchmarkCallers/store=Redis/callers=1-2 1 0 calls/s\n",
		"half a line":          "BenchmarkCallers/store=Redis/callers=1-2 1 1900\n",
	} {
		if stores, err := read(strings.NewReader(text), "bench.txt"); err == nil {
			t.Errorf("%s: got %v", name, stores)
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	check(t, run([]string{"-out", dir, benchmarks}))
	var files [2][]byte
	for i, name := range []string{"callers-light.svg", "callers-dark.svg"} {
		var err error
		files[i], err = os.ReadFile(filepath.Join(dir, name))
		check(t, err)
	}
	if bytes.Equal(files[0], files[1]) {
		t.Error("the same plot for light and dark pages")
	}
	for name, args := range map[string][]string{"no file": nil, "a file that is not there": {"gone.txt"}, "two files": {benchmarks, benchmarks}} {
		if err := run(append([]string{"-out", dir}, args...)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
