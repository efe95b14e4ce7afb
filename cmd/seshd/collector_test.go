package main

import (
	"cmp"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes traces over OTLP/HTTP, as an OpenTelemetry collector does.
type collector struct {
	url string

	mu       sync.Mutex // guards what follows
	spans    []*tracepb.Span
	services []string
	raw      []byte // all that was sent
}

func startCollector(t *testing.T) *collector {
	c := &collector{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collectorpb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		c.take(&sent, body)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(sent *collectorpb.ExportTraceServiceRequest, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw = append(c.raw, body...)
	for _, resource := range sent.ResourceSpans {
		c.services = append(c.services, attributeOf(resource.Resource.Attributes, "service.name").GetStringValue())
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
}

func attributeOf(all []*commonpb.KeyValue, name string) *commonpb.AnyValue {
	for _, have := range all {
		if have.Key == name {
			return have.Value
		}
	}
	return nil
}

// traced is a span, as far as it does not depend on the clock.
type traced struct {
	Source, Result string
	Before, After  int64
	Tabs           int64
	Commits        int
	Parent, Link   string
	Failed         bool
}

// all returns the spans in the order in which they began.
func (c *collector) all() (spans []traced) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(c.spans, func(a, b *tracepb.Span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	for _, s := range c.spans {
		one := traced{
			Source: attributeOf(s.Attributes, "seshd.source").GetStringValue(), Result: attributeOf(s.Attributes, "seshd.result").GetStringValue(),
			Before: attributeOf(s.Attributes, "seshd.version.before").GetIntValue(), After: attributeOf(s.Attributes, "seshd.version.after").GetIntValue(),
			Tabs: attributeOf(s.Attributes, "seshd.tabs").GetIntValue(), Failed: s.Status.GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		}
		for _, e := range s.Events {
			if e.Name == "commit" && e.TimeUnixNano >= s.StartTimeUnixNano && e.TimeUnixNano <= s.EndTimeUnixNano {
				one.Commits++
			}
		}
		if len(s.ParentSpanId) > 0 {
			one.Parent = hex.EncodeToString(s.TraceId) + "-" + hex.EncodeToString(s.ParentSpanId)
		}
		for _, l := range s.Links {
			one.Link += hex.EncodeToString(l.TraceId) + "-" + hex.EncodeToString(l.SpanId)
		}
		spans = append(spans, one)
	}
	return spans
}
