package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/pebblestore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, so session.Options, ho Options) (*session.Manager, *Hub) {
	t.Helper()
	so.Logger = slog.New(slog.DiscardHandler)
	store, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Logger: so.Logger})
	if err != nil {
		t.Fatal(err)
	}
	m := session.NewManager(store, so)
	h := New(m, ho)
	t.Cleanup(func() {
		h.Close()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, h
}

// reader is a tab that checks what it is told: no gap, no repeat, and content that adds up.
type reader struct {
	t        rapid.TB
	tab      *Tab
	wake     chan struct{}
	goesBack bool // versions may go down

	version uint64
	data    map[string]json.RawMessage
	tabs    int
	frames  []wire // in the order read
}

type wire struct {
	Type    Type
	From    uint64
	Version uint64
	Data    map[string]json.RawMessage
	Set     map[string]json.RawMessage
	Delete  []string
	By      string
	Tabs    int
}

func join(t *testing.T, h *Hub, handle session.Handle, since *uint64) *reader {
	t.Helper()
	r, err := tryJoin(t, h, handle, since)
	if err != nil {
		t.Fatalf("Join: %v", err)
	}
	return r
}

func tryJoin(t *testing.T, h *Hub, handle session.Handle, since *uint64) (*reader, error) {
	r, err := newReader(t, h, handle, since)
	if err == nil {
		t.Cleanup(r.tab.Leave)
	}
	return r, err
}

func newReader(t rapid.TB, h *Hub, handle session.Handle, since *uint64) (*reader, error) {
	r := &reader{t: t, wake: make(chan struct{}, 1), data: map[string]json.RawMessage{}}
	var err error
	r.tab, err = h.Join(context.Background(), Join{Handle: handle, Since: since, Wake: func() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}})
	return r, err
}

// read takes what there is to tell.
func (r *reader) read() *Bye {
	r.t.Helper()
	frames, bye := r.tab.Next(nil)
	for _, f := range frames {
		var w wire
		if err := json.Unmarshal(f.JSON, &w); err != nil {
			r.t.Fatalf("frame %s: %v", f.JSON, err)
		}
		r.frames = append(r.frames, w)
		switch w.Type {
		case Session:
			if w.Version < r.version && !r.goesBack {
				r.t.Errorf("version %d after %d", w.Version, r.version)
			}
			r.version, r.data, r.tabs = w.Version, w.Data, w.Tabs
		case Change:
			if w.From != r.version || w.Version < w.From {
				r.t.Errorf("a change from %d to %d for a reader at %d", w.From, w.Version, r.version)
			}
			r.version = w.Version
			for key, value := range w.Set {
				r.data[key] = value
			}
			for _, key := range w.Delete {
				delete(r.data, key)
			}
		case Tabs:
			r.tabs = w.Tabs
		}
	}
	return bye
}

// until reads until ok says so.
func (r *reader) until(what string, ok func(bye *Bye) bool) {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for !ok(r.read()) {
		select {
		case <-r.wake:
		case <-deadline:
			r.t.Fatalf("never came: %s; at version %d with %d tabs", what, r.version, r.tabs)
		}
	}
}

func (r *reader) untilVersion(v uint64) {
	r.t.Helper()
	r.until(fmt.Sprint("version ", v), func(*Bye) bool { return r.version >= v })
}

func (r *reader) last() wire { return r.frames[len(r.frames)-1] }

func (r *reader) lastContent() wire {
	at := len(r.frames) - 1
	for r.frames[at].Type == Tabs {
		at--
	}
	return r.frames[at]
}

func set(t *testing.T, m *session.Manager, h session.Handle, key, value string) uint64 {
	t.Helper()
	return mutate(t, m, h, session.Mutation{Set: map[string]json.RawMessage{key: json.RawMessage(value)}})
}

