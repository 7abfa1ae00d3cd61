package cache

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// A memo has three kinds of spans, if its cache has a tracer: "get" of a reader who does
// not find a fresh value in the process, "refresh" of a flight, and "produce" of a run.
// A fresh value has none, since its reader must not pay for one. No span has parameters,
// which may name an account, or the text of an error, which may quote one.

// noSpan is the span of what is not traced.
var noSpan = trace.SpanFromContext(context.Background())

// span starts a span of the memo.
func (m *memo) span(ctx context.Context, what string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if m.cache.tracer == nil {
		return ctx, noSpan
	}
	options = append(options, trace.WithAttributes(attribute.String("memo", m.spec.Name)))
	return m.cache.tracer.Start(ctx, what+" "+m.spec.Name, options...)
}

// flightSpan starts the span of a flight, which outlives its reader: a child of what the
// reader of ctx does, or a trace of its own if there is no reader.
func (m *memo) flightSpan(ctx context.Context) (context.Context, trace.Span) {
	reader := trace.SpanContextFromContext(ctx)
	if !reader.IsValid() {
		return m.span(m.cache.ctx, "refresh", trace.WithNewRoot())
	}
	return m.span(trace.ContextWithSpanContext(m.cache.ctx, reader), "refresh")
}

// linkTo links the span of a reader to that of the flight that it waits for, unless it is
// of the same trace.
func linkTo(ctx context.Context, f *flight) {
	reader, flight := trace.SpanFromContext(ctx), f.span.SpanContext()
	if reader.IsRecording() && flight.IsValid() && reader.SpanContext().TraceID() != flight.TraceID() {
		reader.AddLink(trace.Link{SpanContext: flight})
	}
}

// endSpan ends a span, with what is known of its failure.
func endSpan(span trace.Span, failure string) {
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End()
}

// endProduce ends the span of a run.
func endProduce(span trace.Span, err error) {
	switch {
	case err == nil:
		endSpan(span, "")
	case abandoned(err):
		endSpan(span, "abandoned")
	case errors.Is(err, errSlow), errors.Is(err, context.DeadlineExceeded):
		endSpan(span, "too slow")
	default:
		endSpan(span, "failed")
	}
}

// get is Get for a value that may not be fresh.
func (m *Memo[P, T]) get(ctx context.Context, s *slot[P, T]) (Result[T], error) {
	if m.cache.tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return m.obtain(ctx, s)
	}
	ctx, span := m.span(ctx, "get")
	r, err := m.obtain(ctx, s)
	if err != nil {
		endSpan(span, "no value")
		return r, err
	}
	span.SetAttributes(attribute.String("state", r.State.String()))
	endSpan(span, "")
	return r, nil
}
