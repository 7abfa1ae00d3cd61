package web

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHealthChecksNothingAndReadinessNamesWhatIsMissing(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Ready = []Check{
			{Name: "database", Missing: "cannot be reached", Check: func(ctx context.Context) error {
				<-ctx.Done() // hangs
				return errors.New("dial secret-host")
			}},
			{Name: "other", Missing: "not here", Check: func(context.Context) error { return nil }},
		}
	}
	server := tn.start(t)
	if response, body := ask(t, "GET", server.URL+"/healthz"); response.StatusCode != 200 || body != "ok\n" {
		t.Errorf("healthz: %d %q", response.StatusCode, body)
	}
	response, body := ask(t, "GET", server.URL+"/readyz")
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d", response.StatusCode)
	}
	if diff := cmp.Diff("not ready\ndatabase: cannot be reached\n", body); diff != "" {
		t.Error(diff)
	}
}

func TestReadinessMentionsWhatPagesWorkWithoutAndStillSucceeds(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) {
		d.Ready = []Check{{Name: "database", Missing: "see that it runs", Spared: true, Check: func(context.Context) error {
			return errors.New("dial secret-host")
		}}}
	}
	response, body := ask(t, "GET", tn.start(t).URL+"/readyz")
	if response.StatusCode != http.StatusOK {
		t.Errorf("readyz: %d", response.StatusCode)
	}
	if diff := cmp.Diff("ready\ndatabase: see that it runs\n", body); diff != "" {
		t.Error(diff)
	}
}
