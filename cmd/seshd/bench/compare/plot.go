package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/seshd/seshd/cmd/seshd/bench"
)

const plotName = "bench.svg"

// The plot's measures, in pixels.
const (
	panelWidth  = 360
	panelHeight = 220
	margin      = 60
	plotWidth   = 2*panelWidth + 3*margin
	plotHeight  = panelHeight + 2*margin
)

type curve struct {
	name, color string
	dashed      bool
	values      []float64 // one for each count of tabs
}

// plot draws both figures against the number of tabs, each in a panel of its own.
func (l *lab) plot(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	l.panel(&b, margin, "server CPU per delivery, µs", mLoad, "server_cpu_us_per_delivery")
	l.panel(&b, 2*margin+panelWidth, "server RSS per idle tab, bytes", mIdle, "rss_per_tab_bytes")
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (l *lab) panel(b *strings.Builder, left int, title string, measurement func(int) string, key string) {
	curves := []curve{{name: seshd, color: "#b3003c"}, {name: "the floor (bare gorilla)", color: "#555", dashed: true}}
	highest := 0.0
	for i, server := range []string{seshd, floor} {
		for _, tabs := range l.tabCounts() {
			value, _ := l.results.median(measurement(tabs), server, key)
			curves[i].values = append(curves[i].values, value)
			highest = max(highest, value)
		}
	}
	top := roundUp(highest)
	y := func(value float64) float64 { return margin + panelHeight*(1-max(value, 0)/top) }
	x := func(i int) float64 {
		return float64(left) + panelWidth*(float64(i)+0.5)/float64(len(l.tabCounts()))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-size="14">%s</text>`+"\n", left, margin/2, title)
	for _, part := range []float64{0, 0.25, 0.5, 0.75, 1} {
		at := y(top * part)
		fmt.Fprintf(b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, at, left+panelWidth, at, left-6, at+4, bench.Readable(top*part))
	}
	for i, tabs := range l.tabCounts() {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(i), margin+panelHeight+18, readableCount(tabs))
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">tabs</text>`+"\n", left+panelWidth/2, margin+panelHeight+36)
	for n, c := range curves {
		c.draw(b, x, y)
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+8, margin+panelHeight-26+16*n, c.color, c.name)
	}
}

func (c curve) draw(b *strings.Builder, x func(int) float64, y func(float64) float64) {
	dashes := ""
	if c.dashed {
		dashes = ` stroke-dasharray="6 4"`
	}
	points := make([]string, len(c.values))
	for i, value := range c.values {
		points[i] = fmt.Sprintf("%.1f,%.1f", x(i), y(value))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(i), y(value), c.color)
	}
	fmt.Fprintf(b, "\n"+`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", strings.Join(points, " "), c.color, dashes)
}

// roundUp finds the end of an axis: one, two or five of some power of ten.
func roundUp(v float64) float64 {
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
