package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seshd/seshd/session"
)

// TestNodesTellEachOther: writes, counts and the list of tabs, also on a server that has none.
func TestNodesTellEachOther(t *testing.T) {
	c := startCluster(t, 3, session.Options{}, Options{})
	a, b, without := c.nodes[0], c.nodes[1], c.nodes[2]
	_, handle := a.manager.Begin()
	here, there := join(t, a.hub, handle, nil), join(t, b.hub, handle, nil)
	for _, r := range []*reader{here, there} {
		r.until("two tabs", func(*Bye) bool { return r.tabs == 2 })
	}
	set(t, a.manager, handle, "fruit", `"cherries"`)
	there.untilVersion(1)
	if w := there.lastContent(); w.Type != Change || w.By != "code" || string(there.data["fruit"]) != `"cherries"` {
		t.Errorf("the other server's tab was told %+v", w)
	}
	here.untilVersion(1)
	for i, n := range c.nodes {
		infos := listed(t, n.hub, handle.ID)
		if len(infos) != 2 || !infos[0].Opened.Equal(here.tab.opened) || infos[1].Device != handle.Device || infos[1].Version != 1 {
			t.Errorf("server %d lists %+v", i, infos)
		}
		if tabs := n.hub.Tabs(context.Background(), handle.ID); tabs != 2 {
			t.Errorf("server %d counts %d tabs", i, tabs)
		}
	}
	here.tab.Leave()
	there.until("one tab", func(*Bye) bool { return there.tabs == 1 })
	there.tab.Leave()
	for i, n := range []*node{a, b, without} {
		if n.hub.Rooms() != 0 || len(n.watched) != 0 || n.tabs[handle.ID] != 0 {
			t.Errorf("server %d keeps %d rooms, watches %v, counts %v", i, n.hub.Rooms(), n.watched, n.tabs)
		}
	}
}

// TestStormWatchesOnce: tabs that come together wait for one Watch, and each is counted in and out once.
func TestStormWatchesOnce(t *testing.T) {
	const tabs = 1000
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 2, session.Options{MaxTabs: -1}, Options{})
		n := c.nodes[0]
		_, handle := n.manager.Begin()
		set(t, c.nodes[1].manager, handle, "n", "1")
		watching := make(chan struct{})
		n.watching = func() { <-watching }
		var wakes atomic.Int64
		joined := make([]*Tab, tabs)
		var all sync.WaitGroup
		for i := range joined {
			all.Go(func() {
				var err error
				joined[i], err = n.hub.Join(context.Background(), Join{Handle: handle, Wake: func() { wakes.Add(1) }})
				if err != nil {
					t.Error(err)
				}
				joined[i].Next(nil)
			})
		}
		synctest.Wait()
		close(watching)
		all.Wait()
		<-time.After(2 * countPause)
		for _, tab := range joined {
			tab.Next(nil)
		}
		if n.watches != 1 || n.tabs[handle.ID] != tabs {
			t.Errorf("%d watches, %d tabs", n.watches, n.tabs[handle.ID])
		}
		for _, tab := range joined {
			all.Go(tab.Leave)
		}
		all.Wait()
		<-time.After(2 * countPause)
		if n.watched[handle.ID] != 0 || n.tabs[handle.ID] != 0 || n.hub.Rooms() != 0 {
			t.Errorf("after all left: %d watches, %d tabs, %d rooms", n.watched[handle.ID], n.tabs[handle.ID], n.hub.Rooms())
		}
		if wakes.Load() > 4*tabs {
			t.Errorf("%d wake-ups for the counts of %d tabs", wakes.Load(), tabs)
		}
	})
}

// TestJoinWatchesBeforeItLoads: what another server commits right after the load is not missed.
func TestJoinWatchesBeforeItLoads(t *testing.T) {
	c := startCluster(t, 2, session.Options{}, Options{})
	a, b := c.nodes[0], c.nodes[1]
	_, handle := a.manager.Begin()
	set(t, a.manager, handle, "n", "1")
	b.loaded = func() { set(t, a.manager, handle, "n", "2") }
	r := join(t, b.hub, handle, nil)
	r.untilVersion(2)
}

