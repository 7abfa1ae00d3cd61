package connector_test

import (
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// The first run over a ledger of 500,000 postings, until it is in step and compared.
func BenchmarkFirstRun(b *testing.B) {
	const postings = 500_000
	game := newTreasury(b, 1000)
	game.Exec(`DROP TRIGGER trg_postings_ai;
		INSERT INTO ledger_txns (txn_id, settlement_time, message, initiator_uuid_bin, plugin_system)
			SELECT seq, TIMESTAMP('2026-01-01') + INTERVAL seq * 20 SECOND, 'payment', '', ELT(1 + seq % 3, 'pay', 'shop', 'tax') FROM seq_1_to_250000;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 10 + seq % 1000, -(seq % 977 + 1) / 100 FROM seq_1_to_250000;
		INSERT INTO ledger_postings (txn_id, account_id, amount) SELECT seq, 10 + (seq * 7 + 3) % 1000, (seq % 977 + 1) / 100 FROM seq_1_to_250000;
		INSERT INTO account_balances_mat (account_id, balance) SELECT account_id, SUM(amount) FROM ledger_postings GROUP BY account_id`)
	for b.Loop() {
		db := testkit.Postgres(b)
		began := time.Now()
		syncOnce(b, db, "treasury", treasuryURL(game.Addr))
		b.ReportMetric(postings/time.Since(began).Seconds(), "postings/s")
		if got := lines(b, db, `SELECT concat_ws(' ', accounts, drifting, (SELECT count(*) FROM sync_rejects)) FROM sync_sources`); got != "1003 0 0" {
			b.Errorf("accounts, those that differ, rows left out: %s", got)
		}
	}
}
