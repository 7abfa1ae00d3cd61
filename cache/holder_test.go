package cache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"exchequer/cache"
	"exchequer/internal/testkit"
)

// holderOf names the variable by which the test binary becomes another process
// of the fleet: one that takes the lock and computes for six seconds.
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
			line := make([]byte, 64)
			if n, err := out.Read(line); err != nil || !strings.HasPrefix(string(line[:n]), holderSays) {
				t.Fatalf("the holder said %q, %v", line[:n], err)
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
			// Woken again, the late one finishes, and cannot publish.
			if err := child.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			if n, err := out.Read(line); err != nil || !strings.HasPrefix(string(line[:n]), "done") {
				t.Errorf("the late holder said %q, %v", line[:n], err)
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
