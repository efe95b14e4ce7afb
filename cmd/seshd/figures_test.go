package main

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// figures are the samples of a scrape, by name and labels as they are written.
type figures map[string]float64

// scrape asks a server for its metrics, as Prometheus does.
func scrape(t *testing.T, p *process) (all figures, text string) {
	t.Helper()
	text, all = get(t, http.DefaultClient, "http://"+p.internal+"/metrics"), figures{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if at := strings.LastIndexByte(lines.Text(), ' '); at > 0 && lines.Text()[0] != '#' {
			value, err := strconv.ParseFloat(lines.Text()[at+1:], 64)
			if err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			all[lines.Text()[:at]] = value
		}
	}
	return all, text
}

// reaches waits until the figures are the wanted ones, since some are counted after the fact was told.
func reaches(t *testing.T, p *process, want figures) (all figures, text string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		all, text = scrape(t, p)
		wrong := ""
		for name, value := range want {
			if all[name] != value {
				wrong += "\n" + name + " is " + strconv.FormatFloat(all[name], 'g', -1, 64) + ", want " + strconv.FormatFloat(value, 'g', -1, 64)
			}
		}
		switch {
		case wrong == "":
			return all, text
		case time.Now().After(end):
			t.Fatalf("wrong figures:%s\n%s", wrong, text)
		}
	}
}

// families are the names of the samples, without labels.
func (f figures) families() map[string]bool {
	names := map[string]bool{}
	for sample := range f {
		name, _, _ := strings.Cut(sample, "{")
		names[name] = true
	}
	return names
}
