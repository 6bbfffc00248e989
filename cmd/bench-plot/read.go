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

// store has the calls a second by callers, for each of allSeries.
type store struct {
	name  string
	calls []plotter.XYs
}

// read returns what a file of benchmarks has of allSeries, by store, in its order.
func read(r io.Reader, name string) ([]store, error) {
	var stores []store
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
		for i := range s.calls {
			slices.SortFunc(s.calls[i], func(a, b plotter.XY) int { return cmp.Compare(a.X, b.X) })
		}
	}
	if len(stores) == 0 {
		return nil, fmt.Errorf("%s has no BenchmarkCallers: make bench runs it", name)
	}
	return stores, nil
}

// add adds the figures of one benchmark to those of its store.
func add(stores *[]store, r *benchfmt.Result) error {
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
		of.calls[i] = append(of.calls[i], plotter.XY{X: float64(callers), Y: calls})
	}
	return nil
}

func storeOf(stores *[]store, name string) *store {
	at := slices.IndexFunc(*stores, func(s store) bool { return s.name == name })
	if at < 0 {
		at = len(*stores)
		*stores = append(*stores, store{name, make([]plotter.XYs, len(allSeries))})
	}
	return &(*stores)[at]
}
