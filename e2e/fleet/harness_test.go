// Package fleet_test tests several processes of the program as visitors see them,
// over HTTP, on a real Redis and a real Postgres, while these fail.
package fleet_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/internal/town"
	"exchequer/ledger"
)

// patience is how long a test waits for what must happen eventually, even on a busy
// machine.
const patience = time.Minute

// A fleet is what its processes share.
type fleet struct {
	t     *testing.T
	db    string // the database's address
	redis *testkit.RedisServer
	look  *redis.Client // to inspect Redis
	env   []string
	all   []*process
}

// newFleet returns a fleet without processes over a database with a small ledger. All
// memos have the policy, such as "window:2s,timeout:1s".
func newFleet(t *testing.T, db, policy string) *fleet {
	t.Helper()
	f := &fleet{t: t, db: db, redis: testkit.Redis(t)}
	f.look = redis.NewClient(&redis.Options{Addr: f.redis.Addr})
	t.Cleanup(func() { f.look.Close() })
	var policies []string
	for _, name := range memoNames() {
		policies = append(policies, name+"="+policy)
	}
	f.env = append(slices.DeleteFunc(os.Environ(), configures),
		"DATABASE_URL="+db, "REDIS_URL="+f.redis.URL(), "TENANT=fleet",
		"EXCHEQUER_POLICIES="+strings.Join(policies, ";"), "EXCHEQUER_LINGER=50ms", "EXCHEQUER_LOG_LEVEL=warn")
	return f
}

// configures reports whether a variable of the environment configures the program.
func configures(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"DATABASE_URL", "REDIS_URL", "TENANT"}, strings.TrimSuffix(name, "_FILE")) ||
		strings.HasPrefix(name, "EXCHEQUER_")
}

// settled is a policy without a boundary while a test runs.
const settled = "window:24h"

// memoNames returns the memos of the home page.
var memoNames = sync.OnceValue(func() []string {
	memos := cache.New(cache.Deps{Store: cache.NewMemory()})
	defer memos.Close(context.Background())
	aggregates.NewEconomy(memos, nil)
	var names []string
	for _, p := range memos.Policies() {
		if strings.HasPrefix(p.Memo, "economy.") {
			names = append(names, p.Memo)
		}
	}
	return names
})

// sharedDatabase returns a database of the test on the shared server, with a small
// ledger.
func sharedDatabase(t *testing.T) string {
	t.Helper()
	return filled.URL(t)
}

var filled = testkit.NewFilled(fill)

// fill writes a few thousand postings.
func fill(t testing.TB, url string) {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{StatementTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	simulated := town.New(town.Config{Seed: 3, Players: 60, Days: 8, End: time.Now()})
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), simulated.Settings()); err != nil {
		t.Fatal(err)
	}
	err = simulated.History(t.Context(), func(b ledger.Batch) error {
		_, err := record.Append(t.Context(), b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := aggregates.UpdateSnapshots(t.Context(), db, time.Now(), aggregates.DefaultExact); err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := postgres.Open(t.Context(), url, postgres.Options{StatementTimeout: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// hold locks a table, so that producers that read it wait until it is unlocked.
func hold(t *testing.T, url, table string) (letGo func()) {
	t.Helper()
	tx, err := connect(t, url).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	letGo = sync.OnceFunc(func() {
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(letGo)
	if _, err := tx.Exec(t.Context(), "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return letGo
}

// A process is one exchequer serve.
type process struct {
	t     *testing.T
	name  string
	url   string
	cmd   *exec.Cmd
	said  *testkit.Buffer
	ended chan struct{} // closed when it has ended
	gone  bool          // ended by the test
}

// start runs n more processes of the program and waits until they serve.
func (f *fleet) start(n int) []*process {
	f.t.Helper()
	path, err := binary()
	if err != nil {
		f.t.Fatal(err)
	}
	var started []*process
	for range n {
		started = append(started, f.launch(path))
	}
	for _, p := range started {
		p.serves()
	}
	return started
}

// launch runs one more process of a binary, at any address unless a flag names one. It
// ends with the test, by SIGTERM, with exit code 0.
func (f *fleet) launch(path string, flags ...string) *process {
	f.t.Helper()
	p := &process{t: f.t, name: string(rune('A' + len(f.all))), said: &testkit.Buffer{}, ended: make(chan struct{})}
	p.cmd = exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)...)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = f.env, p.said, p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its state has how it ended
		close(p.ended)
	}()
	f.all = append(f.all, p)
	f.t.Cleanup(func() {
		if !p.gone {
			p.terminate()
		}
		if f.t.Failed() {
			f.t.Logf("process %s said:\n%s", p.name, p.said)
		}
	})
	return p
}

// serves waits until the process logs its address.
func (p *process) serves() {
	p.t.Helper()
	const mark = "Exchequer is ready at "
	eventually(p.t, "process "+p.name+" serves", func() error {
		if _, rest, ready := strings.Cut(p.said.String(), mark); ready {
			p.url = strings.Fields(rest)[0]
			return nil
		}
		select {
		case <-p.ended:
			p.t.Fatalf("process %s has ended: %s", p.name, p.said)
		default:
		}
		return errors.New(p.said.String())
	})
}

func (p *process) signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Errorf("signal process %s: %v", p.name, err)
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.t.Helper()
	p.gone = true
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// terminate ends the process by SIGTERM and checks that it exits with code 0.
func (p *process) terminate() {
	p.t.Helper()
	p.gone = true
	p.signal(syscall.SIGTERM)
	p.endsWell()
}

func (p *process) endsWell() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(2 * patience):
		p.t.Errorf("process %s does not end", p.name)
		p.signal(syscall.SIGKILL)
		<-p.ended
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("process %s ended with %s, want exit code 0; it said:\n%s", p.name, p.cmd.ProcessState, p.said)
	}
}

// eventually waits until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s: %v", patience, what, err)
		}
	}
}

// undisturbed runs a scenario with exact counts on fleets of three, until a run in
// which no process went on without Redis. On a machine so busy that Redis seems
// silent, processes rightly do, and each computes by itself.
func undisturbed(t *testing.T, policy string, scenario func(*fleet, []*process) error) {
	t.Helper()
	db := sharedDatabase(t)
	for range 4 {
		f := newFleet(t, db, policy)
		processes := f.start(3)
		err := scenario(f, processes)
		alone := f.alone()
		for _, p := range processes {
			if !p.gone {
				p.terminate()
			}
		}
		if !alone {
			if err != nil {
				t.Error(err)
			}
			return
		}
		t.Log("a process went on without Redis; once more")
	}
	t.Fatal("on this machine Redis does not answer in time")
}

// alone reports whether any running process went on without Redis, however briefly.
func (f *fleet) alone() bool { return slices.ContainsFunc(f.all, (*process).alone) }

func (p *process) alone() bool {
	return !p.gone && p.metrics()["exchequer_cache_store_outages_total"] > 0
}
