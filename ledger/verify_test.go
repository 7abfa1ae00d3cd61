package ledger_test

import (
	"strings"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestVerifyFindsWhatIsWrong(t *testing.T) {
	for what, damage := range map[string]string{
		"transactions":      `UPDATE postings SET amount = amount + 1 WHERE amount > 0`,
		"postings":          `DELETE FROM accounts WHERE ref = 'ann'`,
		"refs":              `DELETE FROM refs WHERE what = 's'`,
		"sales":             `UPDATE sales SET seller = 99`,
		"balances":          `UPDATE balances SET postings = postings + 1`,
		"account_days":      `DELETE FROM account_days WHERE received > 0`,
		"activity_hours":    `UPDATE activity_hours SET transfers = transfers + 1`,
		"flow_hours":        `UPDATE flow_hours SET from_kind = 'business'`,
		"item_hours":        `UPDATE item_hours SET open = 1`,
		"trader_days":       `INSERT INTO trader_days SELECT item, day, 1, 'seller', 1, 1, 1 FROM price_days`,
		"price_days":        `UPDATE price_days SET quantity = quantity + 1`,
		"counterparty_days": `DELETE FROM counterparty_days WHERE transactions = 1`,
		"offers":            `UPDATE offers SET ask = ask + 1`,
		"offer_changes":     `UPDATE offers SET item = 99`,
		"item_offer_hours":  `UPDATE item_offer_hours SET stock = stock + 1`,
		"day_snapshots":     `INSERT INTO day_snapshots (day, supply, holders) VALUES ('2026-03-04', 1001, 1)`,
	} {
		t.Run(what, func(t *testing.T) {
			db := testkit.Postgres(t)
			l := ledger.New(db)
			if _, err := l.Append(t.Context(), grant()); err != nil {
				t.Fatal(err)
			}
			wantSound(t, l)
			if _, err := db.Exec(t.Context(), damage); err != nil {
				t.Fatal(err)
			}
			report, err := l.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, d := range report.Differences {
				found = found || d.Table == what && d.Key != "" && d.Text != ""
			}
			if !found || report.OK() {
				t.Errorf("after %s, Verify found %v, want something about %s", damage, report.Differences, what)
			}
		})
	}
}

func TestVerifyBoundsItsReport(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := db.Exec(t.Context(), `INSERT INTO balances SELECT n, 1, now(), 1 FROM generate_series(1, 150) n`); err != nil {
		t.Fatal(err)
	}
	report, err := ledger.New(db).Verify(t.Context())
	if err != nil || len(report.Differences) != 100 || report.More != 50 {
		t.Fatalf("Verify listed %d and left out %d, %v, want 100 and 50", len(report.Differences), report.More, err)
	}
	if text := report.Differences[0].String(); !strings.Contains(text, "balances 1: kept") {
		t.Errorf("a difference reads %q", text)
	}
}