func mutate(t *testing.T, m *session.Manager, h session.Handle, mut session.Mutation) uint64 {
	t.Helper()
	result, err := m.Apply(context.Background(), session.Submission{Handle: h, By: session.ByCode, Mutation: &mut})
	if err != nil {
		t.Fatalf("Apply: %v", err)
	}
	return result.State.Version
}

func TestTabsSeeEachChange(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	a, b := join(t, h, handle, nil), join(t, h, handle, nil)
	a.until("two tabs", func(*Bye) bool { return a.tabs == 2 })
	b.until("two tabs", func(*Bye) bool { return b.tabs == 2 })
	set(t, m, handle, "fruit", `"cherries"`)
	a.untilVersion(1)
	b.untilVersion(1)
	if w := b.last(); w.Type != Change || w.By != "code" || string(b.data["fruit"]) != `"cherries"` {
		t.Errorf("told %+v", w)
	}
	a.tab.Leave()
	b.until("one tab", func(*Bye) bool { return b.tabs == 1 })
	if h.Tabs(context.Background(), handle.ID) != 1 || len(listed(t, h, handle.ID)) != 1 {
		t.Error("the hub counts another number of tabs")
	}
	b.tab.Leave()
	if h.Rooms() != 0 {
		t.Errorf("%d rooms without tabs", h.Rooms())
	}
}

func listed(t *testing.T, h *Hub, id session.ID) []Info {
	t.Helper()
	infos, err := h.List(context.Background(), id)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	return infos
}

// TestSlowTabGetsOneFold: a tab that reads late gets everything at once, without saying who did it.
func TestSlowTabGetsOneFold(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	slow := join(t, h, handle, nil)
	slow.read()
	for i := range 50 {
		set(t, m, handle, fmt.Sprint("k", i%3), fmt.Sprint(i))
	}
	mutate(t, m, handle, session.Mutation{Delete: []string{"k1"}})
	frames := len(slow.frames)
	slow.read()
	if w := slow.last(); len(slow.frames) != frames+1 || w.From != 0 || w.Version != 51 || w.By != "" {
		t.Errorf("%d frames, the last %+v", len(slow.frames)-frames, w)
	}
	if fmt.Sprintf("%s", slow.data) != "map[k0:48 k2:47]" {
		t.Errorf("led to %s", slow.data)
	}
}

func TestResume(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	for i := range 5 {
		set(t, m, handle, "n", fmt.Sprint(i))
	}
	for since, want := range map[uint64]Type{3: Change, 5: Change, 6: Session, 0: Change} {
		r := join(t, h, handle, &since)
		r.version = since
		if want == Session {
			r.version = 0
		}
		r.read()
		if first := r.frames[0]; first.Type != want || first.Version != 5 || first.Type == Change && first.From != since {
			t.Errorf("since %d: %+v", since, first)
		}
		if want == Change && (len(r.frames) != 2 || r.frames[1].Type != Tabs) {
			t.Errorf("since %d: no tabs frame after the change", since)
		}
		r.tab.Leave()
	}
	for i := range session.MaxDeletions + 1 { // what was deleted that long ago cannot be told
		key := fmt.Sprint("d", i)
		set(t, m, handle, key, "1")
		mutate(t, m, handle, session.Mutation{Delete: []string{key}})
	}
	since := uint64(5)
	r := join(t, h, handle, &since)
	r.read()
	if r.frames[0].Type != Session {
		t.Errorf("a reader from before the floor got %+v", r.frames[0])
	}
}

// TestJoinsWithoutGap joins tabs while others write: each chain of frames must be whole, and all must converge.
func TestJoinsWithoutGap(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	const writers, writes, joiners = 4, 50, 30
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range writes {
				set(t, m, handle, fmt.Sprint("k", w), fmt.Sprint(i))
			}
		})
	}
	for range joiners {
		all.Go(func() {
			r := join(t, h, handle, nil)
			r.untilVersion(writers * writes)
			for w := range writers {
				if got := string(r.data[fmt.Sprint("k", w)]); got != fmt.Sprint(writes-1) {
					t.Errorf("k%d is %s", w, got)
				}
			}
		})
	}
	all.Wait()
}

