package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

const benchmarks = "testdata/bench.txt"

func readFile(t *testing.T) []store {
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
	want := []store{
		{"MongoDB", []plotter.XYs{{{X: 1, Y: 1769}, {X: 64, Y: 19824}, {X: 256, Y: 29264}}, {{X: 1, Y: 1984}, {X: 64, Y: 2730}, {X: 256, Y: 3381}}, {{X: 1, Y: 900.5}, {X: 64, Y: 1100}}}},
		{"DynamoDB Local", []plotter.XYs{{{X: 1, Y: 1200}, {X: 64, Y: 7544}}, {{X: 1, Y: 1246}, {X: 64, Y: 1274}}, nil}},
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

// texts returns what is written in a drawing, which must be XML.
func texts(t *testing.T, svg []byte) (all []string) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		check(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.CharData:
			if inText {
				all = append(all, string(token))
			}
		case xml.EndElement:
			inText = false
		}
	}
}

func TestDrawing(t *testing.T) {
	stores := readFile(t)
	for kind, colors := range palettes {
		svg, err := drawing(stores, colors)
		check(t, err)
		written := strings.Join(texts(t, svg), "\n") + "\n"
		for _, want := range []string{"MongoDB", "DynamoDB Local", "callers at once", "Sessions looked up with their users, per second", "1", "64", "256", "100", "1k", "100k", allSeries[0].label, allSeries[1].label, allSeries[2].label} {
			if !strings.Contains(written, want+"\n") {
				t.Errorf("%s: %q is not in it:\n%s", kind, want, written)
			}
		}
		for i, want := range []int{3, 3, 2} { // with the legend; DynamoDB has no line of JavaScript's
			r, g, b, _ := colors.series[i].RGBA()
			stroke := fmt.Sprintf("stroke:#%02X%02X%02X;stroke-width:2", r>>8, g>>8, b>>8)
			if got := strings.Count(string(svg), stroke); got != want {
				t.Errorf("%s: %d lines %s, want %d", kind, got, stroke, want)
			}
		}
		if bytes.Contains(svg, []byte("fill:#FFFFFF")) {
			t.Errorf("%s: it has a background", kind)
		}
	}
}

func TestLimits(t *testing.T) {
	low, high := limits(readFile(t))
	if low != 100 || high != 100_000 {
		t.Errorf("got %v to %v", low, high)
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
