package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/seshd/seshd/session"
)

const (
	// flushWait bounds how long a stop waits for the last spans to be delivered.
	flushWait = 3 * time.Second

	// A collector that is down is worth a line now and then, not one for each batch that is lost.
	traceWarnEvery = time.Minute
)

// tracesWanted follows OpenTelemetry's own variables: traces are on where it is said where they go.
func tracesWanted() bool {
	return os.Getenv("OTEL_SDK_DISABLED") != "true" && os.Getenv("OTEL_TRACES_EXPORTER") != "none" &&
		(os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "")
}

// startTracing has spans delivered over OTLP/HTTP, as OpenTelemetry's variables say: endpoint, headers, certificates, sampler. Where
// they name no endpoint the provider is nil. stop delivers what is left.
func startTracing(ctx context.Context, log *slog.Logger) (_ trace.TracerProvider, stop func(), err error) {
	if !tracesWanted() {
		return nil, func() {}, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	own := resource.NewSchemaless(attribute.String("service.name", "seshd"), attribute.String("service.version", session.Release()))
	about, err := resource.Merge(own, resource.Environment()) // OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
	if err != nil {
		return nil, nil, err
	}
	warned := rate.Sometimes{Interval: traceWarnEvery}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		warned.Do(func() { log.Warn("traces are not delivered", "error", err) })
	}))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return provider, func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushWait)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces were not delivered", "error", err)
		}
	}, nil
}