// TestStoreOutOfReach: tabs stay, nobody else comes in, and all is well again afterwards by itself.
func TestStoreOutOfReach(t *testing.T) {
	c := startCluster(t, 2, session.Options{}, Options{})
	a, b := c.nodes[0], c.nodes[1]
	_, handle := a.manager.Begin()
	set(t, a.manager, handle, "n", "1")
	r := join(t, b.hub, handle, nil)
	r.read()
	_, other := a.manager.Begin()
	b.sever()
	set(t, a.manager, handle, "n", "2")
	for _, h := range []session.Handle{handle, other} {
		if _, err := tryJoin(t, b.hub, h, nil); err == nil || session.CodeOf(err) != session.Unavailable {
			t.Errorf("a join without the store: %v", err)
		}
	}
	if b.manager.Ready(context.Background()) == nil {
		t.Error("ready without a store")
	}
	m := session.Mutation{Clear: true}
	if _, err := b.manager.Apply(context.Background(), session.Submission{Handle: handle, Mutation: &m}); session.CodeOf(err) != session.Unavailable {
		t.Errorf("a write without the store: %v", err)
	}
	if bye := r.read(); bye != nil || r.version != 1 {
		t.Errorf("the open tab is at version %d, %v", r.version, bye)
	}
	b.heal(false)
	r.untilVersion(2)
	join(t, b.hub, other, nil)
	if b.watched[handle.ID] != 1 || b.watched[other.ID] != 1 || b.tabs[handle.ID] != 1 {
		t.Errorf("refused joins are counted: %v, %v", b.watched, b.tabs)
	}
}

// TestLookUntilItSucceeds: the store says what was missed, and is out of reach again.
func TestLookUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 2, session.Options{}, Options{})
		a, b := c.nodes[0], c.nodes[1]
		_, handle := a.manager.Begin()
		r := join(t, b.hub, handle, nil)
		b.sever()
		set(t, a.manager, handle, "n", "1")
		b.listener.Missed([]session.ID{handle.ID}, false)
		<-time.After(5 * lookPause)
		b.locked(func() { b.cut = false }) // and nobody says so
		begun := time.Now()
		r.untilVersion(1)
		if took := time.Since(begun); took > 2*lookPause {
			t.Errorf("noticed after %v", took)
		}
	})
}

// TestOneLookAtATime: a room whose store is out of reach asks again after a pause, however many lookers are idle.
func TestOneLookAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 1, session.Options{}, Options{})
		n := c.nodes[0]
		_, handle := n.manager.Begin()
		join(t, n.hub, handle, nil)
		n.sever()
		before := n.asked
		n.listener.Missed([]session.ID{handle.ID}, false)
		<-time.After(10 * lookPause)
		n.locked(func() {
			if asked := n.asked - before; asked < 5 || asked > 11 {
				t.Errorf("asked %d times in ten pauses", asked)
			}
		})
	})
}

// TestLastMessageLost: it shows no gap, so a room compares.
func TestLastMessageLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 2, session.Options{}, Options{})
		a, b := c.nodes[0], c.nodes[1]
		_, handle := a.manager.Begin()
		r := join(t, b.hub, handle, nil)
		b.hold()
		set(t, a.manager, handle, "n", "1")
		b.lose()
		<-time.After(2*comparePeriod + 2*compareStep)
		if r.read(); r.version != 1 {
			t.Errorf("the tab is at version %d", r.version)
		}
	})
}

// TestAnEndIsNoStepBack: a room that looks for a session which has ended does not take the store for one that went back in time, which
// would cost all who come back later their place.
func TestAnEndIsNoStepBack(t *testing.T) {
	for name, while := range map[string]func(n *node, id session.ID, destroy func()){
		"before the load": func(_ *node, _ session.ID, destroy func()) {
			<-time.After(2 * compareStep) // a round begins, with this room in it
			destroy()
			<-time.After(comparePeriod)
		},
		"during the load": func(n *node, id session.ID, destroy func()) {
			n.hold()
			destroy()
			n.locked(func() { n.loaded = func() { n.deliver(0, false) } })
			n.listener.Missed([]session.ID{id}, false)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := startCluster(t, 2, session.Options{}, Options{})
				a, b := c.nodes[0], c.nodes[1]
				_, handle := a.manager.Begin()
				set(t, a.manager, handle, "n", "1")
				r := join(t, b.hub, handle, nil)
				r.read()
				while(b, handle.ID, func() {
					if err := a.manager.Destroy(context.Background(), handle, nil); err != nil {
						t.Error(err)
					}
				})
				if bye := r.read(); bye == nil || bye.Code != "destroyed" {
					t.Errorf("the tab is told %v", bye)
				}
				if b.hub.wentBack.Load() {
					t.Error("since is not believed any more")
				}
			})
		})
	}
}

