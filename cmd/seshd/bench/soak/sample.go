package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// series is something that is looked at every second.
type series int

const (
	memory     series = iota // resident
	heap                     // of Go, with its garbage
	goroutines               //
	files                    // descriptors
	disk                     // bytes in the data directory
	stored                   // sessions
	tabs                     //
	cpu                      // of one core
	writes                   // a second
	p99                      // of writes: the end of the bucket that it is in
	seriesCount
)

// reading is what each of them was at a moment.
type reading struct {
	at     time.Duration // since the beginning
	values [seriesCount]float64
}

// sampling is all readings of a run.
type sampling struct {
	fresh reading // of the server that was just started on nothing
	rest  reading // when everybody had gone

	mu    sync.Mutex // guards the rest
	all   []reading
	marks []time.Duration // restarts
}

func (s *sampling) add(r reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, r)
}

func (s *sampling) mark(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks = append(s.marks, at)
}

const sampleEach = time.Second

// sample reads all series until ctx is over. While the server is down there is nothing to read.
func (s *soak) sample(ctx context.Context) {
	var before numbers
	for ; ctx.Err() == nil; pause(ctx, sampleEach) {
		now, err := s.scrape(ctx)
		if err != nil {
			before = nil
			continue
		}
		r := s.reading(now)
		if before != nil {
			r.values[cpu], r.values[writes], r.values[p99] = now.since(before)
			s.samples.add(r)
		}
		before = now
	}
}

// read reads what does not need two moments.
func (s *soak) read(ctx context.Context) (reading, error) {
	now, err := s.scrape(ctx)
	return s.reading(now), err
}

func (s *soak) reading(n numbers) reading {
	r := reading{at: time.Since(s.began)}
	r.values[memory] = n["process_resident_memory_bytes"]
	r.values[heap] = n["go_memstats_heap_alloc_bytes"]
	r.values[goroutines] = n["go_goroutines"]
	r.values[files] = n["process_open_fds"]
	r.values[tabs] = n.sum("seshd_tabs{")
	r.values[disk] = float64(bytesIn(s.data()))
	r.values[stored] = float64(s.story.sessions())
	return r
}

// bytesIn is the size of all files in a directory. What is deleted meanwhile counts for nothing.
func bytesIn(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// numbers are those of /metrics, by their names with labels.
type numbers map[string]float64

func (s *soak) scrape(ctx context.Context) (numbers, error) {
	response, err := s.send(ctx, request{method: http.MethodGet, url: s.place.Metrics()})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return parseNumbers(response.Body)
}

func parseNumbers(from io.Reader) (numbers, error) {
	n := make(numbers)
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		at := strings.LastIndexByte(lines.Text(), ' ')
		if at < 0 || lines.Text()[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(lines.Text()[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("a metric is %q", lines.Text())
		}
		n[lines.Text()[:at]] = value
	}
	return n, lines.Err()
}

// sum adds up what has the same name.
func (n numbers) sum(prefix string) (total float64) {
	for name, value := range n {
		if strings.HasPrefix(name, prefix) {
			total += value
		}
	}
	return total
}

const (
	cpuSeconds   = "process_cpu_seconds_total"
	answered     = "seshd_mutation_seconds_count"
	answerBucket = `seshd_mutation_seconds_bucket{le="`
)

// since is what was done since an earlier moment, which is about a second ago.
func (n numbers) since(before numbers) (cpu, writes, p99 float64) {
	total := n[answered] - before[answered]
	for name, value := range n {
		text, ok := strings.CutPrefix(name, answerBucket)
		if !ok || value-before[name] < total*99/100 {
			continue
		}
		if end, err := strconv.ParseFloat(strings.TrimSuffix(text, `"}`), 64); err == nil && (p99 == 0 || end < p99) {
			p99 = end
		}
	}
	return (n[cpuSeconds] - before[cpuSeconds]) / sampleEach.Seconds(), total / sampleEach.Seconds(), p99
}
