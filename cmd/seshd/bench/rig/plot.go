package rig

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Plot is a drawing in SVG that grows by what is drawn into it.
type Plot struct{ b strings.Builder }

// NewPlot begins one of so many pixels.
func NewPlot(width, height int) *Plot {
	p := &Plot{}
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&p.b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	return p
}

// Drawf adds elements.
func (p *Plot) Drawf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

// WriteTo ends the drawing and writes it.
func (p *Plot) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, p.b.String()+"</svg>\n")
	return int64(n), err
}

// Panel is a part of a plot with axes of its own: from 0 to Top upwards, and whatever its user makes of it to the right.
type Panel struct {
	Left, Above, Width, Height int
	Top                        float64
	Readable                   func(float64) string // of what is written on the axis
}

const (
	titleAbove = 30 // pixels from a title to its panel
	gridLines  = 4
)

// Y is where a value is.
func (p Panel) Y(value float64) float64 {
	return float64(p.Above) + float64(p.Height)*(1-max(value, 0)/p.Top)
}

// Frame draws the title and the lines of a panel.
func (p Panel) Frame(to *Plot, title string) {
	to.Drawf(`<text x="%d" y="%d" font-size="14">%s</text>`+"\n", p.Left, p.Above-titleAbove, title)
	for part := range gridLines + 1 {
		value := p.Top * float64(part) / gridLines
		at := p.Y(value)
		to.Drawf(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			p.Left, at, p.Left+p.Width, at, p.Left-6, at+4, p.Readable(value))
	}
}

// Line draws a line through values, the i-th of them x(i) to the right.
func (p Panel) Line(to *Plot, values []float64, x func(i int) float64, style string) {
	points := make([]string, len(values))
	for i, value := range values {
		points[i] = fmt.Sprintf("%.1f,%.1f", x(i), p.Y(value))
	}
	to.Drawf(`<polyline points="%s" fill="none" %s/>`+"\n", strings.Join(points, " "), style)
}

// RoundUp finds the end of an axis: one, two or five of some power of ten.
func RoundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, factor := range []float64{1, 2, 5} {
		if v <= factor*power {
			return factor * power
		}
	}
	return 10 * power
}
