package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/seshd/seshd/session"
)

// TestNodesConverge lets servers that share a store do what they do while their wire loses, repeats and reorders, and they are cut
// off and come back. Once all is quiet every tab has what the store has and counts as many tabs as there are, without having
// been told anything that was committed after its device's end.
func TestNodesConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 3, session.Options{Rate: -1, NewSessions: -1}, Options{})
		runs := 0
		hidden := struct{ rapid.TB }{t} // a *testing.T would be asked for its Deadline, which it has none of in here
		rapid.Check(hidden, func(rt *rapid.T) {
			runs++
			x := &scenario{cluster: c, t: rt, user: fmt.Sprint("ann", runs)}
			x.login()
			x.id = x.devices[0].handle.ID
			defer x.leave()
			rt.Repeat(map[string]func(*rapid.T){
				"":        func(*rapid.T) { x.check() },
				"write":   func(*rapid.T) { x.write() },
				"write 2": func(*rapid.T) { x.write() },
				"join":    func(*rapid.T) { x.join() },
				"join 2":  func(*rapid.T) { x.join() },
				"leave":   func(*rapid.T) { x.leaveOne() },
				"read":    func(*rapid.T) { x.readOne() },
				"login":   func(*rapid.T) { x.login() },
				"end":     func(*rapid.T) { x.end() },
				"wire":    func(*rapid.T) { x.wire() },
				"cut":     func(*rapid.T) { x.cut() },
				"wait":    func(*rapid.T) { <-time.After(x.duration()) },
			})
			x.quiet()
		})
	})
}

// scenario is one session, the devices it had, and the tabs that are open. Where it was ended nothing more is done to it.
type scenario struct {
	cluster *cluster
	t       *rapid.T
	user    string
	id      session.ID
	devices []*device
	tabs    []*openTab
	ended   bool
}

type device struct {
	handle session.Handle
	out    bool
	until  uint64 // the version at which it went out
}

type openTab struct {
	*reader
	device *device
}

func draw[T any](x *scenario, what string, from []T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(x.t, what)]
}

func (x *scenario) duration() time.Duration {
	return draw(x, "pause", []time.Duration{time.Millisecond, countPause, lookPause, 5 * time.Second})
}

// connected is a node that reaches the store; there always is one.
func (x *scenario) connected() *node {
	var some []*node
	for _, n := range x.cluster.nodes {
		if n.reach() == nil {
			some = append(some, n)
		}
	}
	return draw(x, "at", some)
}

func (x *scenario) version() uint64 {
	r, err := x.cluster.nodes[0].Store.Load(context.Background(), x.id)
	if err != nil {
		x.t.Fatal(err)
	}
	if r == nil {
		return 0
	}
	return r.State.Version
}

// live are the devices that may; nil where nothing is left to be done.
func (x *scenario) live() (live []*device) {
	for _, d := range x.devices {
		if !d.out && !x.ended {
			live = append(live, d)
		}
	}
	return live
}

func (x *scenario) login() {
	if x.ended {
		return
	}
	m := x.connected().manager
	_, visitor := m.Begin()
	into, err := m.Login(context.Background(), visitor, session.Login{User: x.user, Shared: true})
	if err != nil {
		x.t.Fatalf("login: %v", err)
	}
	x.devices = append(x.devices, &device{handle: into.Handle})
}

func (x *scenario) write() {
	live := x.live()
	if len(live) == 0 {
		return
	}
	m := session.Mutation{Incr: map[string]json.RawMessage{draw(x, "key", []string{"a", "b", "c"}): json.RawMessage("1")}}
	if rapid.Bool().Draw(x.t, "delete") {
		m.Delete = []string{draw(x, "deleted", []string{"d", "e"})}
	} else {
		m.Set = map[string]json.RawMessage{draw(x, "set", []string{"d", "e"}): json.RawMessage("true")}
	}
	s := session.Submission{Handle: draw(x, "by", live).handle, By: session.ByHTTP, Mutation: &m}
	if _, err := x.connected().manager.Apply(context.Background(), s); err != nil {
		x.t.Fatalf("write: %v", err)
	}
}

// join also tries what is to be refused.
func (x *scenario) join() {
	d, n := draw(x, "joins", x.devices), draw(x, "at", x.cluster.nodes)
	var since *uint64
	if rapid.Bool().Draw(x.t, "resumes") {
		none := uint64(0)
		since = &none
	}
	r, err := newReader(x.t, n.hub, d.handle, since)
	if may := !d.out && !x.ended && n.reach() == nil; may != (err == nil) {
		x.t.Fatalf("join of a device that may (%v): %v", may, err)
	}
	if err == nil {
		x.tabs = append(x.tabs, &openTab{r, d})
	}
}

