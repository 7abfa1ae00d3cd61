package ledger_test

import (
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestASnapshotIsWrittenOnlyBetweenAppends(t *testing.T) {
	url := testkit.PostgresURL(t)
	control := open(t, url, "control")
	l := ledger.New(open(t, url, "append"))
	if _, err := l.Append(t.Context(), village()); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders) VALUES
		($1::date - 1, 0, 0), ($1, 0, 0), ($1::date + 1, 0, 0)`, noon); err != nil {
		t.Fatal(err)
	}
	holding, err := control.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holding.Exec(t.Context(), `LOCK TABLE item_hours`); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := l.Append(t.Context(), grant()); err != nil {
			t.Error(err)
		}
	})
	blocked(t, control, "append")
	snapshots := open(t, url, "snapshots")
	both.Go(func() {
		err := pgx.BeginFunc(t.Context(), snapshots, func(tx pgx.Tx) error {
			if err := ledger.LockAppends(t.Context(), tx); err != nil {
				return err
			}
			var days, transactions int
			err := tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM day_snapshots), (SELECT count(*) FROM transactions)`).
				Scan(&days, &transactions)
			if days != 1 || transactions != 1 {
				t.Errorf("after the append: %d snapshots and %d transactions, want 1 and 1", days, transactions)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	blocked(t, control, "snapshots")
	if err := holding.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	both.Wait()
	wantRows(t, control, `SELECT day::text FROM day_snapshots`, "2026-03-03")

	err = pgx.BeginTxFunc(t.Context(), control, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return ledger.LockAppends(t.Context(), tx)
	})
	if err == nil {
		t.Error("LockAppends accepted a repeatable read transaction")
	}
}

func TestArchivingDeletesTheSnapshotsThatItMakesWrong(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	archive := func(days int) {
		b := village()
		if days >= 0 {
			b.Accounts[1].Archived = noon.AddDate(0, 0, days)
		}
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	archive(-1)
	for _, test := range []struct {
		days int
		want string
	}{{2, "2026-03-05"}, {2, "2026-03-09"}, {-1, "2026-03-09"}, {4, "2026-03-05"}, {0, "2026-03-03"}} {
		if _, err := db.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders)
			SELECT day, 0, 0 FROM generate_series(date '2026-03-01', '2026-03-09', interval '1 day') AS d (day) ON CONFLICT DO NOTHING`); err != nil {
			t.Fatal(err)
		}
		archive(test.days)
		wantRows(t, db, `SELECT max(day)::text FROM day_snapshots`, test.want)
	}
	wantRows(t, db, `SELECT archived = '2026-03-04 12:00Z' FROM accounts WHERE ref = 'ann'`, "true")

	// And so does an account that is in use again.
	if _, err := db.Exec(t.Context(), `INSERT INTO day_snapshots (day, supply, holders)
		SELECT day, 0, 0 FROM generate_series(date '2026-03-01', '2026-03-09', interval '1 day') AS d (day) ON CONFLICT DO NOTHING`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, InUse: true}}}); err != nil {
		t.Fatal(err)
	}
	wantRows(t, db, `SELECT max(day)::text, (SELECT count(archived) FROM accounts)::text FROM day_snapshots`, "2026-03-03 0")
}
