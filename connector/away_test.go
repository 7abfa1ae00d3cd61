package connector_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// A source that is away for longer than a few attempts: what it wrote meanwhile comes, and
// the books say since when it cannot be reached.
func TestWhatASourceWroteWhileItWasAwayComes(t *testing.T) {
	game, db := newTreasury(t, 2), testkit.Postgres(t)
	proxy := testkit.NewProxy(t, game.Addr)
	game.Exec(transfers)
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { follower(t, db, "treasury", treasuryURL(proxy.Addr)).Follow(ctx) })
	defer following.Wait()
	defer stop()
	until := func(what, query, want string) {
		t.Helper()
		got := ""
		for range 600 {
			if got = lines(t, db, query); got == want {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s: %q, want %q", what, got, want)
	}
	until("in step", `SELECT concat_ws(' ', (SELECT count(*) FROM transactions), failures) FROM sync_sources WHERE complete IS NOT NULL`, "4 0")
	proxy.Cut()
	game.Exec(`INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin) SELECT seq, 'while away', '' FROM seq_100_to_10099;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 10, -0.01 FROM seq_100_to_10099;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 11, 0.01 FROM seq_100_to_10099`)
	until("away", `SELECT concat_ws(' ', (SELECT count(*) FROM transactions), failures > 1, failing_since IS NOT NULL) FROM sync_sources`, "4 t t")
	proxy.Mend()
	until("back", `SELECT concat_ws(' ', (SELECT count(*) FROM transactions), failures, drifting) FROM sync_sources WHERE compared > complete - interval '1 hour'`, "10004 0 0")
}

// A program that writes its database anew and renames it over the old one.
func TestADatabaseThatIsReplacedIsFollowed(t *testing.T) {
	const table = `CREATE TABLE balances (uuid TEXT, name TEXT, balance REAL); INSERT INTO balances VALUES ('a', 'ada', `
	old, url := newSQLite(t, table+"10)")
	fresh, freshURL := newSQLite(t, table+"25)")
	db := testkit.Postgres(t)
	ctx, stop := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { follower(t, db, "balances-sql", url).Follow(ctx) })
	defer following.Wait()
	defer stop()
	ada := func(want string) {
		t.Helper()
		got := ""
		for range 1200 {
			if got = lines(t, db, `SELECT b.balance FROM balances b JOIN accounts a ON a.id = b.account WHERE a.ref = 'player:a'`); got == want {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("Ada has %q, want %s", got, want)
	}
	ada("1000")
	old.Close()
	fresh.Close()
	if err := os.Rename(strings.TrimPrefix(freshURL, "sqlite:"), strings.TrimPrefix(url, "sqlite:")); err != nil {
		t.Fatal(err)
	}
	ada("2500")
}

// A clock of the source that is ahead, and one that is put back.
func TestAClockThatJumpsLosesNothing(t *testing.T) {
	game, db := newTreasury(t, 2), testkit.Postgres(t)
	game.Exec(transfers)
	for id, ahead := range map[int]time.Duration{101: 9 * time.Second, 102: -time.Hour, 103: 0} {
		conn, err := game.DB.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(t.Context(), fmt.Sprintf(`SET TIMESTAMP = %d;
			INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin) VALUES (%d, 'jump', '');
			INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (%[2]d, 10, -0.01), (%[2]d, 11, 0.01);
			SET TIMESTAMP = DEFAULT`, time.Now().Add(ahead).Unix(), id)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	const known = `SELECT string_agg(right(ref, 3), ' ' ORDER BY ref) FROM transactions WHERE message = 'jump'`
	syncOnce(t, db, "treasury", treasuryURL(game.Addr))
	if got := lines(t, db, known); got != "102 103" {
		t.Errorf("known while the clock is ahead: %q, want those that are not of the future", got)
	}
	if got := lines(t, db, `SELECT reason FROM sync_rejects WHERE number = 101 LIMIT 1`); !strings.Contains(got, "not in the future") {
		t.Errorf("why the other one waits: %q", got)
	}
	time.Sleep(5 * time.Second)
	syncOnce(t, db, "treasury", treasuryURL(game.Addr))
	if got := lines(t, db, known) + lines(t, db, `SELECT concat(' ', drifting, (SELECT count(*) FROM sync_rejects)) FROM sync_sources`); got != "101 102 103 00" {
		t.Errorf("known, drift and rows left out when its time has come: %q", got)
	}
}
