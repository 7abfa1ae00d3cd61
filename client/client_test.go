package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/client"
)

// answering is a client of a server that answers requests in turn, each with a status,
// and headers given as pairs.
func answering(t *testing.T, sent *atomic.Int64, answers ...func(http.ResponseWriter)) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(sent.Add(1))
		if r.Header.Get("Authorization") != "Bearer exq_key" || r.Header.Get("Content-Encoding") != "gzip" || r.Method != "POST" || r.URL.Path != "/api/v1/events" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		answers[min(n, len(answers))-1](w)
	}))
	t.Cleanup(server.Close)
	return client.New(server.URL+"/", "exq_key")
}

func status(code int, body string, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func hangUp(w http.ResponseWriter) { panic(http.ErrAbortHandler) }

var events = []client.Event{{Ref: "fair", Title: "The fair"}}

func TestABatchIsSentAgainUntilItIsWritten(t *testing.T) {
	var sent atomic.Int64
	start := time.Now()
	c := answering(t, &sent, hangUp, status(429, "", "Retry-After", "1"), status(200, `{"records":1,"written":0,"known":1}`))
	w, err := c.Events(t.Context(), events)
	if err != nil || w.Known != 1 || sent.Load() != 3 {
		t.Errorf("after %d requests: %+v, %v", sent.Load(), w, err)
	}
	if took := time.Since(start); took < 1500*time.Millisecond { // the first pause, and what the server said
		t.Errorf("it did not wait as it was told: %s", took)
	}
}

func TestWhatIsWrongIsNotSentAgain(t *testing.T) {
	var sent atomic.Int64
	c := answering(t, &sent, status(422, `{"title":"Unprocessable Entity","status":422,"detail":"Nothing was written: there is a problem.","errors":[{"location":"events[0].at","message":"time is missing"}],"more":2}`))
	_, err := c.Events(t.Context(), events)
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Status != 422 || len(refused.Problems) != 1 || refused.More != 2 || !strings.Contains(err.Error(), "events[0].at time is missing") || sent.Load() != 1 {
		t.Errorf("after %d requests: %v", sent.Load(), err)
	}
	for _, code := range []int{302, 401, 403, 404, 413} {
		sent.Store(0)
		c := answering(t, &sent, status(code, "<html>", "Location", "/elsewhere"))
		if _, err := c.Events(t.Context(), events); !errors.As(err, &refused) || refused.Status != code || sent.Load() != 1 {
			t.Errorf("%d: after %d requests: %v", code, sent.Load(), err)
		}
	}
}

func TestAClientGivesUpWhenItIsTold(t *testing.T) {
	var sent atomic.Int64
	c := answering(t, &sent, status(503, `{"detail":"away"}`, "Retry-After", "60"))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := c.Events(ctx, events); !errors.Is(err, context.DeadlineExceeded) || sent.Load() != 1 {
		t.Errorf("after %d requests: %v", sent.Load(), err)
	}
}