func (x *scenario) leaveOne() {
	if len(x.tabs) == 0 {
		return
	}
	at := rapid.IntRange(0, len(x.tabs)-1).Draw(x.t, "leaves")
	x.tabs[at].tab.Leave()
	x.tabs = slices.Delete(x.tabs, at, at+1)
}

func (x *scenario) leave() {
	for _, tab := range x.tabs {
		tab.tab.Leave()
	}
	for _, n := range x.cluster.nodes {
		n.locked(func() { n.cut, n.held, n.inbox = false, false, nil })
	}
}

func (x *scenario) readOne() {
	if len(x.tabs) > 0 {
		x.read(draw(x, "reads", x.tabs))
	}
}

// read reads what a tab is told; one that gets a bye leaves, as a connection does.
func (x *scenario) read(tab *openTab) {
	bye := tab.reader.read()
	if tab.device.out && tab.version > tab.device.until {
		x.t.Fatalf("a device that was out at version %d was told version %d", tab.device.until, tab.version)
	}
	if bye == nil {
		return
	}
	if !tab.device.out {
		x.t.Fatalf("a tab whose device is in got %v", bye)
	}
	tab.tab.Leave()
	x.tabs = slices.DeleteFunc(x.tabs, func(other *openTab) bool { return other == tab })
}

func (x *scenario) readAll() {
	for _, tab := range slices.Clone(x.tabs) {
		x.read(tab)
	}
}

// end ends a device's part, in one of the ways there are, or all at once.
func (x *scenario) end() {
	live := x.live()
	if len(live) == 0 {
		return
	}
	d, m, ctx := draw(x, "ends", live), x.connected().manager, context.Background()
	until := x.version()
	gone := []*device{d}
	var err error
	switch how := draw(x, "how", []string{"logout", "logout", "rotate", "rotate", "others", "destroy"}); how {
	case "logout":
		err = m.Logout(ctx, d.handle, session.This)
	case "others":
		gone = slices.DeleteFunc(live, func(other *device) bool { return other == d })
		err = m.Logout(ctx, d.handle, session.Others)
	case "rotate":
		var into session.LoggedInto
		into, err = m.Rotate(ctx, d.handle)
		x.devices = append(x.devices, &device{handle: into.Handle})
	case "destroy":
		gone, x.ended = live, true
		err = m.Destroy(ctx, d.handle, nil)
	}
	if err != nil {
		x.t.Fatalf("end: %v", err)
	}
	for _, d := range gone {
		d.out, d.until = true, until
	}
	x.ended = x.ended || len(x.live()) == 0
}

// wire has the wire to a server begin to hold, and does something to what it holds.
func (x *scenario) wire() {
	n := draw(x, "wire", x.cluster.nodes)
	var held bool
	var waiting int
	n.locked(func() { held, waiting = n.held, len(n.inbox) })
	switch how := draw(x, "does", []string{"deliver", "deliver", "repeat", "lose"}); {
	case !held:
		n.hold()
	case how == "lose":
		n.lose()
	case waiting > 0:
		n.deliver(rapid.IntRange(0, waiting-1).Draw(x.t, "message"), how == "repeat")
	}
}

// cut cuts a server off that was not, and connects one that was; one stays connected.
func (x *scenario) cut() {
	if n := draw(x, "cut", x.cluster.nodes[1:]); n.reach() == nil {
		n.sever()
	} else {
		n.heal(rapid.Bool().Draw(x.t, "anew"))
	}
}

func (x *scenario) check() {
	if rapid.Bool().Draw(x.t, "all read") {
		x.readAll()
	}
}

// quiet lets the wire lose the rest, and waits.
func (x *scenario) quiet() {
	for _, n := range x.cluster.nodes {
		n.lose()
		if n.reach() != nil {
			n.heal(false)
		}
	}
	<-time.After(2*comparePeriod + 2*compareStep)
	x.readAll()
	<-time.After(2 * countPause)
	x.readAll()
	record, err := x.cluster.nodes[0].Store.Load(context.Background(), x.id)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, tab := range x.tabs {
		switch {
		case tab.device.out:
			x.t.Fatalf("no bye for a device that is out since version %d", tab.device.until)
		case tab.version != record.State.Version || fmt.Sprintf("%s", tab.data) != fmt.Sprintf("%s", record.State.Data(nil)):
			x.t.Fatalf("at version %d with %s, not %d with %s", tab.version, tab.data, record.State.Version, record.State.Data(nil))
		case tab.tabs != len(x.tabs):
			x.t.Fatalf("counts %d tabs of %d", tab.tabs, len(x.tabs))
		}
	}
	for i, n := range x.cluster.nodes {
		infos, err := n.hub.List(context.Background(), x.id)
		if tabs := n.hub.Tabs(context.Background(), x.id); err != nil || tabs != len(x.tabs) || len(infos) != len(x.tabs) {
			x.t.Fatalf("server %d counts %d tabs and lists %d of %d, %v", i, tabs, len(infos), len(x.tabs), err)
		}
	}
}
