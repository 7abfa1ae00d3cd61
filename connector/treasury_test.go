package connector_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

// The tables of Treasury that the preset reads, as its migrations make them. Its
// triggers keep the balances.
var treasuryTables = []string{
	`CREATE TABLE accounts (
		account_id INT UNSIGNED NOT NULL AUTO_INCREMENT, account_type ENUM('PERSONAL','BUSINESS','GOVERNMENT','SYSTEM') NOT NULL,
		owner_uuid_bin BINARY(16) NOT NULL, display_name VARCHAR(255), requires_authorization TINYINT(1) NOT NULL DEFAULT 0,
		is_archived TINYINT(1) NOT NULL DEFAULT 0, allow_overdraft TINYINT(1) NOT NULL DEFAULT 0, credit_limit DECIMAL(19,2) NOT NULL DEFAULT 0.00,
		created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
		PRIMARY KEY (account_id), KEY idx_accounts_owner (owner_uuid_bin)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE account_balances_mat (
		account_id INT UNSIGNED NOT NULL, balance DECIMAL(19,2) NOT NULL DEFAULT 0.00, version BIGINT NOT NULL DEFAULT 0,
		PRIMARY KEY (account_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE ledger_txns (
		txn_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, trade_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
		settlement_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, message VARCHAR(255) NOT NULL,
		initiator_uuid_bin BINARY(16) NOT NULL, authorizer_uuid_bin BINARY(16) NULL, plugin_system VARCHAR(64) NULL, client_dedup_key BINARY(32) NULL,
		PRIMARY KEY (txn_id), KEY idx_ledger_settle_time (settlement_time)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE ledger_postings (
		posting_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, txn_id BIGINT UNSIGNED NOT NULL, account_id INT UNSIGNED NOT NULL,
		amount DECIMAL(19,2) NOT NULL, memo VARCHAR(255) NULL,
		PRIMARY KEY (posting_id), KEY idx_postings_txn (txn_id), KEY idx_postings_account (account_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TRIGGER trg_postings_ai AFTER INSERT ON ledger_postings FOR EACH ROW
		INSERT INTO account_balances_mat (account_id, balance, version) VALUES (NEW.account_id, NEW.amount, 1)
		ON DUPLICATE KEY UPDATE balance = balance + NEW.amount, version = version + 1`,
	`CREATE TABLE economy_players (
		player_uuid_bin BINARY(16) NOT NULL, current_name VARCHAR(32) NOT NULL, first_seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
		PRIMARY KEY (player_uuid_bin)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE firm_accounts (
		firm_id INT NOT NULL, account_id INT UNSIGNED NOT NULL, added_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, removed_at TIMESTAMP NULL,
		PRIMARY KEY (firm_id, account_id), UNIQUE KEY uq_account_once (account_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE chestshop_sale (
		sale_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, txn_id BIGINT UNSIGNED NULL, occurred_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
		direction ENUM('BUY','SELL') NOT NULL, customer_uuid_bin BINARY(16) NOT NULL, shop_account_id INT UNSIGNED NULL,
		shop_account_type ENUM('PERSONAL','BUSINESS','GOVERNMENT','SYSTEM') NULL, shop_firm_id INT NULL, shop_owner_uuid_bin BINARY(16) NULL,
		is_admin_shop TINYINT(1) NOT NULL DEFAULT 0, material VARCHAR(64) NOT NULL, item_key VARCHAR(190) NOT NULL, item_name VARCHAR(255) NOT NULL,
		item_custom TINYINT(1) NOT NULL DEFAULT 0, item_data MEDIUMTEXT NULL, quantity INT NOT NULL, unit_price DECIMAL(19,4) NOT NULL,
		total_price DECIMAL(19,2) NOT NULL, tax_amount DECIMAL(19,2) NOT NULL DEFAULT 0.00, world VARCHAR(64) NULL,
		sign_x INT NULL, sign_y INT NULL, sign_z INT NULL, shop_stock INT NULL,
		PRIMARY KEY (sale_id), KEY idx_cs_item (item_key, occurred_at)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
	`CREATE TABLE chestshop_shop (
		shop_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, world VARCHAR(64) NOT NULL, sign_x INT NOT NULL, sign_y INT NOT NULL, sign_z INT NOT NULL,
		is_admin_shop TINYINT(1) NOT NULL DEFAULT 0, shop_account_id INT UNSIGNED NULL,
		shop_account_type ENUM('PERSONAL','BUSINESS','GOVERNMENT','SYSTEM') NULL, shop_firm_id INT NULL, shop_owner_uuid_bin BINARY(16) NULL,
		material VARCHAR(64) NOT NULL, item_key VARCHAR(190) NOT NULL, item_name VARCHAR(255) NOT NULL, item_custom TINYINT(1) NOT NULL DEFAULT 0,
		item_data MEDIUMTEXT NULL, buy_price DECIMAL(19,2) NULL, sell_price DECIMAL(19,2) NULL, batch_qty INT NOT NULL, current_stock INT NULL,
		active TINYINT(1) NOT NULL DEFAULT 1, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, stock_at TIMESTAMP NULL,
		last_seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
		PRIMARY KEY (shop_id), UNIQUE KEY uq_shop_location (world, sign_x, sign_y, sign_z)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
}

// reader is the user by which the source is read, with no more than what it needs.
const reader = `CREATE USER exchequer@'127.0.0.1' IDENTIFIED BY 'p@ss/word'; GRANT SELECT ON game.* TO exchequer@'127.0.0.1'`

// newTreasury starts a Treasury with a mint, a town, a firm and players.
func newTreasury(t testing.TB, players int) *testkit.MariaDB {
	t.Helper()
	game := testkit.NewMariaDB(t)
	for _, table := range treasuryTables {
		game.Exec(table)
	}
	game.Exec(reader)
	game.Exec(`INSERT INTO accounts (account_id, account_type, owner_uuid_bin, display_name) VALUES
		(1, 'SYSTEM', UNHEX(REPEAT('0', 32)), 'Mint'), (2, 'GOVERNMENT', UNHEX(REPEAT('0', 32)), 'Town hall'),
		(3, 'BUSINESS', UNHEX(REPEAT('0', 32)), 'Bakery');
		INSERT INTO firm_accounts (firm_id, account_id) VALUES (7, 3)`)
	var names, accounts []string
	for i := range players {
		names = append(names, fmt.Sprintf("(UNHEX(LPAD(HEX(%d), 32, '0')), 'player_%d')", i+1, i+1))
		accounts = append(accounts, fmt.Sprintf("(%d, 'PERSONAL', UNHEX(LPAD(HEX(%d), 32, '0')))", 10+i, i+1))
	}
	game.Exec(`INSERT INTO economy_players (player_uuid_bin, current_name) VALUES ` + strings.Join(names, ", "))
	game.Exec(`INSERT INTO accounts (account_id, account_type, owner_uuid_bin) VALUES ` + strings.Join(accounts, ", "))
	return game
}

// treasuryURL has a password with characters that a URL has to escape.
func treasuryURL(addr string) string {
	return "mysql://exchequer:p%40ss%2Fword@" + addr + "/game"
}

const transfers = `INSERT INTO ledger_txns (txn_id, settlement_time, message, initiator_uuid_bin, plugin_system) VALUES
	(1, '2026-03-01 10:00:00', 'starting balance', UNHEX(REPEAT('0', 32)), 'starter'),
	(2, '2026-03-01 10:00:01', 'starting balance', UNHEX(REPEAT('0', 32)), 'starter'),
	(3, '2026-03-02 18:30:00', 'wages: 3 of them ✓', UNHEX(REPEAT('0', 32)), 'payroll'),
	(5, '2026-03-29 00:30:00', 'bread', UNHEX(REPEAT('0', 32)), NULL);
	INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES
	(1, 1, -1000.00), (1, 10, 1000.00), (2, 1, -500.50), (2, 11, 500.50),
	(3, 10, -300.00), (3, 2, 30.00), (3, 3, 150.00), (3, 11, 120.00), (5, 11, -7.50), (5, 3, 7.50)`

const trade = `INSERT INTO chestshop_shop (shop_id, world, sign_x, sign_y, sign_z, shop_account_id, shop_account_type, material, item_key, item_name, buy_price, sell_price, batch_qty, current_stock, active, is_admin_shop) VALUES
	(1, 'world', 10, 64, -20, 3, 'BUSINESS', 'BREAD', 'bread', 'Bread', 2.50, NULL, 1, 40, 1, 0),
	(2, 'world', 11, 64, -20, NULL, NULL, 'DIAMOND', 'diamond', 'Diamond', NULL, 90.00, 1, NULL, 1, 1),
	(3, 'world', 12, 64, -20, 10, 'PERSONAL', 'DIRT', 'dirt', 'Dirt', 0.01, NULL, 64, 0, 0, 0);
	INSERT INTO chestshop_sale (sale_id, txn_id, occurred_at, direction, customer_uuid_bin, shop_account_id, material, item_key, item_name, quantity, unit_price, total_price, tax_amount, world, sign_x, sign_y, sign_z) VALUES
	(1, 5, '2026-03-29 00:30:00', 'BUY', UNHEX(LPAD('2', 32, '0')), 3, 'BREAD', 'bread', 'Bread', 3, 2.5000, 7.50, 0.50, 'world', 10, 64, -20),
	(2, NULL, '2026-03-29 00:31:00', 'SELL', UNHEX(LPAD('1', 32, '0')), NULL, 'DIAMOND', 'diamond', 'Diamond', 2, 90.0000, 180.00, 0.00, 'world', 11, 64, -20)`

func TestTreasuryBecomesALedgerAndStaysInStep(t *testing.T) {
	game, db := newTreasury(t, 2), testkit.Postgres(t)
	game.Exec(transfers)
	game.Exec(trade)
	url := treasuryURL(game.Addr)
	syncOnce(t, db, "treasury", url)

	const balances = `SELECT concat_ws(' ', a.ref, a.kind, a.name, a.holder, coalesce(b.balance, 0), a.archived IS NOT NULL) FROM accounts a LEFT JOIN balances b ON b.account = a.id ORDER BY a.ref`
	want := strings.Join([]string{
		"treasury:account:1 system Mint treasury:account:1 -150050 f",
		"treasury:account:10 personal player_1 player:00000000000000000000000000000001 70000 f",
		"treasury:account:11 personal player_2 player:00000000000000000000000000000002 61300 f",
		"treasury:account:2 government Town hall treasury:account:2 3000 f",
		"treasury:account:3 business Bakery firm:7 15750 f",
		"treasury:server system Server treasury:server 0 f",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, balances)); d != "" {
		t.Errorf("accounts (-want +got):\n%s", d)
	}
	const transactions = `SELECT concat_ws(' ', ref, to_char(at, 'YYYY-MM-DD HH24:MI:SS'), source, message) FROM transactions ORDER BY id`
	want = "treasury:ledger_txns:1 2026-03-01 10:00:00 starter starting balance\ntreasury:ledger_txns:2 2026-03-01 10:00:01 starter starting balance\n" +
		"treasury:ledger_txns:3 2026-03-02 18:30:00 payroll wages: 3 of them ✓\ntreasury:ledger_txns:5 2026-03-29 00:30:00 treasury bread"
	if d := cmp.Diff(want, lines(t, db, transactions)); d != "" {
		t.Errorf("transactions (-want +got):\n%s", d)
	}
	const sales = `SELECT concat_ws(' ', i.ref, i.grouping, s.direction, s.quantity, s.total, s.tax, f.ref, b.ref, h.ref, t.ref) FROM sales s JOIN items i ON i.id = s.item
		LEFT JOIN accounts f ON f.id = s.seller LEFT JOIN accounts b ON b.id = s.buyer LEFT JOIN shops h ON h.id = s.shop LEFT JOIN transactions t ON t.id = s.transaction ORDER BY s.at`
	want = "bread BREAD sale 3 750 50 treasury:account:3 treasury:account:11 treasury:chestshop_shop:1 treasury:ledger_txns:5\n" +
		"diamond DIAMOND purchase 2 18000 0 treasury:account:10 treasury:server treasury:chestshop_shop:2"
	if d := cmp.Diff(want, lines(t, db, sales)); d != "" {
		t.Errorf("sales (-want +got):\n%s", d)
	}
	const shops = `SELECT concat_ws(' ', s.ref, a.ref, s.x, s.y, s.z, s.active, i.ref, 'ask', o.ask, 'bid', o.bid, 'stock', o.stock) FROM shops s JOIN accounts a ON a.id = s.owner JOIN offers o ON o.shop = s.id JOIN items i ON i.id = o.item ORDER BY s.ref, o.id`
	want = "treasury:chestshop_shop:1 treasury:account:3 10 64 -20 t bread ask 250 bid stock 40\n" +
		"treasury:chestshop_shop:2 treasury:server 11 64 -20 t diamond ask bid 9000 stock\n" +
		"treasury:chestshop_shop:3 treasury:account:10 12 64 -20 f dirt ask 1 bid stock 0"
	if d := cmp.Diff(want, lines(t, db, shops)); d != "" {
		t.Errorf("shops (-want +got):\n%s", d)
	}
	const compared = `SELECT concat_ws(' ', accounts, drifting, failures) FROM sync_sources`
	if got := lines(t, db, compared); got != "5 0 0" {
		t.Errorf("accounts compared, drifting and failures: %s", got)
	}

	// A transaction gets its id, and is committed after a later one has been read.
	late, err := game.DB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.ExecContext(t.Context(), `INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin, plugin_system) VALUES (6, 'late', '', 'pay');
		INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (6, 2, -1.00)`); err != nil {
		t.Fatal(err)
	}
	game.Exec(`INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin, plugin_system) VALUES (7, 'half of it', '', 'pay'), (8, 'all of it', '', 'pay');
		INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (7, 10, -5.00), (8, 10, -2.00), (8, 11, 2.00);
		UPDATE accounts SET is_archived = 1 WHERE account_id = 11;
		UPDATE economy_players SET current_name = 'ada' WHERE current_name = 'player_1';
		UPDATE chestshop_shop SET buy_price = 3.00, current_stock = 12 WHERE shop_id = 1;
		UPDATE firm_accounts SET firm_id = 8`)
	syncOnce(t, db, "treasury", url)
	const drift = `SELECT concat_ws(' ', account, ours, theirs) FROM sync_drift ORDER BY account`
	if got := lines(t, db, drift); got != "treasury:account:10 69800 69300" {
		t.Errorf("drift while half of a transaction is missing: %q", got)
	}
	const rejects = `SELECT concat_ws(' ', stream, number, reason) FROM sync_rejects`
	if got := lines(t, db, rejects); got != `ledger_postings 7 transaction "treasury:ledger_txns:7": postings 1, want two or more` {
		t.Errorf("what was left out: %s", got)
	}

	if _, err := late.ExecContext(t.Context(), `INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (6, 10, 1.00)`); err != nil {
		t.Fatal(err)
	}
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	game.Exec(`INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (7, 11, 5.00)`)
	syncOnce(t, db, "treasury", url)
	syncOnce(t, db, "treasury", url) // which changes nothing
	want = strings.Join([]string{
		"treasury:account:1 system Mint treasury:account:1 -150050 f",
		"treasury:account:10 personal ada player:00000000000000000000000000000001 69400 f",
		"treasury:account:11 personal player_2 player:00000000000000000000000000000002 62000 t",
		"treasury:account:2 government Town hall treasury:account:2 2900 f",
		"treasury:account:3 business Bakery firm:7 15750 f",
		"treasury:server system Server treasury:server 0 f",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, balances)); d != "" {
		t.Errorf("accounts at the end (-want +got):\n%s", d)
	}
	if got := lines(t, db, drift) + lines(t, db, rejects); got != "" {
		t.Errorf("drift and what was left out at the end: %s", got)
	}
	if got := lines(t, db, shops+` LIMIT 1`); got != "treasury:chestshop_shop:1 treasury:account:3 10 64 -20 t bread ask 300 bid stock 12" {
		t.Errorf("the shop whose price changed: %s", got)
	}
	if got := lines(t, db, `SELECT count(*)::text FROM transactions`); got != "7" {
		t.Errorf("%s transactions at the end, want 7", got)
	}

	// An account that is in use again.
	game.Exec(`UPDATE accounts SET is_archived = 0 WHERE account_id = 11`)
	syncOnce(t, db, "treasury", url)
	if got := lines(t, db, `SELECT concat_ws(' ', name, archived) FROM accounts WHERE ref = 'treasury:account:11'`); got != "player_2" {
		t.Errorf("an account that is in use again: %s", got)
	}

	// What is mended long after it was read comes too.
	game.Exec(`INSERT INTO ledger_txns (txn_id, message, initiator_uuid_bin) VALUES (9, 'half of it', ''), (10, 'all of it', '');
		INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (9, 10, -5.00), (10, 10, -1.00), (10, 2, 1.00)`)
	syncOnce(t, db, "treasury", url)
	if _, err := db.Exec(t.Context(), `UPDATE sync_streams SET settled = high`); err != nil {
		t.Fatal(err)
	}
	game.Exec(`INSERT INTO ledger_postings (txn_id, account_id, amount) VALUES (9, 2, 5.00)`)
	syncOnce(t, db, "treasury", url)
	if got := lines(t, db, drift) + lines(t, db, rejects) + lines(t, db, `SELECT count(*)::text FROM transactions`); got != "9" {
		t.Errorf("drift, what was left out, and transactions after the source was mended: %s", got)
	}
}
