package main

import (
	"io"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench"
	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// The plot's measures, in pixels.
const (
	panelWidth  = 380
	panelHeight = 120
	gapX        = 70
	gapY        = 70
	columns     = 2
	rows        = 3
	legendAt    = 20 // below the last panel
	points      = 300
)

// plot draws what matters over time, each in a panel of its own, with the restarts.
func (r result) plot(w io.Writer) error {
	to := rig.NewPlot(columns*(panelWidth+gapX)+gapX/2, rows*(panelHeight+gapY)+gapY)
	for i, of := range []struct {
		series series
		title  string
		scale  float64
	}{
		{memory, "resident memory, MiB", mib}, {goroutines, "goroutines", 1},
		{files, "open files", 1}, {disk, "data directory, MiB", mib},
		{stored, "sessions stored", 1}, {tabs, "tabs open", 1},
	} {
		r.panel(to, gapX+i%columns*(panelWidth+gapX), gapY+i/columns*(panelHeight+gapY), of.series, of.title, of.scale)
	}
	to.Drawf(`<text x="%d" y="%d" fill="#777">Time goes to the right, %v in all. Dashed: a restart, by SIGTERM or SIGKILL. Grey: what is measured.</text>`+"\n",
		gapX, rows*(panelHeight+gapY)+legendAt+gapY/2, r.over.Round(time.Second))
	_, err := to.WriteTo(w)
	return err
}

func (r result) panel(to *rig.Plot, left, above int, of series, title string, scale float64) {
	shown := thinned(r.samples.all, of, r.over)
	values, highest := make([]float64, len(shown)), 0.0
	for i, at := range shown {
		values[i] = at.values[of] / scale
		highest = max(highest, values[i])
	}
	x := func(at time.Duration) float64 { return float64(left) + panelWidth*float64(at)/float64(r.over) }
	p := rig.Panel{Left: left, Above: above, Width: panelWidth, Height: panelHeight, Top: rig.RoundUp(highest), Readable: bench.Readable}
	to.Drawf(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="#f4f4f4"/>`+"\n", x(r.steady), above, x(r.over)-x(r.steady), panelHeight)
	p.Frame(to, title)
	for _, at := range r.samples.marks {
		if at < r.over {
			to.Drawf(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#999" stroke-dasharray="2 3"/>`+"\n", x(at), above, x(at), above+panelHeight)
		}
	}
	p.Line(to, values, func(i int) float64 { return x(shown[i].at) }, `stroke="#b3003c" stroke-width="1.5"`)
	to.Drawf(`<text x="%d" y="%d">0</text><text x="%d" y="%d" text-anchor="end">%v</text>`+"\n",
		left, above+panelHeight+16, left+panelWidth, above+panelHeight+16, r.over.Round(time.Second))
}

// thinned keeps of each stretch of time the reading in which the series was highest, so that no peak is hidden.
func thinned(all []reading, of series, over time.Duration) (kept []reading) {
	each := over / points
	for _, r := range all {
		if r.at > over {
			break
		}
		if n := len(kept); n > 0 && kept[n-1].at/max(each, 1) == r.at/max(each, 1) {
			if r.values[of] > kept[n-1].values[of] {
				kept[n-1] = r
			}
			continue
		}
		kept = append(kept, r)
	}
	return kept
}
