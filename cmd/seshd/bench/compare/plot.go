package main

import (
	"fmt"
	"io"

	"github.com/seshd/seshd/cmd/seshd/bench"
	"github.com/seshd/seshd/cmd/seshd/bench/rig"
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
	to := rig.NewPlot(plotWidth, plotHeight)
	l.panel(to, margin, "server CPU per delivery, µs", mLoad, "server_cpu_us_per_delivery")
	l.panel(to, 2*margin+panelWidth, "server RSS per idle tab, bytes", mIdle, "rss_per_tab_bytes")
	_, err := to.WriteTo(w)
	return err
}

func (l *lab) panel(to *rig.Plot, left int, title string, measurement func(int) string, key string) {
	curves := []curve{{name: seshd, color: "#b3003c"}, {name: "the floor (bare gorilla)", color: "#555", dashed: true}}
	highest := 0.0
	for i, server := range []string{seshd, floor} {
		for _, tabs := range l.tabCounts() {
			value, _ := l.results.median(measurement(tabs), server, key)
			curves[i].values = append(curves[i].values, value)
			highest = max(highest, value)
		}
	}
	p := rig.Panel{Left: left, Above: margin, Width: panelWidth, Height: panelHeight, Top: rig.RoundUp(highest), Readable: bench.Readable}
	x := func(i int) float64 {
		return float64(left) + panelWidth*(float64(i)+0.5)/float64(len(l.tabCounts()))
	}
	p.Frame(to, title)
	for i, tabs := range l.tabCounts() {
		to.Drawf(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(i), margin+panelHeight+18, readableCount(tabs))
	}
	to.Drawf(`<text x="%d" y="%d" text-anchor="middle">tabs</text>`+"\n", left+panelWidth/2, margin+panelHeight+36)
	for n, c := range curves {
		c.draw(to, p, x)
		to.Drawf(`<text x="%d" y="%d" fill="%s">%s</text>`+"\n", left+8, margin+panelHeight-26+16*n, c.color, c.name)
	}
}

func (c curve) draw(to *rig.Plot, p rig.Panel, x func(int) float64) {
	style := fmt.Sprintf(`stroke="%s" stroke-width="2"`, c.color)
	if c.dashed {
		style += ` stroke-dasharray="6 4"`
	}
	for i, value := range c.values {
		to.Drawf(`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(i), p.Y(value), c.color)
	}
	p.Line(to, c.values, x, style)
}