// TestEventsOutOfOrder: what comes late or twice is no news, but whom it puts out is out.
func TestEventsOutOfOrder(t *testing.T) {
	c := startCluster(t, 2, session.Options{}, Options{})
	a, b := c.nodes[0], c.nodes[1]
	_, phone := a.manager.Begin()
	phone = login(t, a.manager, phone, "ann")
	_, laptop := a.manager.Begin()
	laptop = login(t, a.manager, laptop, "ann")
	out, stays := join(t, b.hub, phone, nil), join(t, b.hub, laptop, nil)
	out.read()
	stays.read()
	b.hold()
	set(t, a.manager, phone, "n", "1")
	if _, err := a.manager.Rotate(context.Background(), phone); err != nil {
		t.Fatal(err)
	}
	set(t, a.manager, laptop, "secret", "1")
	b.deliver(2, true)
	if bye := out.read(); bye != nil || out.data["secret"] != nil {
		t.Errorf("put out, and nobody has said why: %v, %s", bye, out.data)
	}
	b.deliver(1, true)
	b.deliver(0, true)
	b.deliver(2, false)
	out.untilBye("rotated")
	out.wantUntold("secret")
	stays.until("all", func(*Bye) bool { return stays.data["secret"] != nil && stays.data["n"] != nil })
	if bye := stays.read(); bye != nil {
		t.Errorf("the other device's tab got %v", bye)
	}
}

// TestEndsUnheard: the event that named a device was lost. The store says why it is gone, after whatever made the room look.
func TestEndsUnheard(t *testing.T) {
	type visitor struct {
		m             *session.Manager
		phone, laptop session.Handle
	}
	ends := map[string]struct {
		end  func(context.Context, visitor) error
		code string
		all  bool // the session is over
	}{
		"logout":     {func(ctx context.Context, v visitor) error { return v.m.Logout(ctx, v.phone, session.This) }, "logged_out", false},
		"others":     {func(ctx context.Context, v visitor) error { return v.m.Logout(ctx, v.laptop, session.Others) }, "logged_out", false},
		"rotation":   {func(ctx context.Context, v visitor) error { _, err := v.m.Rotate(ctx, v.phone); return err }, "rotated", false},
		"destroying": {func(ctx context.Context, v visitor) error { return v.m.Destroy(ctx, v.laptop, nil) }, "destroyed", true},
		"another user": {func(ctx context.Context, v visitor) error {
			_, err := v.m.Login(ctx, v.phone, session.Login{User: "bob"})
			return err
		}, "rotated", false},
	}
	notice := map[string]func(*testing.T, *node, visitor){
		"reconnected":  func(_ *testing.T, n *node, _ visitor) { n.heal(false) },
		"gone back":    func(_ *testing.T, n *node, _ visitor) { n.heal(true) },
		"compared":     func(*testing.T, *node, visitor) { <-time.After(2*comparePeriod + 2*compareStep) },
		"later commit": func(t *testing.T, _ *node, v visitor) { set(t, v.m, v.laptop, "later", "1") },
	}
	for name, end := range ends {
		for how, notice := range notice {
			if end.all && how == "later commit" {
				continue // there is none
			}
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := startCluster(t, 2, session.Options{}, Options{})
					a, b := c.nodes[0], c.nodes[1]
					v := visitor{m: a.manager}
					_, v.phone = a.manager.Begin()
					v.phone = login(t, a.manager, v.phone, "ann")
					_, v.laptop = a.manager.Begin()
					v.laptop = login(t, a.manager, v.laptop, "ann")
					out, stays := join(t, b.hub, v.phone, nil), join(t, b.hub, v.laptop, nil)
					out.read()
					stays.read()
					b.hold()
					if err := end.end(context.Background(), v); err != nil {
						t.Fatal(err)
					}
					if !end.all {
						set(t, a.manager, v.laptop, "secret", "1")
					}
					b.lose()
					begun := time.Now()
					notice(t, b, v)
					out.untilBye(end.code)
					if how == "later commit" && time.Since(begun) > time.Second {
						t.Errorf("closed after %v, by comparing", time.Since(begun))
					}
					if b.hub.wentBack.Load() != (how == "gone back") {
						t.Error("the end of a session or a device is no sign that the store went back in time")
					}
					out.wantUntold("secret")
					if end.all {
						stays.untilBye(end.code)
						return
					}
					stays.until("secret", func(*Bye) bool { return stays.data["secret"] != nil })
					if bye := stays.read(); bye != nil {
						t.Errorf("the other device's tab got %v", bye)
					}
				})
			})
		}
	}
}

