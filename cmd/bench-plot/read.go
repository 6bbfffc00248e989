package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"gonum.org/v1/plot/plotter"

	"github.com/authstore/authstore/internal/drawing"
)

// series is a line in the plot.
type series struct {
	label           string
	benchmark, unit string // where its figures are
}

var allSeries = []series{
	{"authstore", "Callers", "calls/s"},
	{"bare Go driver, a call each", "Callers", "raw-calls/s"},
	{"JavaScript adapter (Auth.js)", "Published", "javascript-calls/s"},
}

// read returns what a file of benchmarks has of allSeries, a part for each store, in its order.
func read(r io.Reader, name string) ([]drawing.Part, error) {
	var stores []drawing.Part
	reader := benchfmt.NewReader(r, name)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, record
		case *benchfmt.Result:
			if err := add(&stores, record); err != nil {
				return nil, err
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	for _, s := range stores {
		for i := range s.Series {
			slices.SortFunc(s.Series[i], func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
		}
	}
	if len(stores) == 0 {
		return nil, fmt.Errorf("%s has no BenchmarkCallers: make bench runs it", name)
	}
	return stores, nil
}

// add adds the figures of one benchmark to those of its store.
func add(stores *[]drawing.Part, r *benchfmt.Result) error {
	base, parts := r.Name.Parts()
	settings := map[string]string{}
	for _, part := range parts {
		key, value, _ := strings.Cut(string(part), "=")
		settings[key] = value
	}
	for i, s := range allSeries {
		calls, there := r.Value(s.unit)
		if string(base) != s.benchmark || !there {
			continue
		}
		callers, err := strconv.Atoi(settings["/callers"])
		if err != nil || settings["/store"] == "" || calls <= 0 {
			return fmt.Errorf("%s: want /store=NAME/callers=N and a positive %s", r.Name, s.unit)
		}
		of := storeOf(stores, strings.ReplaceAll(settings["/store"], "_", " "))
		of.Series[i] = append(of.Series[i], plotter.XY{X: float64(callers), Y: calls})
	}
	return nil
}

func storeOf(stores *[]drawing.Part, name string) *drawing.Part {
	at := slices.IndexFunc(*stores, func(p drawing.Part) bool { return p.Name == name })
	if at < 0 {
		at = len(*stores)
		*stores = append(*stores, drawing.Part{Name: name, Series: make([]plotter.XYs, len(allSeries))})
	}
	return &(*stores)[at]
}
