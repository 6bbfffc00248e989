// Command bench-plot draws what the benchmarks say of more and more callers at once: the calls a
// second on each store, of authstore, of the bare driver and of the published JavaScript adapter.
//
//	go run ./cmd/bench-plot [-out docs] build/bench.txt
//
// It writes callers-light.svg and callers-dark.svg, for pages of either kind.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/authstore/authstore/internal/drawing"
)

func main() {
	err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench-plot:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("bench-plot", flag.ContinueOnError)
	out := flags.String("out", "docs", "the `folder` that is written to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("name one file with the output of the benchmarks: make bench writes build/bench.txt")
	}
	name := flags.Arg(0)
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	stores, err := read(file, name)
	if err != nil {
		return err
	}
	d := drawing.Drawing{Title: "Sessions looked up with their users, per second", Parts: stores}
	for _, s := range allSeries {
		d.Series = append(d.Series, s.label)
	}
	for kind := range drawing.Palettes {
		svg, err := d.SVG(kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(*out, "callers-"+kind+".svg"), svg, 0o644); err != nil {
			return err
		}
	}
	return nil
}
