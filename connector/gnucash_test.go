package connector_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

// The tables of GnuCash that the preset reads, as it makes them, with the books of a
// household: an opening balance, wages, shopping of thirds of a cent that do not fit,
// shares, a payment in dollars, and a template.
const books = `
	CREATE TABLE books (guid text(32) PRIMARY KEY NOT NULL, root_account_guid text(32) NOT NULL, root_template_guid text(32) NOT NULL);
	CREATE TABLE commodities (guid text(32) PRIMARY KEY NOT NULL, namespace text(2048) NOT NULL, mnemonic text(2048) NOT NULL, fullname text(2048),
		cusip text(2048), fraction integer NOT NULL, quote_flag integer NOT NULL, quote_source text(2048), quote_tz text(2048));
	CREATE TABLE accounts (guid text(32) PRIMARY KEY NOT NULL, name text(2048) NOT NULL, account_type text(2048) NOT NULL, commodity_guid text(32),
		commodity_scu integer NOT NULL, non_std_scu integer NOT NULL, parent_guid text(32), code text(2048), description text(2048), hidden integer, placeholder integer);
	CREATE TABLE transactions (guid text(32) PRIMARY KEY NOT NULL, currency_guid text(32) NOT NULL, num text(2048) NOT NULL, post_date text(19),
		enter_date text(19), description text(2048));
	CREATE INDEX tx_post_date_index ON transactions (post_date);
	CREATE TABLE splits (guid text(32) PRIMARY KEY NOT NULL, tx_guid text(32) NOT NULL, account_guid text(32) NOT NULL, memo text(2048) NOT NULL,
		action text(2048) NOT NULL, reconcile_state text(1) NOT NULL, reconcile_date text(19), value_num bigint NOT NULL, value_denom bigint NOT NULL,
		quantity_num bigint NOT NULL, quantity_denom bigint NOT NULL, lot_guid text(32));
	CREATE INDEX splits_tx_guid_index ON splits (tx_guid);
	CREATE INDEX splits_account_guid_index ON splits (account_guid);
	INSERT INTO books VALUES ('book', 'root', 'templates');
	INSERT INTO commodities VALUES ('eur', 'CURRENCY', 'EUR', 'Euro', '978', 100, 1, 'currency', ''), ('usd', 'CURRENCY', 'USD', 'US Dollar', '840', 100, 1, 'currency', ''),
		('acme', 'NASDAQ', 'ACME', 'Acme', '', 10000, 1, '', '');
	INSERT INTO accounts VALUES ('root', 'Root Account', 'ROOT', NULL, 0, 0, NULL, '', '', 0, 0), ('templates', 'Template Root', 'ROOT', NULL, 0, 0, NULL, '', '', 0, 0),
		('template', 'shadow', 'BANK', 'eur', 1, 0, 'templates', '', '', 0, 0),
		('assets', 'Assets', 'ASSET', 'eur', 100, 0, 'root', '', '', 0, 1), ('bank', 'Bank', 'BANK', 'eur', 100, 0, 'assets', '', '', 0, 0),
		('shares', 'Acme', 'STOCK', 'acme', 10000, 0, 'assets', '', '', 0, 0), ('card', 'Credit card', 'CREDIT', 'eur', 100, 0, 'root', '', '', 0, 0),
		('wages', 'Wages', 'INCOME', 'eur', 100, 0, 'root', '', '', 0, 0), ('food', 'Food', 'EXPENSE', 'eur', 100, 0, 'root', '', '', 0, 0),
		('opening', 'Opening Balances', 'EQUITY', 'eur', 100, 0, 'root', '', '', 0, 0);
	INSERT INTO transactions VALUES ('t1', 'eur', '', '2026-01-01 10:59:00', '2026-01-01 12:00:00', 'Opening'),
		('t2', 'eur', '', '2026-01-31 10:59:00', '2026-01-31 12:00:00', 'January'), ('t3', 'eur', '7', '20260201105900', '20260201120000', 'Market'),
		('t4', 'eur', '', '2026-02-02 10:59:00', '2026-02-02 12:00:00', 'Shares'), ('t5', 'usd', '', '2026-02-03 10:59:00', '2026-02-03 12:00:00', 'Abroad'),
		('t6', 'eur', '', '2026-02-04 10:59:00', '2026-02-04 12:00:00', 'Thirds');
	INSERT INTO splits VALUES ('s1', 't1', 'bank', '', '', 'n', NULL, 100000, 100, 100000, 100, NULL), ('s2', 't1', 'opening', '', '', 'n', NULL, -100000, 100, -100000, 100, NULL),
		('s3', 't2', 'bank', '', '', 'n', NULL, 2500, 1, 2500, 1, NULL), ('s4', 't2', 'wages', '', '', 'n', NULL, -250000, 100, -250000, 100, NULL),
		('s5', 't3', 'food', '', '', 'n', NULL, 4250, 1000, 4250, 1000, NULL), ('s6', 't3', 'food', '', '', 'n', NULL, 10, 10, 10, 10, NULL),
		('s7', 't3', 'card', '', '', 'n', NULL, -525, 100, -525, 100, NULL),
		('s8', 't4', 'shares', '', '', 'n', NULL, 90000, 100, 3, 1, NULL), ('s9', 't4', 'bank', '', '', 'n', NULL, -90000, 100, -90000, 100, NULL),
		('sa', 't5', 'food', '', '', 'n', NULL, 1200, 100, 1000, 100, NULL), ('sb', 't5', 'bank', '', '', 'n', NULL, -1200, 100, -1000, 100, NULL),
		('sc', 't6', 'food', '', '', 'n', NULL, 1, 3, 1, 3, NULL), ('sd', 't6', 'card', '', '', 'n', NULL, -1, 3, -1, 3, NULL)`

