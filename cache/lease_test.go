package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// holderOf is the environment variable that makes the test binary another process
// of the fleet, which takes the lock and computes for six seconds.
const holderOf = "EXCHEQUER_TEST_HOLDER"

const holderSays = "computing"

func holder(c *cache.Cache, produce func(context.Context) (int, error)) *cache.Memo[One, int] {
	return cache.NewMemo(c, cache.Spec{Name: "held", Window: time.Hour}, func(ctx context.Context, _ cache.Window, _ One) (int, error) {
		return produce(ctx)
	})
}

func holdTheLock(addr string) {
	store := newRemote(redis.UniversalOptions{Addrs: []string{addr}}, space)
	c := cache.New(cache.Deps{Store: store})
	m := holder(c, func(context.Context) (int, error) {
		fmt.Println(holderSays)
		time.Sleep(6 * time.Second)
		return -1, nil
	})
	m.Get(context.Background(), One{})
	c.Close(context.Background())
	fmt.Println("done")
}

func TestAHolderThatIsKilledOrFrozenIsReplacedWithinFiveSeconds(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "frozen": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Redis(t)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), holderOf+"="+server.Addr)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			defer child.Wait()
			defer child.Process.Kill()
			said := bufio.NewScanner(out)
			if !said.Scan() || said.Text() != holderSays {
				t.Fatalf("the holder said %q, %v", said.Text(), said.Err())
			}
			if err := child.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c := open(t, cache.Deps{Store: redisStore(t, server.Addr)})
			m := holder(c, func(context.Context) (int, error) { return 7, nil })
			r := get(t, m, One{})
			if took := time.Since(began); r.Value != 7 || took > 8*time.Second {
				t.Errorf("took over with %v after %v, want 7 when the lease of 4 s is over", r.Value, took)
			}
			if signal == syscall.SIGKILL {
				return
			}
			// The frozen holder goes on, and cannot publish.
			if err := child.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			for said.Scan() && said.Text() == holderSays { // again: its connections did not survive, so that it may see an outage
			}
			if said.Text() != "done" {
				t.Errorf("the late holder said %q, %v", said.Text(), said.Err())
			}
			late := holder(open(t, cache.Deps{Store: redisStore(t, server.Addr)}), func(context.Context) (int, error) { return 9, nil })
			if r := get(t, late, One{}); r.Value != 7 {
				t.Errorf("the fleet shares %v, want 7 of the process that took over", r.Value)
			}
		})
	}
}

func TestALateHolderThatFailsShowsWhatItsSuccessorPublished(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	computing, fail := make(chan struct{}), make(chan struct{})
	late := holder(open(t, cache.Deps{Store: redisStore(t, server.Addr)}), func(context.Context) (int, error) {
		close(computing)
		<-fail
		return 0, errors.New("its connection did not survive")
	})
	type outcome struct {
		value int
		err   error
	}
	got := make(chan outcome, 1)
	go func() {
		r, err := late.Get(t.Context(), One{})
		got <- outcome{r.Value, err}
	}()
	<-computing
	if _, err := server.Do("FLUSHALL"); err != nil { // its lock has run out
		t.Fatal(err)
	}
	successor := holder(open(t, cache.Deps{Store: redisStore(t, server.Addr)}), func(context.Context) (int, error) { return 7, nil })
	get(t, successor, One{})
	close(fail)
	if r := <-got; r.value != 7 || r.err != nil {
		t.Errorf("the late one shows %d, %v, want 7 of the process that took over", r.value, r.err)
	}
}

// A balance is read when its producer begins, and shown when it ends.
type balance struct {
	written atomic.Int64
	runs    atomic.Int64
}

// memo declares a memo of the balance whose runs in this process take a duration.
func (b *balance) memo(c *cache.Cache, took time.Duration) *cache.Memo[One, int64] {
	return cache.NewMemo(c, cache.Spec{Name: "balance", Window: time.Hour}, func(context.Context, cache.Window, One) (int64, error) {
		b.runs.Add(1)
		read := b.written.Load()
		time.Sleep(took)
		return read, nil
	})
}

// loseLock takes the lock of the only key that is being computed from its holder,
// as when a store loses its data.
func loseLock(t *testing.T, c *cache.Cache, store cache.Store) {
	t.Helper()
	status, err := c.Status(t.Context(), "balance", "")
	if err != nil {
		t.Fatal(err)
	}
	owner, _, err := store.Holder(t.Context(), status.StoreKey)
	if err != nil || owner == "" {
		t.Fatalf("Holder() = %q, %v, want who computes", owner, err)
	}
	if err := store.Unlock(t.Context(), status.StoreKey, owner); err != nil {
		t.Fatal(err)
	}
}

// The lock of the first process is lost while it computes, so that another one
// computes for the same window. The first one ends last.
func TestAnOlderReadingIsShownToNobodyAfterANewerOne(t *testing.T) {
	for name, computes := range map[string]time.Duration{
		"the first notices that the lock is lost":       4 * time.Second,
		"the first ends before it looks after its lock": 900 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := cache.NewMemory()
				var b balance
				first, second := open(t, cache.Deps{Store: store}), open(t, cache.Deps{Store: store})
				slow, quick := b.memo(first, computes), b.memo(second, 50*time.Millisecond)
				go slow.Get(t.Context(), One{})
				time.Sleep(500 * time.Millisecond)
				loseLock(t, second, store)
				b.written.Store(1)
				if r := get(t, quick, One{}); r.Value != 1 {
					t.Fatalf("the second shows %d, want what was written", r.Value)
				}
				time.Sleep(10 * time.Second)
				late := b.memo(open(t, cache.Deps{Store: store}), 0)
				for process, m := range map[string]*cache.Memo[One, int64]{"the first": slow, "the second": quick, "a fresh one": late} {
					if r := get(t, m, One{}); r.Value != 1 {
						t.Errorf("%s shows the older reading", process)
					}
				}
				if runs := b.runs.Load(); runs != 2 {
					t.Errorf("%d runs, want one in each of two processes", runs)
				}
			})
		})
	}
}

func TestAHolderThatDiesIsReplacedWithinFiveSecondsAndCannotPublishLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &frozen{Memory: cache.NewMemory()}
		store.freeze(true)
		var dying, living source
		dying.set(10*time.Second, nil, nil)
		living.set(0, nil, nil)
		living.runs.Store(100)
		a := fleet(t, 1, store, &dying)[0]
		b := fleet(t, 1, store.Memory, &living)[0]
		go a.Get(context.Background(), One{})
		synctest.Wait()
		began := time.Now()
		wantResult(t, get(t, b, One{}), 101, cache.Fresh, "who took over")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("another process took over after %v, want within 5 s", took)
		}
		time.Sleep(10 * time.Second) // the frozen one wakes and tries to publish
		c := fleet(t, 1, store.Memory, &living)[0]
		wantResult(t, get(t, c, One{}), 101, cache.Fresh, "what the fleet shares in the end")
	})
}
