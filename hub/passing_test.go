package hub

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seshd/seshd/session"
)

// traced is a hub whose spans are seen, and a session with two tabs that were told all there is.
type traced struct {
	*testing.T
	m      *session.Manager
	h      *Hub
	handle session.Handle
	ended  *tracetest.SpanRecorder
	a, b   *reader
}

func startTraced(t *testing.T) *traced {
	x := &traced{T: t, ended: tracetest.NewSpanRecorder()}
	x.m, x.h = start(t, session.Options{Tracing: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(x.ended))}, Options{})
	_, x.handle = x.m.Begin()
	set(t, x.m, x.handle, "a", "1")
	x.a, x.b = join(t, x.h, x.handle, nil), join(t, x.h, x.handle, nil)
	x.a.read()
	x.b.read()
	x.tabs(0) // of the first write, which no tab saw come
	return x
}

// tabs checks how many tabs were handed the change of each span that has ended, in that order.
func (x *traced) tabs(want ...int) {
	x.Helper()
	var got []int
	for _, span := range x.ended.Ended() {
		for _, attribute := range span.Attributes() {
			if attribute.Key == "seshd.tabs" {
				got = append(got, int(attribute.Value.AsInt64()))
			}
		}
	}
	if len(got) != len(want) {
		x.Fatalf("ended are %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			x.Fatalf("ended are %v, want %v", got, want)
		}
	}
}

// next takes what a tab is to be told, as its writer does before it writes.
func (x *traced) next(r *reader) (spans []*session.Span) {
	frames, _ := r.tab.Next(nil)
	for _, f := range frames {
		spans = append(spans, f.Spans...)
	}
	return spans
}

func hand(spans []*session.Span, ok bool) {
	for _, span := range spans {
		span.Handed(ok)
	}
}

func TestASpanEndsWithTheLastTab(t *testing.T) {
	x := startTraced(t)
	set(t, x.m, x.handle, "a", "2")
	a, b := x.next(x.a), x.next(x.b)
	hand(a, true)
	x.tabs(0)
	hand(b, true)
	x.tabs(0, 2)
	hand(x.next(x.a), true)
	x.tabs(0, 2)
}

func TestATabThatIsToldSeveralChangesAtOnceEndsAll(t *testing.T) {
	x := startTraced(t)
	set(t, x.m, x.handle, "a", "2")
	hand(x.next(x.a), true)
	set(t, x.m, x.handle, "a", "3")
	hand(x.next(x.a), true)
	whole, _ := x.b.tab.Session() // asked for, before its writer came to tell it
	hand(whole.Spans, true)
	x.tabs(0, 2, 2)
}

func TestATabThatIsGoneHoldsNoSpan(t *testing.T) {
	x := startTraced(t)
	set(t, x.m, x.handle, "a", "2")
	hand(x.next(x.a), true)
	x.b.tab.Leave()
	x.tabs(0, 1)

	set(t, x.m, x.handle, "a", "3")
	hand(x.next(x.a), false) // the connection broke
	x.tabs(0, 1, 0)
}

// A tab whose first frame has the change is none of those that the span waits for, be it in before the change or after.
func TestATabThatComesIsNotWaitedFor(t *testing.T) {
	x := startTraced(t)
	early := join(t, x.h, x.handle, nil)
	set(t, x.m, x.handle, "a", "2")
	late := join(t, x.h, x.handle, nil)
	for _, r := range []*reader{early, late} {
		if spans := x.next(r); len(spans) > 0 {
			t.Errorf("it was given %d spans", len(spans))
		}
	}
	late.tab.Leave()
	hand(x.next(x.a), true)
	hand(x.next(x.b), true)
	x.tabs(0, 2)
}

func TestASlowTabHoldsSoManySpansAndNoMore(t *testing.T) {
	x := startTraced(t)
	x.b.tab.Leave()
	for range maxPassing {
		change(t, x.m, x.handle)
	}
	x.tabs(0)
	change(t, x.m, x.handle)
	x.tabs(0, 0)
	if spans := x.next(x.a); len(spans) != maxPassing {
		t.Errorf("the tab was given %d spans", len(spans))
	}
}

func change(t *testing.T, m *session.Manager, h session.Handle) {
	t.Helper()
	if _, err := m.Session(h).Incr(context.Background(), "n", 1); err != nil {
		t.Fatal(err)
	}
}

// Where the store may have gone back in time nobody knows what tabs will be told: no span waits for it.
func TestNoSpanOutlivesALineage(t *testing.T) {
	x := startTraced(t)
	set(t, x.m, x.handle, "a", "2")
	r := x.h.find(x.handle.ID)
	r.mu.Lock()
	r.doubt()
	r.renew(r.record)
	r.mu.Unlock()
	x.tabs(0, 0)
	if spans := x.next(x.a); len(spans) > 0 {
		t.Error("a tab was given spans of before")
	}
}
