package cache_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"exchequer/cache"
)

var errSecret = errors.New("account secret")

// traced returns a cache that is traced, its tracer's provider, and what it records.
func traced(t *testing.T) (*cache.Cache, *sdktrace.TracerProvider, *tracetest.SpanRecorder) {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	return open(t, cache.Deps{Tracer: provider.Tracer("cache")}), provider, recorder
}

// named returns the spans whose names begin so.
func named(r *tracetest.SpanRecorder, begin string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range r.Ended() {
		if strings.HasPrefix(s.Name(), begin) {
			found = append(found, s)
		}
	}
	return found
}

func TestARunIsPartOfTheTraceOfTheReaderWhoStartedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, provider, recorder := traced(t)
		items := cache.NewMemo(c, cache.Spec{Name: "items", Window: time.Minute}, func(ctx context.Context, _ cache.Window, _ Item) (int, error) {
			time.Sleep(time.Second)
			_, span := provider.Tracer("database").Start(ctx, "query")
			span.End()
			return 1, nil
		})
		read := func(at time.Duration) {
			time.Sleep(at)
			ctx, request := provider.Tracer("web").Start(t.Context(), "request")
			defer request.End()
			if _, err := items.Get(ctx, "secret"); err != nil {
				t.Error(err)
			}
		}
		var readers sync.WaitGroup
		for i := range 3 {
			readers.Go(func() { read(time.Duration(i) * time.Millisecond) })
		}
		readers.Wait()
		synctest.Wait()

		requests, gets, queries := named(recorder, "request"), named(recorder, "get items"), named(recorder, "query")
		if len(gets) != 3 || len(queries) != 1 {
			t.Fatalf("%d gets and %d queries, want 3 and 1", len(gets), len(queries))
		}
		// The reader who came first started the run.
		slices.SortFunc(requests, func(a, b sdktrace.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
		if got, want := queries[0].SpanContext().TraceID(), requests[0].SpanContext().TraceID(); got != want {
			t.Errorf("the query is of trace %s, want %s", got, want)
		}
		linked := 0
		for _, get := range gets {
			for _, link := range get.Links() {
				if link.SpanContext.TraceID() == queries[0].SpanContext().TraceID() {
					linked++
				}
			}
		}
		if linked != 2 {
			t.Errorf("%d readers who waited are linked to the run, want 2", linked)
		}

		recorder.Reset()
		read(0)
		if n := len(recorder.Ended()); n != 1 {
			t.Errorf("reading a fresh value made %d spans, want that of its request alone", n)
		}

		recorder.Reset()
		time.Sleep(2 * time.Minute) // it is refreshed ahead of its readers
		synctest.Wait()
		for _, s := range named(recorder, "refresh items") {
			if s.Parent().IsValid() {
				t.Error("a refresh that no reader started is part of another trace")
			}
		}
		if len(named(recorder, "produce items")) == 0 {
			t.Error("no run was traced that no reader started")
		}
		for _, s := range recorder.Ended() {
			for _, a := range s.Attributes() {
				if strings.Contains(a.Value.String(), "secret") {
					t.Errorf("%s has %s = %s", s.Name(), a.Key, a.Value.String())
				}
			}
		}
	})
}

func TestAFailureIsTracedWithoutItsText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, provider, recorder := traced(t)
		items := cache.NewMemo(c, cache.Spec{Name: "items", Window: time.Minute}, func(context.Context, cache.Window, Item) (int, error) {
			return 0, errSecret
		})
		ctx, request := provider.Tracer("web").Start(t.Context(), "request")
		if _, err := items.Get(ctx, "a"); err == nil {
			t.Error("Get = nil, want the failure")
		}
		request.End()
		synctest.Wait()
		runs := named(recorder, "produce items")
		if len(runs) != 1 || runs[0].Status().Description != "failed" {
			t.Errorf("runs %v", runs)
		}
		for _, s := range recorder.Ended() {
			if strings.Contains(s.Status().Description, "secret") || len(s.Events()) > 0 {
				t.Errorf("%s has %q and %v", s.Name(), s.Status().Description, s.Events())
			}
		}
	})
}