// TestUnwrittenEndsUnheard: nothing is stored of the session but that it may never begin.
func TestUnwrittenEndsUnheard(t *testing.T) {
	c := startCluster(t, 2, session.Options{}, Options{})
	a, b := c.nodes[0], c.nodes[1]
	_, handle := a.manager.Begin()
	r := join(t, b.hub, handle, nil)
	b.heal(false)
	b.hold()
	if err := a.manager.Destroy(context.Background(), handle, nil); err != nil {
		t.Fatal(err)
	}
	b.lose()
	if bye := r.read(); bye != nil {
		t.Errorf("an unwritten session's tab got %v", bye)
	}
	b.heal(false)
	r.untilBye("destroyed")
}

// TestExpiryIsTheStores: activity on another server counts though its event was lost, and so does its end.
func TestExpiryIsTheStores(t *testing.T) {
	const idle = comparePeriod / 3 // so that comparing does not come before
	synctest.Test(t, func(t *testing.T) {
		c := startCluster(t, 2, session.Options{IdleTimeout: idle}, Options{CloseIdleTabs: true})
		a, b := c.nodes[0], c.nodes[1]
		_, handle := a.manager.Begin()
		set(t, a.manager, handle, "n", "0")
		r := join(t, b.hub, handle, nil)
		b.hold()
		for i := range 10 {
			<-time.After(idle / 2)
			set(t, a.manager, handle, "n", fmt.Sprint(i))
			b.lose()
			b.hold()
			if bye := r.read(); bye != nil {
				t.Fatalf("closed though the session lives: %v", bye)
			}
		}
		<-time.After(idle + 4*a.manager.Grain())
		r.untilBye("expired")
	})
}

// TestStoreWentBack: every tab gets the whole session, though the versions say that nothing is new, or that all is old.
func TestStoreWentBack(t *testing.T) {
	for name, told := range map[string]bool{"told": true, "seen": false} {
		for _, lost := range []uint64{0, 1} { // versions
			if !told && lost == 0 {
				continue // nothing shows it
			}
			t.Run(fmt.Sprintf("%s/%d", name, lost), func(t *testing.T) {
				c := startCluster(t, 1, session.Options{}, Options{})
				n := c.nodes[0]
				_, handle := n.manager.Begin()
				set(t, n.manager, handle, "n", `"first"`)
				set(t, n.manager, handle, "n", `"second"`)
				r := join(t, n.hub, handle, nil)
				r.goesBack = true
				r.read()
				if r.version != 2 {
					t.Fatalf("at version %d", r.version)
				}
				record, err := n.manager.Load(context.Background(), handle)
				if err != nil {
					t.Fatal(err)
				}
				then := *record
				then.State = &session.State{
					Version: record.State.Version - lost,
					Entries: []session.Entry{{Key: "n", Value: json.RawMessage(`"other"`), Version: 1}},
				}
				n.locked(func() { n.goesBack = &then })
				if told {
					n.heal(true)
				} else {
					n.hub.look(n.hub.find(handle.ID))
				}
				r.until("the other", func(*Bye) bool { return string(r.data["n"]) == `"other"` })
				if w := r.lastContent(); w.Type != Session || w.Version != 2-lost {
					t.Errorf("told %+v", w)
				}
				since := uint64(1)
				back := join(t, n.hub, handle, &since)
				if back.read(); back.frames[0].Type != Session {
					t.Errorf("who comes back is told %+v", back.frames[0])
				}
				next := then
				next.State, err = then.State.Apply(&session.Mutation{Incr: map[string]json.RawMessage{"m": json.RawMessage("1")}}, session.Rules{})
				if err != nil {
					t.Fatal(err)
				}
				n.tell(session.Event{ID: handle.ID, Record: &next})
				r.until("what came after", func(*Bye) bool { return r.data["m"] != nil })
				if w := r.lastContent(); w.Type != Change || w.From != 2-lost {
					t.Errorf("then told %+v", w)
				}
			})
		}
	}
}