func TestEndClosesTabs(t *testing.T) {
	for _, written := range []bool{true, false} {
		t.Run(fmt.Sprint("written ", written), func(t *testing.T) {
			m, h := start(t, session.Options{}, Options{})
			_, handle := m.Begin()
			if written {
				set(t, m, handle, "a", "1")
			}
			r := join(t, h, handle, nil)
			if err := m.Destroy(context.Background(), handle, nil); err != nil {
				t.Fatal(err)
			}
			r.until("bye", func(bye *Bye) bool { return bye != nil && bye.Code == "destroyed" })
			if _, err := tryJoin(t, h, handle, nil); session.CodeOf(err) != session.NoSuchSession {
				t.Errorf("joining an ended session: %v", err)
			}
		})
	}
}

func TestTabsTimeOut(t *testing.T) {
	for _, written := range []bool{true, false} {
		t.Run(fmt.Sprint("written ", written), func(t *testing.T) {
			o := session.Options{IdleTimeout: time.Second}
			if !written { // only the absolute end counts
				o = session.Options{Lifetime: time.Second}
			}
			m, h := start(t, o, Options{CloseIdleTabs: true})
			_, handle := m.Begin()
			if written {
				set(t, m, handle, "a", "1")
			}
			began := time.Now()
			r := join(t, h, handle, nil)
			r.until("bye", func(bye *Bye) bool { return bye != nil && bye.Code == "expired" })
			if early := time.Since(began); early < 990*time.Millisecond {
				t.Errorf("timed out after %v", early)
			}
		})
	}
}

// TestOpenTabKeepsAlive waits through several time-outs, as counted by the store's own touches.
func TestOpenTabKeepsAlive(t *testing.T) {
	const idle = time.Second // a busy machine stands still for a part of that
	m, h := start(t, session.Options{IdleTimeout: idle}, Options{})
	_, handle := m.Begin()
	set(t, m, handle, "a", "1")
	r := join(t, h, handle, nil)
	r.read()
	begun, err := m.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(idle / 10)
	defer tick.Stop()
	for range tick.C {
		if bye := r.read(); bye != nil {
			t.Fatalf("the tab was closed: %v", bye)
		}
		now, err := m.Load(context.Background(), handle)
		if err != nil {
			t.Fatalf("the session timed out under an open tab: %v", err)
		}
		if now.Touched.Sub(begun.Touched) > 3*idle {
			return
		}
	}
}

func TestTooManyTabs(t *testing.T) {
	m, h := start(t, session.Options{MaxTabs: 2}, Options{})
	_, handle := m.Begin()
	first := join(t, h, handle, nil)
	join(t, h, handle, nil)
	var bye *Bye
	if _, err := tryJoin(t, h, handle, nil); !errors.As(err, &bye) || bye.Code != "too_many_tabs" || !strings.Contains(bye.Message, "2") {
		t.Errorf("a third tab of two: %v", err)
	}
	first.tab.Leave()
	first.tab.Leave() // twice is once
	join(t, h, handle, nil)
}

func TestDrain(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	r := join(t, h, handle, nil)
	h.Drain(context.Background(), time.Second)
	r.until("bye", func(bye *Bye) bool { return bye == Restarting })
	if _, err := tryJoin(t, h, handle, nil); !errors.Is(err, error(Restarting)) {
		t.Errorf("joining a draining hub: %v", err)
	}
}

// TestDrainAtOnce: without time to spread them over nobody waits for a turn.
func TestDrainAtOnce(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	tabs := []*reader{join(t, h, handle, nil), join(t, h, handle, nil)}
	late, cancel := context.WithCancel(context.Background())
	cancel()
	h.Drain(late, 0)
	for _, r := range tabs {
		r.until("bye", func(bye *Bye) bool { return bye == Restarting })
	}
}

