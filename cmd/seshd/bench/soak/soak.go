package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seshd/seshd/cmd/seshd/bench/rig"
)

// Sessions that nobody ends time out, and what is kept of ended ones (token records, until the cookie ends) goes by --lifetime: both
// soon, so that what may grow has come to its size when it is measured. No visit takes as long as either, with all its faults.
const (
	idle     = time.Minute
	lifetime = 5 * time.Minute
)

// What other times of a run are, as parts of its length.
const (
	spans     = 15 // sittings of a visitor: a short run has fewer
	leastSpan = 300 * time.Millisecond
	mostSpan  = 6 * time.Second

	restartPart = 3  // the first third of the length is for restarts
	restarts    = 10 // in it
	leastUp     = time.Second

	backups     = 20
	leastBackup = 2 * time.Second
)

// soak is one run.
type soak struct {
	options
	tally
	dir     string
	program string
	place   rig.Place
	key     string // of the server API
	client  *http.Client
	line    *line
	span    time.Duration // of a sitting, on average

	server *rig.Server   // of run
	began  time.Time     // that visitors come
	steady time.Duration // since then: the last restart is over
	over   time.Duration // the last visitor has gone

	churn    context.Context // over when no more visitors are to come
	watching sync.WaitGroup  // sessions that were left
	kept     keeping
	samples  sampling
	story    story
	checked  string // what seshd check says of the data directory in the end
}

func newSoak(o options, dir, program string) (s *soak, err error) {
	s = &soak{
		options: o, dir: dir, program: program, key: rand.Text() + rand.Text(),
		tally:  tally{counts: make(map[string]int)},
		span:   min(max(o.length/spans, leastSpan), mostSpan),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: o.visitors}},
		story:  story{last: "0", there: make(map[string]bool)},
	}
	if s.place, err = rig.NewPlace(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	// A connection is good for some sittings: most tabs see no fault, and some see several.
	s.line, err = newLine(s.place.Public, &s.tally, 2*s.span)
	return s, err
}

func (s *soak) data() string { return filepath.Join(s.dir, "data") }

// start starts the server: without limits, as all visitors come from one address, with short time-outs, and a cache that fills soon.
func (s *soak) start(ctx context.Context) error {
	args := append(s.place.Args(), "--data", s.data(), "--api-key", s.key, "--rate", "0", "--new-sessions", "0",
		"--idle-timeout", idle.String(), "--lifetime", lifetime.String(), "--shutdown-timeout", "2s",
		"--cache-bytes", strconv.Itoa(8<<20), "--log-format", "json", "--log-level", "warn")
	server, err := rig.Start(ctx, s.place, exec.CommandContext(ctx, s.program, args...))
	if err == nil {
		s.server = server
	}
	return err
}

// said is what the server logged last.
func (s *soak) said() []byte {
	if s.server == nil { // it never started, and the error has it
		return nil
	}
	return s.server.Said()
}

// run is the whole of it. Its error is that the run could not be made; what was found is in the tally and the samples.
func (s *soak) run(ctx context.Context) (err error) {
	defer s.line.close()
	if err = s.start(ctx); err != nil {
		return err
	}
	defer func() { s.server.Kill() }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	churn, last := context.WithTimeout(ctx, s.length)
	defer last()
	s.churn, s.began = churn, time.Now()
	if s.samples.fresh, err = s.read(ctx); err != nil {
		return err
	}
	var beside sync.WaitGroup
	beside.Go(func() { s.sample(ctx) })
	beside.Go(func() { s.follow(ctx) })
	for _, phase := range []struct {
		name string
		run  func(context.Context) error
	}{{"visitors come and go", s.crowd}, {"everybody has gone", s.rest}, {"a last kill, and a last stop", s.again}, {"what was told and what is there", s.agree}, {"the data directory is checked", s.check}} {
		if err == nil {
			fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), phase.name)
			err = phase.run(ctx)
		}
	}
	stop()
	beside.Wait()
	return err
}

