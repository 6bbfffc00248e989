// Package drawing draws figures by the number of callers, as SVG.
package drawing

import (
	"bytes"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Drawing has a row of parts, all with the same axes, so that they can be compared.
type Drawing struct {
	Title  string   // what the figures are
	Series []string // of each part, three at most
	Parts  []Part
}

// Part has the figures of a thing: for each series, which may be empty, points (callers, figure).
type Part struct {
	Name   string
	Series []plotter.XYs
}

// palette has the colors for one kind of page, whose background shows through.
type palette struct {
	text, grid color.Color
	series     []color.Color
}

// Palettes are the kinds of pages: light and dark.
var Palettes = map[string]palette{
	"light": {rgb(0x1f, 0x23, 0x28), rgb(0xd1, 0xd9, 0xe0), []color.Color{rgb(0x09, 0x69, 0xda), rgb(0x59, 0x63, 0x6e), rgb(0xbc, 0x4c, 0x00)}},
	"dark":  {rgb(0xf0, 0xf6, 0xfc), rgb(0x3d, 0x44, 0x4d), []color.Color{rgb(0x44, 0x93, 0xf8), rgb(0x91, 0x98, 0xa1), rgb(0xf0, 0x88, 0x3e)}},
}

func rgb(r, g, b uint8) color.Color { return color.RGBA{r, g, b, 0xff} }

// glyphs tell the series apart without colors.
var glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}}

// The size of one part, and the height of the legend above all, in points.
const width, height, legendHeight = 250, 200, 44

// minParts is for how many parts there is room, since the legend needs it.
const minParts = 2

// SVG returns the drawing for a kind of page.
func (d Drawing) SVG(kind string) ([]byte, error) {
	colors := Palettes[kind]
	low, high := limits(d.Parts)
	row := make([]*plot.Plot, len(d.Parts))
	for i, of := range d.Parts {
		p, err := part(of, colors)
		if err != nil {
			return nil, err
		}
		p.Y.Min, p.Y.Max = low, high
		row[i] = p
	}
	canvas := vgsvg.New(vg.Length(width*max(len(row), minParts)), height+legendHeight)
	all := draw.New(canvas)
	if err := d.legend(draw.Crop(all, 10, 0, height, 0), colors); err != nil {
		return nil, err
	}
	tiles := draw.Tiles{Rows: 1, Cols: len(row), PadX: 10, PadTop: 4, PadBottom: 4, PadLeft: 4, PadRight: 4}
	for i, c := range plot.Align([][]*plot.Plot{row}, tiles, draw.Crop(all, 0, 0, 0, -legendHeight))[0] {
		row[i].Draw(c)
	}
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return nil, err
	}
	// Fonts of the same widths are for where there are none of the first name.
	return bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")), nil
}

// limits returns the powers of ten around all figures.
func limits(parts []Part) (low, high float64) {
	low, high = math.Inf(1), 0
	for _, p := range parts {
		for _, points := range p.Series {
			for _, point := range points {
				low, high = min(low, point.Y), max(high, point.Y)
			}
		}
	}
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
}

// legend draws what is seen, and what the series are.
func (d Drawing) legend(c draw.Canvas, colors palette) error {
	title := text.Style{Handler: plot.DefaultTextHandler, YAlign: text.YTop}
	style(&title, colors)
	c.FillText(title, vg.Point{X: c.Min.X, Y: c.Max.Y - 6}, d.Title)
	for i, label := range d.Series {
		line, points, err := linePoints(plotter.XYs{{}}, i, colors)
		if err != nil {
			return err
		}
		l := plot.NewLegend()
		style(&l.TextStyle, colors)
		l.Top, l.Left = true, true
		l.Add(label, line, points)
		l.Draw(draw.Crop(c, c.Size().X*vg.Length(i)/vg.Length(len(d.Series)), 0, 0, -24))
	}
	return nil
}

// linePoints returns the i-th series.
func linePoints(calls plotter.XYs, i int, colors palette) (*plotter.Line, *plotter.Scatter, error) {
	line, points, err := plotter.NewLinePoints(calls)
	if err != nil {
		return nil, nil, err
	}
	line.Color, line.Width = colors.series[i], 2
	points.GlyphStyle = draw.GlyphStyle{Color: colors.series[i], Radius: 3.5, Shape: glyphs[i]}
	return line, points, nil
}

func style(s *text.Style, colors palette) {
	s.Color = colors.text
	s.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 10}
}

func part(of Part, colors palette) (*plot.Plot, error) {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text, p.X.Label.Text = of.Name, "callers at once"
	for _, s := range []*text.Style{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label} {
		style(s, colors)
	}
	p.Title.TextStyle.Font.Size = 12
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Scale, axis.LineStyle.Color, axis.Tick.LineStyle.Color = plot.LogScale{}, colors.grid, colors.grid
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(callerTicks(of)), plot.TickerFunc(powersOfTen)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = colors.grid, colors.grid
	p.Add(grid)
	for i, calls := range of.Series {
		if len(calls) == 0 {
			continue
		}
		line, points, err := linePoints(calls, i, colors)
		if err != nil {
			return nil, err
		}
		p.Add(line, points)
	}
	return p, nil
}

// callerTicks has how many callers there were.
func callerTicks(of Part) (ticks []plot.Tick) {
	for _, point := range of.Series[0] {
		ticks = append(ticks, plot.Tick{Value: point.X, Label: strconv.Itoa(int(point.X))})
	}
	return ticks
}

func powersOfTen(low, high float64) (ticks []plot.Tick) {
	for v := low; v <= high*1.001; v *= 10 {
		label := strconv.Itoa(int(v))
		if v >= 1000 {
			label = strconv.Itoa(int(v/1000)) + "k"
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}
