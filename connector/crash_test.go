package connector_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/connector"
	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// followEnv makes the test binary a process that follows a source, so that it can be
// killed.
const followEnv = "EXCHEQUER_TEST_FOLLOW"

func TestMain(m *testing.M) {
	if os.Getenv(followEnv) != "" {
		if err := follow(os.Getenv(followEnv), os.Getenv("EXCHEQUER_TEST_LEDGER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func follow(source, url string) error {
	ctx := context.Background()
	db, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 8})
	if err != nil {
		return err
	}
	config, err := connector.NewConfig("", "treasury", source, "", connector.Overrides{})
	if err != nil {
		return err
	}
	f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}, config)
	if err != nil {
		return err
	}
	f.Follow(ctx)
	return nil
}

// start starts a process that follows the source. It ends with the test.
func start(t *testing.T, source, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), followEnv+"="+source, "EXCHEQUER_TEST_LEDGER="+url)
	cmd.Stderr = os.Stderr
	if !testing.Verbose() {
		cmd.Stderr = nil
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// kill ends a process as a power failure would.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// serverTrade writes transactions into the game until ctx ends, as several servers of it
// would: some take a while from their id to their commit, some are rolled back, and
// the connection may be lost at any time.
func serverTrade(ctx context.Context, game *testkit.MariaDB, players int, written *atomic.Int64) {
	for ctx.Err() == nil {
		_ = func() error {
			tx, err := game.DB.BeginTx(ctx, nil)
			if err != nil {
				time.Sleep(20 * time.Millisecond)
				return err
			}
			defer tx.Rollback()
			for range 1 + rand.IntN(20) {
				from, to, cents := 10+rand.IntN(players), 10+rand.IntN(players), 1+rand.IntN(100_000)
				if from == to {
					from = 1
				}
				if _, err := tx.ExecContext(ctx, fmt.Sprintf(`INSERT INTO ledger_txns (message, initiator_uuid_bin, plugin_system) VALUES ('', '', 'pay');
					INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (LAST_INSERT_ID(), %d, -%.2f), (LAST_INSERT_ID(), %d, %.2f)`,
					min(from, to), float64(cents)/100, max(from, to), float64(cents)/100)); err != nil {
					return err
				}
			}
			if rand.IntN(10) == 0 {
				time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			}
			if rand.IntN(20) == 0 {
				return nil
			}
			if err := tx.Commit(); err != nil {
				return err
			}
			written.Add(1)
			return nil
		}()
	}
}

func TestNothingIsLostOrDoubledWhateverEndsInTheMiddle(t *testing.T) {
	const players, servers, faults = 40, 3, 12
	game, url := newTreasury(t, players), testkit.PostgresURL(t)
	proxy := testkit.NewProxy(t, game.Addr)
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	trading, stop := context.WithCancel(t.Context())
	defer stop()
	var written atomic.Int64
	var work sync.WaitGroup
	for range servers {
		work.Go(func() { serverTrade(trading, game, players, &written) })
	}
	// Two processes, of which one leads.
	fleet := []*exec.Cmd{start(t, treasuryURL(proxy.Addr), url), start(t, treasuryURL(proxy.Addr), url)}
	defer func() {
		for _, process := range fleet {
			kill(process)
		}
	}()
	for range faults {
		time.Sleep(time.Duration(500+rand.IntN(1000)) * time.Millisecond)
		switch rand.IntN(5) {
		case 0, 1:
			i := rand.IntN(len(fleet))
			kill(fleet[i])
			fleet[i] = start(t, treasuryURL(proxy.Addr), url)
		case 2:
			proxy.Cut()
			time.Sleep(300 * time.Millisecond)
			proxy.Mend()
		case 3:
			proxy.Reset()
			time.Sleep(300 * time.Millisecond)
			proxy.Mend()
		case 4:
			game.Restart()
		}
	}
	kill(fleet[0]) // the other one takes over, if it does not lead
	fleet = fleet[1:]
	stop()
	work.Wait()

	var theirs int
	var count string
	if err := game.DB.QueryRow(`SELECT COUNT(*) FROM ledger_txns`).Scan(&theirs); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if count = lines(t, db, `SELECT count(*)::text FROM transactions`); count == fmt.Sprint(theirs) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if count != fmt.Sprint(theirs) || written.Load() == 0 {
		t.Fatalf("%s transactions after a minute, the source has %d in %d commits", count, theirs, written.Load())
	}
	t.Logf("%d transactions in %d commits", theirs, written.Load())
	kill(fleet[0])
	fleet = nil
	syncOnce(t, db, "treasury", treasuryURL(game.Addr))
	if got, want := lines(t, db, `SELECT concat_ws(' ', accounts, drifting) FROM sync_sources`), fmt.Sprintf("%d 0", players+3); got != want {
		t.Errorf("accounts compared and those that differ: %s, want %s", got, want)
	}
	if got := lines(t, db, `SELECT reason FROM sync_rejects LIMIT 3`); got != "" {
		t.Errorf("left out: %s", got)
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || !report.OK() {
		t.Errorf("the books are damaged: %+v, %v", report, err)
	}
}