// crowd lets visitors come and go, and returns when the last has gone.
func (s *soak) crowd(ctx context.Context) error {
	var visitors sync.WaitGroup
	for range s.visitors {
		visitors.Go(func() {
			for s.churn.Err() == nil {
				if err := s.live(ctx); err != nil && ctx.Err() == nil {
					s.violated("%v", err)
				}
			}
		})
	}
	visitors.Go(s.talkNonsense)
	visitors.Go(func() { s.backUp(ctx) })
	err := s.restartOften(ctx)
	s.steady = time.Since(s.began)
	if err == nil {
		<-s.churn.Done()
	}
	s.over = time.Since(s.began)
	visitors.Wait()
	s.watching.Wait()
	return errors.Join(err, ctx.Err())
}

// restartOften ends the server and starts it again, in one way and the other, until a third of the time is over.
func (s *soak) restartOften(ctx context.Context) error {
	until, up := s.began.Add(s.length/restartPart), max(s.length/restartPart/restarts, leastUp)
	for kill := true; time.Until(until) > up && ctx.Err() == nil; kill = !kill {
		pause(ctx, up)
		if err := s.restart(ctx, kill); err != nil {
			return err
		}
	}
	pause(ctx, time.Until(until))
	return ctx.Err()
}

func (s *soak) restart(ctx context.Context, kill bool) error {
	s.samples.mark(time.Since(s.began))
	if kill {
		s.count(cKills, 1)
		s.server.Kill()
	} else {
		s.count(cStops, 1)
		if err := s.server.Stop(); err != nil {
			s.violated("a stop by SIGTERM: %v", err)
		}
	}
	return s.start(ctx)
}

const (
	restWithin = 2 * time.Minute
	restAsk    = 500 * time.Millisecond
)

// rest waits until the server, which nobody uses any more, has no more goroutines and connections than when it was new.
func (s *soak) rest(ctx context.Context) error {
	s.line.calmDown()
	s.client.CloseIdleConnections()
	for began := time.Now(); ; pause(ctx, restAsk) {
		now, err := s.read(ctx)
		if err != nil {
			return err
		}
		s.samples.rest = now
		if s.samples.atRest() {
			return nil
		}
		if time.Since(began) > restWithin {
			return s.profile(ctx) // the verdict tells it
		}
	}
}

// profile keeps what the goroutines are that should not be there.
func (s *soak) profile(ctx context.Context) error {
	a, err := s.api(ctx, http.MethodGet, "/debug/pprof/goroutine?debug=1", "", "")
	if err != nil {
		return err
	}
	path := filepath.Join(s.out, "soak-goroutines.txt")
	fmt.Fprintln(os.Stderr, "what is still running is in", path)
	return os.WriteFile(path, a.body, 0o600)
}

// again kills the server once more, stops it once more, and looks at what was left: it is there, or has timed out.
func (s *soak) again(ctx context.Context) error {
	for _, kill := range []bool{true, false} {
		if err := s.restart(ctx, kill); err != nil {
			return err
		}
		for _, k := range s.kept.all() {
			err := k.visitor.verify(ctx)
			if err != nil && time.Since(k.left) < idle && ctx.Err() == nil {
				s.violated("session %s, after the last restart: %v", k.visitor.id, err)
			}
		}
	}
	return nil
}

// check has everything on disk read and held against each other, and keeps what there is.
func (s *soak) check(ctx context.Context) error {
	if err := s.server.Stop(); err != nil {
		s.violated("the last stop: %v", err)
	}
	out, err := exec.CommandContext(ctx, s.program, "check", "--data", s.data()).CombinedOutput()
	if err != nil {
		s.violated("seshd check: %v: %s", err, out)
	}
	s.checked = strings.TrimSpace(string(out))
	return ctx.Err()
}

// keeping is the sessions that were left last.
type keeping struct {
	mu       sync.Mutex // guards visitors
	visitors []leftBehind
}

type leftBehind struct {
	visitor *visitor
	left    time.Time
}

func (k *keeping) keep(v *visitor, left time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.visitors = append(k.visitors, leftBehind{v, left})
}

func (k *keeping) all() []leftBehind {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.visitors
}
