package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// A short soak breaks no promise, and leaves nothing behind. Whether anything grows shows only in a longer one.
func TestAShortSoak(t *testing.T) {
	o, dir := options{length: 6 * time.Second, visitors: 8}, t.TempDir()
	if os.Getenv("SESHD_PROVE") != "" {
		o = options{length: time.Minute, visitors: 50}
	}
	o.out = dir
	program := filepath.Join(dir, "seshd")
	if err := rig.Build(t.Context(), "../..", program); err != nil {
		t.Fatal(err)
	}
	s, err := newSoak(o, dir, program)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.run(t.Context()); err != nil {
		t.Fatalf("%v; the server said:\n%s", err, s.said())
	}
	for _, violation := range s.violations {
		t.Error(violation)
	}
	if !s.samples.atRest() {
		t.Errorf("when everybody had gone: %v, at first %v", s.samples.rest, s.samples.fresh)
	}
	for _, what := range []string{cSessions, cWrites, cTabs, cFrames, cVerified, cStory, cBackups, cStops, cKills} {
		if s.counts[what] == 0 {
			t.Errorf("no %s", what)
		}
	}
	r := s.result()
	if len(r.samples.all) == 0 || len(r.findings) != len(bounds) {
		t.Errorf("%d readings, %d findings", len(r.samples.all), len(r.findings))
	}
	checkPlot(t, r)
}

func checkPlot(t *testing.T, r result) {
	t.Helper()
	var b strings.Builder
	if err := r.plot(&b); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			lines++
		}
	}
	if lines != rows*columns {
		t.Errorf("%d lines, want one in each of %d panels", lines, rows*columns)
	}
}

// made is a soak of half an hour whose series are what they are said to be, and whose server was restarted in the first third.
func made(values func(minute float64) [seriesCount]float64) result {
	s := &soak{options: options{length: 30 * time.Minute}, tally: tally{counts: map[string]int{}}, steady: 10 * time.Minute, over: 30 * time.Minute}
	for at := time.Duration(0); at < s.length; at += sampleEach {
		s.samples.all = append(s.samples.all, reading{at, values(at.Minutes())})
	}
	return s.result()
}

// flat is a server that has come to its size: with the teeth that garbage and memtables make, a peak, and growth while it was young.
func flat(minute float64) (v [seriesCount]float64) {
	tooth := minute - float64(int(minute))
	young := min(minute, 9)
	v = [seriesCount]float64{
		memory: (60 + 5*young + 30*tooth) * mib, heap: (20 + 25*tooth) * mib, goroutines: 300 + 40*tooth, files: 350, disk: (100 + 32*tooth) * mib,
	}
	if minute > 25 && minute < 25.5 {
		v[goroutines] += 2000
	}
	return v
}

func TestFlatIsFlat(t *testing.T) {
	if r := made(flat); !r.passed() {
		t.Errorf("%s", r.failures())
	}
}

// What rises is found and named, in each of the series alone.
func TestGrowthIsFound(t *testing.T) {
	for _, b := range bounds {
		slope := max(b.more, b.part*flat(0)[b.series]) / 10 // for the 13 minutes between the middles of both thirds
		r := made(func(minute float64) [seriesCount]float64 {
			v := flat(minute)
			v[b.series] += slope * minute
			return v
		})
		if text := r.failures(); !strings.HasPrefix(text, b.title+" grew from ") || strings.Count(text, "\n") != 1 {
			t.Errorf("%s grows, and this is found: %q", b.title, text)
		}
		var report strings.Builder
		if err := r.report(&report); err != nil || !strings.Contains(report.String(), "**This run failed:**") || !strings.Contains(report.String(), b.title+" grew from ") {
			t.Errorf("%v: %s", err, &report)
		}
	}
}

func TestWhatStaysBehindIsFound(t *testing.T) {
	r := made(flat)
	r.samples.rest.values[goroutines] = spareGoroutines + 1
	if text := r.failures(); !strings.HasPrefix(text, "when everybody had gone there were 6 goroutines") {
		t.Errorf("%q", text)
	}
}

func TestABrokenPromiseIsAFailure(t *testing.T) {
	r := made(flat)
	for range maxTold + 1 {
		r.violated("session x: %d writes were acknowledged, %d counted", 2, 1)
	}
	if text := r.failures(); !strings.HasPrefix(text, "broken: session x: 2 writes were acknowledged, 1 counted\n") || !strings.HasSuffix(text, "and 1 more of these\n") {
		t.Errorf("%q", text)
	}
}

// A tab's frames are held against those before them.
func TestBadFramesAreFound(t *testing.T) {
	const first = `{"type":"session","id":"a","version":3,"data":{},"tabs":1,"expires":""}`
	for name, test := range map[string]struct {
		frames []string
		good   bool
	}{
		"in order":             {[]string{first, `{"type":"change","from":3,"version":5,"set":{},"delete":[]}`, `{"type":"ok","id":1,"version":5}`, `{"type":"new"}`}, true},
		"a gap":                {[]string{first, `{"type":"change","from":4,"version":5,"set":{},"delete":[]}`}, false},
		"a step back":          {[]string{first, `{"type":"session","id":"a","version":2}`}, false},
		"another session":      {[]string{first, `{"type":"session","id":"b","version":9}`}, false},
		"an answer twice":      {[]string{first, `{"type":"ok","id":1,"version":3}`, `{"type":"ok","id":1,"version":3}`}, false},
		"an answer too soon":   {[]string{first, `{"type":"ok","id":1,"version":4}`}, false},
		"a refusal":            {[]string{first, `{"type":"error","id":1,"code":"conflict"}`}, false},
		"no frame":             {[]string{first, `{`}, false},
		"a change comes first": {[]string{`{"type":"change","from":3,"version":4,"set":{},"delete":[]}`}, false},
	} {
		told := newTold()
		var err error
		for _, frame := range test.frames {
			if err == nil {
				_, err = told.Write([]byte(frame))
			}
		}
		if (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWritesAreCompared(t *testing.T) {
	for name, test := range map[string]struct {
		counter, log string
		good         bool
	}{
		"all":        {"3", "[1,2,3]", true},
		"one lost":   {"2", "[1,2]", false},
		"twice":      {"4", "[1,2,3,3]", false},
		"turned":     {"3", "[1,3,2]", false},
		"nothing":    {"", "", false},
		"not logged": {"3", "[1,2]", false},
	} {
		if err := compare([]byte(test.counter), []byte(test.log), 3); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := compare(nil, nil, 0); err != nil {
		t.Error(err)
	}
}
