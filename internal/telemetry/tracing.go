package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Tracing sends spans of requests, memos, queries and calls of Redis to a collector. A nil
// Tracing is valid and does nothing.
type Tracing struct {
	provider *sdktrace.TracerProvider // records as the environment says
	requests *sdktrace.TracerProvider // records each request that it is given, and sends it with the others
}

// StartTracing returns the Tracing that OpenTelemetry's environment variables
// describe, nil if they name no endpoint. getenv decides that; the exporter reads
// the variables itself.
func StartTracing(ctx context.Context, getenv func(string) string, version string, log *slog.Logger) (*Tracing, error) {
	if !exports(getenv, "TRACES") {
		return nil, nil
	}
	about, err := describe(ctx, version)
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("start tracing: %w", err)
	}
	logFailures(log)
	sender := sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(exporter))
	return &Tracing{
		provider: sdktrace.NewTracerProvider(sender, sdktrace.WithResource(about)),
		requests: sdktrace.NewTracerProvider(sender, sdktrace.WithResource(about), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))),
	}, nil
}

// Handler traces the requests of next. A client's own trace is continued for requests of
// which trusted reports that they come by a proxy of ours. Of others it is linked, so that
// no client decides what is recorded.
//
// Whether a request is recorded is decided before otelhttp sees it, as that costs a
// quarter of a page from memory even where it records nothing.
func (t *Tracing) Handler(next http.Handler, trusted func(*http.Request) bool) http.Handler {
	if t == nil {
		return next
	}
	traced := otelhttp.NewHandler(next, "request",
		otelhttp.WithTracerProvider(t.requests),
		otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()), // requests are counted already
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !trusted(r) }),
	)
	tracer := t.provider.Tracer("exchequer/requests")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		// A span has the path, and in that of somebody's own feed is a secret.
		case strings.Contains(r.URL.Path, "/me/alerts/"):
			next.ServeHTTP(w, r)
			return
		case r.Header.Get("traceparent") != "" && trusted(r):
			traced.ServeHTTP(w, r)
			return
		}
		ctx, chosen := tracer.Start(r.Context(), "request", trace.WithNewRoot()) // never ended, so never sent
		if chosen.IsRecording() {
			traced.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx)) // nor is what it asks for recorded
	})
}

// Memos returns what starts the spans of memos, nil if nothing is traced.
func (t *Tracing) Memos() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("exchequer/cache")
}

// Queries traces queries, without their parameters; nil if nothing is traced.
func (t *Tracing) Queries() pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return otelpgx.NewTracer(otelpgx.WithTracerProvider(t.provider))
}

// Redis traces the commands of a client, without their keys and values, that are part of
// something else that is traced.
func (t *Tracing) Redis(client redis.UniversalClient) error {
	if t == nil {
		return nil
	}
	err := redisotel.InstrumentTracing(client, redisotel.WithTracerProvider(parts{TracerProvider: t.provider}),
		redisotel.WithDBStatement(false), redisotel.WithCallerEnabled(false))
	if err != nil {
		return fmt.Errorf("trace redis: %w", err)
	}
	return nil
}

// parts is a provider of tracers that begin no traces: the cache asks Redis every second
// whatever its readers do.
type parts struct{ trace.TracerProvider }

func (p parts) Tracer(name string, options ...trace.TracerOption) trace.Tracer {
	return part{p.TracerProvider.Tracer(name, options...)}
}

type part struct{ trace.Tracer }

func (p part) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if of := trace.SpanFromContext(ctx); !of.IsRecording() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return p.Tracer.Start(ctx, name, options...)
}

// Close sends the remaining spans.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("end tracing: %w", err)
	}
	return nil
}
