package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

// failing is a policy with short windows and timeouts.
const failing = "window:2s,timeout:2s"

// attempts is how many runs of a memo may fail in a fleet within an outage: with
// retries after 1, 2, 4 and 8 s, the fifth comes after 15 s. Each run that had begun
// before adds one.
func attempts(outage time.Duration) int {
	n := 2
	for wait := time.Second; outage > 0; wait *= 2 {
		n++
		outage -= wait
	}
	return n
}

func TestWhilePostgresIsGoneVisitorsSeeLastKnownGoodAndTheFleetBacksOff(t *testing.T) {
	t.Parallel()
	for _, fault := range []struct {
		name        string
		lasts       time.Duration
		begin, over func(*testkit.PostgresServer)
	}{
		{"stopped", time.Minute, (*testkit.PostgresServer).Stop, (*testkit.PostgresServer).Start},
		{"frozen", 5 * time.Second, (*testkit.PostgresServer).Freeze, (*testkit.PostgresServer).Thaw},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			server := testkit.OwnPostgres(t)
			fill(t, server.URL)
			f := newFleet(t, server.URL, failing)
			processes := f.start(3)
			f.shows(processes, 0)
			c := newCrowd(t, processes, 3)

			fault.begin(server)
			began := time.Now()
			f.degrades(processes, economyPanels)
			for _, p := range processes { // otherwise a balancer would have no process for visitors
				if v := p.get("/readyz"); v.status != http.StatusOK || !strings.Contains(v.body, "database") {
					t.Errorf("/readyz of process %s = %d, %q, want 200 and that the database is away", p.name, v.status, v.body)
				}
			}
			time.Sleep(time.Until(began.Add(fault.lasts)))
			outage := time.Since(began)
			failed := runs(processes, "failed")
			fault.over(server)
			f.recovers(processes)
			c.leave(t)
			t.Logf("%d visits in all, runs that failed in %s: %v", c.visits, outage, failed)
			for name, n := range failed {
				if limit := attempts(outage); n == 0 || n > limit {
					t.Errorf("%s failed %d times in the fleet in %s, want at most %d", name, n, outage, limit)
				}
			}
		})
	}
}

func TestAMemoWhoseTableIsLockedIsDegradedAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	f := newFleet(t, sharedDatabase(t), failing)
	processes := f.start(3)
	f.shows(processes, 0)
	c := newCrowd(t, processes, 2)
	letGo := hold(t, f.db, "account_days") // read by the overview, not by the activity
	f.degrades(processes, []string{"overview"})
	before := processes[0].get("/economy").times("activity")
	eventually(t, "the activity goes on", func() error {
		for _, p := range processes {
			v := p.get("/economy")
			if v.degraded("activity") || v.times("activity") == before {
				return errors.New(v.times("activity"))
			}
			if !v.degraded("overview") {
				t.Errorf("process %s shows the overview as %q", p.name, v.age("overview"))
			}
		}
		return nil
	})
	letGo()
	f.recovers(processes)
	c.leave(t)
	if c.degraded["activity"] > 0 {
		t.Errorf("the activity was degraded in %d of %d visits", c.degraded["activity"], c.visits)
	}
}

func TestWithoutAFreeConnectionVisitorsSeeLastKnownGood(t *testing.T) {
	t.Parallel()
	const connections = 40
	server := testkit.OwnPostgres(t, fmt.Sprintf("max_connections=%d", connections))
	fill(t, server.URL)
	f := newFleet(t, server.URL, failing)
	processes := f.start(3)
	f.shows(processes, 0)
	c := newCrowd(t, processes, 3)
	leave := hog(t, server.URL, connections)
	f.degrades(processes, economyPanels)
	leave()
	f.recovers(processes)
	c.leave(t)
}

// hog takes all connections of a server, including those in use.
func hog(t *testing.T, url string, limit int) (leave func()) {
	t.Helper()
	ctx := t.Context()
	var taken []*pgx.Conn
	leave = sync.OnceFunc(func() {
		for _, conn := range taken {
			conn.Close(context.WithoutCancel(ctx))
		}
	})
	t.Cleanup(leave)
	eventually(t, "all connections are taken", func() error {
		for range limit {
			conn, err := pgx.Connect(ctx, url)
			if err != nil && len(taken) == 0 {
				return err
			}
			if err != nil {
				break
			}
			taken = append(taken, conn)
		}
		var others int
		const end = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'exchequer'`
		if err := taken[0].QueryRow(ctx, end).Scan(&others); err != nil {
			return err
		}
		if others > 0 {
			return fmt.Errorf("%d are others'", others)
		}
		return nil
	})
	return leave
}

// degrades waits until all processes show panels with an age and a reason.
func (f *fleet) degrades(processes []*process, panels []string) {
	f.t.Helper()
	for _, p := range processes {
		eventually(f.t, "panels are marked as old", func() error {
			v := p.get("/economy")
			for _, name := range panels {
				if !v.degraded(name) {
					return fmt.Errorf("process %s: %s: %q, %v", p.name, name, v.age(name), v.whole())
				}
			}
			return nil
		})
	}
	f.t.Logf("it says: %s", processes[0].get("/economy").age(panels[0]))
}

// recovers waits until all processes show new windows again, none degraded.
func (f *fleet) recovers(processes []*process) {
	f.t.Helper()
	began := time.Now()
	f.shows(processes, began.UnixMilli())
	f.t.Logf("recovered after %s", time.Since(began))
	for _, p := range processes {
		if v := p.get("/economy"); v.degraded("overview") {
			f.t.Errorf("process %s still says %q", p.name, v.age("overview"))
		}
	}
}

func TestAColdProcessWhosePostgresIsGoneSaysWhatCannotBeShown(t *testing.T) {
	t.Parallel()
	server := testkit.OwnPostgres(t)
	fill(t, server.URL)
	f := newFleet(t, server.URL, failing)
	for _, fault := range []struct {
		name        string
		begin, over func()
	}{
		{"stopped", server.Stop, server.Start},
		{"frozen", server.Freeze, server.Thaw},
	} {
		p := f.start(1)[0]
		fault.begin()
		v := p.get("/economy")
		t.Logf("%s: status %d after %s", fault.name, v.status, v.took)
		switch {
		case v.err != nil || v.took > patience/2:
			t.Errorf("%s: a cold page took %s, %v", fault.name, v.took, v.err)
		case v.status != http.StatusOK && v.status != http.StatusServiceUnavailable:
			t.Errorf("%s: a cold page was answered %d", fault.name, v.status)
		case !strings.HasSuffix(strings.TrimSpace(v.body), "</html>"):
			t.Errorf("%s: a cold page is broken off", fault.name)
		}
		if v.status == http.StatusServiceUnavailable && v.header.Get("Retry-After") == "" {
			t.Errorf("%s: the answer does not say when to come again", fault.name)
		}
		for _, name := range economyPanels {
			if said := between(v.panel(name), `<p class="missing">`, "<"); said == "" {
				t.Errorf("%s: the panel %s does not say why it has no numbers", fault.name, name)
			}
		}
		fault.over()
		if err := p.eventuallyWhole(); err != nil {
			t.Errorf("after: %v", err)
		}
		p.terminate()
		if err := f.look.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