func TestBooksOfGnuCashBecomeALedger(t *testing.T) {
	source, url := newSQLite(t, books)
	db := testkit.Postgres(t)
	syncOnce(t, db, "gnucash", url)
	const accounts = `SELECT concat_ws(' ', a.kind, a.name, coalesce(b.balance, 0)) FROM accounts a LEFT JOIN balances b ON b.account = a.id ORDER BY a.ref`
	want := []string{
		"personal Assets 0", "personal Assets:Bank 260000", "business Credit card -525", "system Food 525", "system Opening Balances -100000",
		"business Assets:Acme 90000", "system Wages -250000",
	}
	if d := cmp.Diff(strings.Join(want, "\n"), lines(t, db, accounts)); d != "" {
		t.Errorf("accounts (-want +got):\n%s", d)
	}
	const transactions = `SELECT concat_ws(' ', ref, to_char(at, 'MM-DD'), source, message) FROM transactions ORDER BY at`
	if d := cmp.Diff("gnucash:transactions:t1 01-01 equity Opening\ngnucash:transactions:t2 01-31 income January\ngnucash:transactions:t3 02-01 expense Market\ngnucash:transactions:t4 02-02 transfer Shares", lines(t, db, transactions)); d != "" {
		t.Errorf("transactions (-want +got):\n%s", d)
	}
	left := lines(t, db, `SELECT DISTINCT fields->>'amount' FROM sync_rejects WHERE stream = 'splits' ORDER BY 1`)
	if d := cmp.Diff("-1/3\n-12.000000000 USD\n1/3\n12.000000000 USD", left); d != "" {
		t.Errorf("what was left out (-want +got):\n%s", d)
	}
	// The books have what was paid in dollars in the accounts in euros. What is no decimal
	// fraction cannot be compared.
	if d := cmp.Diff("gnucash:accounts:bank 260000 259000", lines(t, db, `SELECT concat_ws(' ', account, ours, theirs) FROM sync_drift`)); d != "" {
		t.Errorf("drift (-want +got):\n%s", d)
	}
	if _, err := source.ExecContext(t.Context(), `DELETE FROM splits WHERE tx_guid IN ('t5', 't6'); DELETE FROM transactions WHERE guid IN ('t5', 't6');
		INSERT INTO transactions VALUES ('t7', 'eur', '', '2026-02-05 10:59:00', '2026-02-05 12:00:00', 'Card');
		INSERT INTO splits VALUES ('se', 't7', 'card', '', '', 'n', NULL, 525, 100, 525, 100, NULL), ('sf', 't7', 'bank', '', '', 'n', NULL, -525, 100, -525, 100, NULL);
		UPDATE accounts SET name = 'Giro' WHERE guid = 'bank'`); err != nil {
		t.Fatal(err)
	}
	syncOnce(t, db, "gnucash", url)
	want[1], want[2] = "personal Assets:Giro 259475", "business Credit card 0"
	if d := cmp.Diff(strings.Join(want, "\n"), lines(t, db, accounts)); d != "" {
		t.Errorf("accounts after (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', accounts, drifting, (SELECT count(*) FROM sync_rejects)) FROM sync_sources`); got != "5 0 0" {
		t.Errorf("accounts compared, those that differ, rows left out: %s", got)
	}
}