// TestLoadFromBeforeTheStoreWentBack: what a join loaded counts for nothing once the store has gone back, though no version says so.
func TestLoadFromBeforeTheStoreWentBack(t *testing.T) {
	c := startCluster(t, 1, session.Options{}, Options{})
	n := c.nodes[0]
	_, handle := n.manager.Begin()
	set(t, n.manager, handle, "n", `"lost"`)
	record, err := n.manager.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	then := *record
	then.State = &session.State{Version: 1, Entries: []session.Entry{{Key: "n", Value: json.RawMessage(`"other"`), Version: 1}}}
	n.loaded = func() {
		n.locked(func() { n.goesBack = &then })
		n.heal(true)
	}
	r := join(t, n.hub, handle, nil)
	r.until("the other", func(*Bye) bool { return string(r.data["n"]) == `"other"` })
}

// TestCommitBeforeTheNewLook: a commit of the store that went back comes before the room has looked, and counts as it is.
func TestCommitBeforeTheNewLook(t *testing.T) {
	c := startCluster(t, 1, session.Options{}, Options{})
	n := c.nodes[0]
	_, handle := n.manager.Begin()
	old := set(t, n.manager, handle, "n", `"old"`)
	record, err := n.manager.Load(context.Background(), handle)
	if err != nil {
		t.Fatal(err)
	}
	set(t, n.manager, handle, "n", `"lost"`)
	set(t, n.manager, handle, "lost", "1")
	r := join(t, n.hub, handle, nil)
	r.goesBack = true
	r.read()
	n.sever()
	n.listener.Missed([]session.ID{handle.ID}, true)
	n.tell(session.Event{ID: handle.ID, Record: record})
	r.untilVersion(0)
	if w := r.lastContent(); w.Type != Session || w.Version != old || r.data["lost"] != nil {
		t.Errorf("told %+v", w)
	}
}

// TestTabLimitOfAllNodes: no more come in, however they race, and whoever leaves makes room.
func TestTabLimitOfAllNodes(t *testing.T) {
	const limit = 5
	c := startCluster(t, 2, session.Options{MaxTabs: limit}, Options{})
	_, handle := c.nodes[0].manager.Begin()
	var joined, refused atomic.Int64
	var all sync.WaitGroup
	tabs := make(chan *Tab, 2*limit)
	for i := range 4 * limit {
		all.Go(func() {
			tab, err := c.nodes[i%2].hub.Join(context.Background(), Join{Handle: handle, Wake: func() {}})
			var bye *Bye
			switch {
			case err == nil:
				joined.Add(1)
				tabs <- tab
			case errors.As(err, &bye) && bye.Code == "too_many_tabs":
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(tabs)
	if joined.Load() != limit || refused.Load() != 3*limit {
		t.Errorf("%d joined, %d refused", joined.Load(), refused.Load())
	}
	for tab := range tabs {
		tab.Leave()
		tab.Leave()
	}
	c.nodes[0].locked(func() {
		if c.nodes[0].tabs[handle.ID] != 0 || c.nodes[1].tabs[handle.ID] != 0 {
			t.Errorf("counts %v and %v without tabs", c.nodes[0].tabs, c.nodes[1].tabs)
		}
	})
}

// TestRefusedJoinIsNotCounted: one that was counted and then refused, for whatever reason, is taken back.
func TestRefusedJoinIsNotCounted(t *testing.T) {
	reasons := map[string]func(*node, session.Handle){
		"ended": func(n *node, h session.Handle) {
			if err := n.manager.Destroy(context.Background(), h, nil); err != nil {
				t.Error(err)
			}
		},
		"draining": func(n *node, _ session.Handle) { n.hub.Drain(context.Background(), time.Second) },
	}
	for name, happen := range reasons {
		c := startCluster(t, 1, session.Options{}, Options{})
		n := c.nodes[0]
		_, handle := n.manager.Begin()
		n.loaded = func() { happen(n, handle) }
		if _, err := tryJoin(t, n.hub, handle, nil); err == nil {
			t.Errorf("%s: let in", name)
		}
		n.locked(func() {
			if n.tabs[handle.ID] != 0 || len(n.watched) != 0 {
				t.Errorf("%s: counts %v, watches %v", name, n.tabs, n.watched)
			}
		})
	}
}

// TestGarbageFromAPeer: a server of another version is left out.
func TestGarbageFromAPeer(t *testing.T) {
	c := startCluster(t, 2, session.Options{}, Options{})
	a, b := c.nodes[0], c.nodes[1]
	_, handle := a.manager.Begin()
	join(t, a.hub, handle, nil)
	b.listener.Describe = func(session.ID) []byte { return []byte(`{"v":2}`) }
	if infos := listed(t, a.hub, handle.ID); len(infos) != 1 {
		t.Errorf("listed %+v", infos)
	}
}