// TestPrivateKeysAreNotTold: a change of a private key is a version, and nothing else.
func TestPrivateKeysAreNotTold(t *testing.T) {
	m, h := start(t, session.Options{TabRead: session.Globs{"cart*"}}, Options{})
	_, handle := m.Begin()
	set(t, m, handle, "_secret", "1")
	r := join(t, h, handle, nil)
	r.read()
	set(t, m, handle, "_secret", "2")
	set(t, m, handle, "hidden", "2")
	r.untilVersion(3)
	mutate(t, m, handle, session.Mutation{Delete: []string{"_secret", "hidden"}})
	set(t, m, handle, "cart", "[]")
	r.untilVersion(5)
	for _, w := range r.frames {
		if text := fmt.Sprint(w); strings.Contains(text, "secret") || strings.Contains(text, "hidden") {
			t.Errorf("told %s", text)
		}
	}
	if string(r.data["cart"]) != "[]" || len(r.data) != 1 {
		t.Errorf("led to %s", r.data)
	}
}

// TestRemovedDeviceIsClosed gives the room a record that no longer lists the tab's device.
func TestRemovedDeviceIsClosed(t *testing.T) {
	m, h := start(t, session.Options{}, Options{})
	_, handle := m.Begin()
	set(t, m, handle, "a", "1")
	r := join(t, h, handle, nil)
	r.read()
	record, err := m.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	next := *record
	next.Epoch++
	next.Devices = []session.Device{{ID: session.DeviceID{1}, Ends: time.Now().Add(time.Hour)}}
	next.State, err = record.State.Apply(&session.Mutation{Set: map[string]json.RawMessage{"a": json.RawMessage(`"theirs"`)}}, session.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	h.commit(session.Event{ID: handle.ID, Record: &next, Cause: session.LoggedOut, Gone: []session.DeviceID{handle.Device}})
	r.until("bye", func(bye *Bye) bool { return bye == LoggedOut })
	if string(r.data["a"]) != "1" {
		t.Error("a device that was logged out saw what came after")
	}
}

// TestATabMoreAllocatesNothing: what a commit is told by is made once for all tabs.
func TestATabMoreAllocatesNothing(t *testing.T) {
	const runs, slack = 100, 2 // beside the test what runs in the background may allocate
	one, many := testing.AllocsPerRun(runs, committer(1)), testing.AllocsPerRun(runs, committer(100))
	if many > one+slack {
		t.Errorf("a commit to 100 tabs makes %v allocations, one to a single tab %v", many, one)
	}
}

func BenchmarkCommitToTabs(b *testing.B) {
	for _, tabs := range []int{1, 5, 100} {
		b.Run(fmt.Sprint(tabs), func(b *testing.B) {
			commit := committer(tabs)
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
		})
	}
}

// committer makes a room with so many tabs. Each call commits to it and has every tab told, as writers do: into room of their own.
func committer(tabs int) (commit func()) {
	r := &room{hub: &Hub{manager: new(session.Manager)}, tabs: make(map[*Tab]struct{})}
	var readers []*Tab
	for range tabs {
		t := &Tab{room: r, greeted: true, toldTabs: tabs, join: Join{Wake: func() {}}}
		r.tabs[t] = struct{}{}
		readers = append(readers, t)
	}
	record := &session.Record{State: &session.State{}}
	m := session.Mutation{Incr: map[string]json.RawMessage{"n": json.RawMessage("1")}}
	var frames [2]Frame
	return func() {
		next := *record
		next.State, _ = record.State.Apply(&m, session.Rules{})
		next.Devices = []session.Device{{Ends: time.Now().Add(time.Hour)}}
		record = &next
		r.adopt(session.Event{Record: record})
		for _, t := range readers {
			t.Next(frames[:0])
		}
	}
}
