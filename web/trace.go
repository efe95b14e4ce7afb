package web

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/seshd/seshd/session"
)

// withTrace has what a request does belong to the trace that it names (W3C traceparent), unless the program before us has begun a
// span for the request itself.
func (a *App) withTrace(r *http.Request) *http.Request {
	if !a.manager.Traces() || trace.SpanContextFromContext(r.Context()).IsValid() {
		return r
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return r.WithContext(ctx)
}

// traceOf is the trace that a handshake belongs to, if any. What the tab does later is none of its parts, as it may come days later: it
// is linked to it.
func (a *App) traceOf(r *http.Request) *trace.SpanContext {
	if !a.manager.Traces() {
		return nil
	}
	within := trace.SpanContextFromContext(r.Context())
	if !within.IsValid() {
		return nil
	}
	return &within
}

// trace begins the span of a mutation of the tab.
func (t *tab) trace() *session.Span {
	if t.within == nil {
		return t.app.manager.Trace(context.Background(), session.ByTab)
	}
	return t.app.manager.Trace(context.Background(), session.ByTab, trace.Link{SpanContext: *t.within})
}

// handed tells spans whether a tab was handed their changes.
func handed(spans []*session.Span, err error) {
	for _, span := range spans {
		span.Handed(err == nil)
	}
}
