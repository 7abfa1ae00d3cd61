package fleet_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestRedisMayBeAbsentAtStartKilledAndRestartedEmpty(t *testing.T) {
	t.Parallel()
	f := newFleet(t, sharedDatabase(t), settled)
	f.redis.Kill()
	processes := f.start(3)
	everyPageIsWhole := func(when string) {
		t.Helper()
		for _, p := range processes {
			v := p.get("/economy")
			if err := v.whole(); err != nil {
				t.Errorf("%s: process %s: %v", when, p.name, err)
			}
			if ready := p.get("/readyz"); ready.status != http.StatusOK {
				t.Errorf("%s: /readyz of process %s = %d, %s", when, p.name, ready.status, ready.body)
			}
			t.Logf("%s: process %s answered in %s", when, p.name, v.took)
		}
	}
	// Values computed during the outage are published afterwards, so that another
	// process serves them without a run of its own.
	pushedBack := func(when string) {
		t.Helper()
		f.back(processes)
		eventually(t, "the values are in Redis again", func() error {
			keys, err := f.look.Keys(t.Context(), "exchequer:{fleet:*:economy.*}:*").Result()
			if err == nil && len(keys) < len(memoNames()) {
				err = fmt.Errorf("there is only %q", keys)
			}
			return err
		})
		for {
			fresh := f.start(1)[0]
			if err := fresh.get("/economy").whole(); err != nil {
				t.Errorf("%s: a fresh process: %v", when, err)
			}
			err := exactly(0, when+": producer runs of a fresh process", runs([]*process{fresh}, "done"))
			alone := fresh.alone()
			fresh.terminate()
			if alone {
				continue // the machine was too busy for Redis to answer in time
			}
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
	everyPageIsWhole("Redis absent at start")
	f.redis.Start()
	pushedBack("Redis is there at last")
	f.redis.Kill()
	everyPageIsWhole("Redis killed")
	f.redis.Start()
	pushedBack("Redis restarted empty")
}

func TestNoPageFailsWhileRedisIsFrozenKilledAndRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	const window = 2 * time.Second
	f := newFleet(t, sharedDatabase(t), "window:"+window.String())
	processes := f.start(3)
	shown := f.shows(processes, 0)
	c := newCrowd(t, processes, 3)
	// goesOn waits until each process shows a window from after the fault.
	goesOn := func(fault string) {
		t.Helper()
		after := time.Now().Add(window).UnixMilli()
		for _, p := range processes {
			eventually(t, fault+": new windows go on", func() error {
				if asOf := p.get("/economy").asOf(); asOf < after-window.Milliseconds() {
					return fmt.Errorf("process %s shows %d", p.name, asOf)
				}
				return nil
			})
			if ready := p.get("/readyz"); ready.status != http.StatusOK {
				t.Errorf("%s: /readyz of process %s = %d, %s", fault, p.name, ready.status, ready.body)
			}
		}
		// A Redis that is silent costs a moment once; an origin would hang.
		slowest := c.slow()
		t.Logf("%s: the slowest page took %s", fault, slowest)
		if slowest > 5*time.Second {
			t.Errorf("%s: the slowest page took %s", fault, slowest)
		}
	}
	goesOn("Redis up")
	f.redis.Freeze()
	time.Sleep(10 * time.Second)
	goesOn("Redis frozen")
	f.redis.Thaw()
	f.back(processes)
	f.redis.Kill()
	goesOn("Redis killed")
	f.redis.Start()
	f.back(processes)
	f.shows(processes, shown+1)
	c.leave(t)
}

// back waits until all processes use Redis again.
func (f *fleet) back(processes []*process) {
	f.t.Helper()
	for _, p := range processes {
		eventually(f.t, "process "+p.name+" uses Redis again", func() error {
			if p.metrics().alone() {
				return errors.New("it goes on alone")
			}
			return nil
		})
	}
}
