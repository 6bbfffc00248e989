package drawing

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sample() Drawing {
	return Drawing{
		Title: "Calls a second", Series: []string{"ours", "bare", "published"},
		Parts: []Part{
			{"MongoDB", []plotter.XYs{{{X: 1, Y: 1769}, {X: 64, Y: 19824}, {X: 256, Y: 29264}}, {{X: 1, Y: 1984}, {X: 64, Y: 2730}, {X: 256, Y: 3381}}, {{X: 1, Y: 900.5}, {X: 64, Y: 1100}}}},
			{"DynamoDB Local", []plotter.XYs{{{X: 1, Y: 1200}, {X: 64, Y: 7544}}, {{X: 1, Y: 1246}, {X: 64, Y: 1274}}, nil}},
		},
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
	d := sample()
	for kind, colors := range Palettes {
		svg, err := d.SVG(kind)
		check(t, err)
		written := strings.Join(texts(t, svg), "\n") + "\n"
		for _, want := range []string{"MongoDB", "DynamoDB Local", "callers at once", "Calls a second", "1", "64", "256", "100", "1k", "100k", "ours", "bare", "published"} {
			if !strings.Contains(written, want+"\n") {
				t.Errorf("%s: %q is not in it:\n%s", kind, want, written)
			}
		}
		for i, want := range []int{3, 3, 2} { // with the legend; DynamoDB has nothing of the third
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
	low, high := limits(sample().Parts)
	if low != 100 || high != 100_000 {
		t.Errorf("got %v to %v", low, high)
	}
}
