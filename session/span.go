package session

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// tracerName is the instrumentation scope of our spans.
const tracerName = "github.com/seshd/seshd"

// What a span tells of its mutation.
const (
	attrSession = attribute.Key("session.id") // OpenTelemetry's own name; it is the public one
	attrSource  = attribute.Key("seshd.source")
	attrResult  = attribute.Key("seshd.result")
	attrBefore  = attribute.Key("seshd.version.before")
	attrAfter   = attribute.Key("seshd.version.after")
	attrTabs    = attribute.Key("seshd.tabs") // of this server, that were handed the change
)

// Span is one mutation as traces show it, from where it came in until it was answered and the last tab of this server was handed
// its change. A nil Span is one that nobody traces: its methods do nothing.
type Span struct {
	span trace.Span
	open atomic.Int32 // what it waits for: the answer, and tabs
	tabs atomic.Int32
}

// Traces says whether spans are made at all.
func (m *Manager) Traces() bool { return m.tracer != nil }

// Trace begins the span of a mutation, for a Submission that is to come. Who comes to send none calls Refuse.
func (m *Manager) Trace(ctx context.Context, by Source, links ...trace.Link) *Span {
	if m.tracer == nil {
		return nil
	}
	by = by.known()
	kind := trace.SpanKindServer
	if by == ByCode {
		kind = trace.SpanKindInternal
	}
	_, span := m.tracer.Start(ctx, "mutation", trace.WithSpanKind(kind), trace.WithLinks(links...), trace.WithAttributes(attrSource.String(string(by))))
	s := &Span{span: span}
	s.open.Store(1)
	return s
}

// Refuse ends the span of a mutation that was refused before it could be submitted.
func (s *Span) Refuse(code Code) {
	if s != nil {
		s.refused(code)
		s.release()
	}
}

// Await has the span wait for so many tabs more. For each of them Handed is to be called.
func (s *Span) Await(tabs int) {
	if s != nil {
		s.open.Add(int32(tabs))
	}
}

// Handed says that a tab was handed the change, or that it never will be.
func (s *Span) Handed(ok bool) {
	if s == nil {
		return
	}
	if ok {
		s.tabs.Add(1)
	}
	s.release()
}

// sampled is the span if anybody will see it.
func (s *Span) sampled() *Span {
	if s == nil || !s.span.IsRecording() {
		return nil
	}
	return s
}

// committed notes the moment from which on the change is durable, before any tab is told.
func (s *Span) committed() {
	if s != nil {
		s.span.AddEvent("commit")
	}
}

// answered notes what became of the mutation.
func (s *Span) answered(h Handle, result Result, err error) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attrSession.String(h.ID.String()))
	if err != nil {
		s.refused(CodeOf(err))
	} else {
		s.applied(result)
	}
	s.release()
}

func (s *Span) applied(result Result) {
	name := "ok"
	if result.Duplicate {
		name = "duplicate"
	}
	s.span.SetAttributes(attrResult.String(name),
		attrBefore.Int64(int64(result.Before.version())), attrAfter.Int64(int64(result.State.version())))
}

// refused marks as an error only what is the server's own fault.
func (s *Span) refused(code Code) {
	s.span.SetAttributes(attrResult.String(string(code)))
	if code == Unavailable {
		s.span.SetStatus(codes.Error, string(code))
	}
}

func (s *Span) release() {
	if s.open.Add(-1) == 0 {
		s.span.SetAttributes(attrTabs.Int(int(s.tabs.Load())))
		s.span.End()
	}
}
