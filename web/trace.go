package web

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// nameSpan names the span of a request, if it is traced, by its route. The route stands
// for the path too, which may name an account.
func nameSpan(r *http.Request, route string) {
	if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
		span.SetName(methodName(r.Method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route), attribute.String("url.path", route))
	}
}

// observeTraced observes a value, with the id of the trace of ctx as its exemplar if that is
// recorded.
func observeTraced(ctx context.Context, o prometheus.Observer, value float64) {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		if o, ok := o.(prometheus.ExemplarObserver); ok {
			o.ObserveWithExemplar(value, prometheus.Labels{"trace_id": span.TraceID().String()})
			return
		}
	}
	o.Observe(value)
}

// methodName returns a method, of which clients may send any, as one of a few.
func methodName(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return method
	}
	return "other"
}
