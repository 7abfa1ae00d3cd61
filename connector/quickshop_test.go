package connector_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/connector"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// The tables of QuickShop-Hikari that the preset reads, as its DataTables make them.
var quickshopTables = `
	CREATE TABLE qs_data (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, owner VARCHAR(128) NOT NULL, item TEXT NOT NULL, encoded TEXT NOT NULL,
		name TEXT, type INT NOT NULL DEFAULT 0, currency VARCHAR(64), price DECIMAL(32,2) NOT NULL, unlimited BIT NOT NULL DEFAULT 0,
		hologram BIT NOT NULL DEFAULT 0, tax_account VARCHAR(128), permissions MEDIUMTEXT, extra LONGTEXT, inv_wrapper VARCHAR(255) NOT NULL,
		inv_symbol_link TEXT NOT NULL, create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, benefit MEDIUMTEXT, INDEX idx_qs_data_owner (owner)) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_shops (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, data INT UNSIGNED NOT NULL) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_shop_map (world VARCHAR(255) NOT NULL, x INT NOT NULL, y INT NOT NULL, z INT NOT NULL, shop INT UNSIGNED NOT NULL, PRIMARY KEY (world, x, y, z)) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_players (uuid VARCHAR(36) NOT NULL PRIMARY KEY, locale VARCHAR(255) NOT NULL, cachedName VARCHAR(255) NOT NULL) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_external_cache (shop INT UNSIGNED NOT NULL PRIMARY KEY, stock INT NOT NULL, space INT NOT NULL) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_log_purchase (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
		shop INT UNSIGNED NOT NULL, data INT UNSIGNED NOT NULL, buyer VARCHAR(128) NOT NULL, type VARCHAR(32) NOT NULL, amount INT NOT NULL,
		money DECIMAL(32,2) NOT NULL, tax DECIMAL(32,2) NOT NULL DEFAULT 0,
		INDEX idx_log_purchase_shop (shop), INDEX idx_log_purchase_time (time), INDEX idx_log_purchase_buyer (buyer)) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_log_transaction (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
		` + "`from` VARCHAR(128) NOT NULL, `to` VARCHAR(128) NOT NULL" + `, currency VARCHAR(64), amount DECIMAL(32,2) NOT NULL,
		tax_amount DECIMAL(32,2) NOT NULL DEFAULT 0, tax_account VARCHAR(128), error MEDIUMTEXT) DEFAULT CHARSET=utf8mb4;
	CREATE TABLE qs_log_changes (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
		shop INT UNSIGNED NOT NULL, type VARCHAR(32) NOT NULL, ` + "`before` INT UNSIGNED NOT NULL, `after` INT UNSIGNED NOT NULL" + `) DEFAULT CHARSET=utf8mb4`

const (
	ada  = "aaaaaaaa-0000-4000-8000-000000000001"
	bert = "BBBBBBBB-0000-4000-8000-000000000002" // in another case than elsewhere
	carl = "cccccccc-0000-4000-8000-000000000003"
	nobd = "00000000-0000-0000-0000-000000000000"
)

// newQuickshop starts a server with shops: ada sells diamonds, bert buys bread by the
// four, the server sells enchanted swords, and carl's shop is gone.
func newQuickshop(t testing.TB) *testkit.MariaDB {
	t.Helper()
	game := testkit.NewMariaDB(t)
	game.Exec(quickshopTables)
	game.Exec(reader)
	const plain = "item:\n  ==: org.bukkit.inventory.ItemStack\n  v: 3953\n  type: "
	game.Exec(`INSERT INTO qs_data (id, owner, item, encoded, name, type, price, unlimited, tax_account, currency, inv_wrapper, inv_symbol_link) VALUES
		(1, ?, ?, '', 'Gems', 0, 9.00, 0, NULL, NULL, '', ''),
		(2, ?, ?, '', 'Gems', 0, 10.50, 0, NULL, NULL, '', ''),
		(3, ?, ?, '', NULL, 1, 2.00, 0, '[towny]', '', '', ''),
		(4, ?, ?, '', NULL, 0, 100.00, 1, NULL, NULL, '', ''),
		(5, ?, ?, '', NULL, 0, 1.00, 0, NULL, NULL, '', ''),
		(6, ?, ?, '', NULL, 0, 5.00, 0, NULL, 'gems', '', '')`,
		ada, plain+"DIAMOND\n", ada, plain+"DIAMOND\n", bert, plain+"BREAD\n  amount: 4\n",
		nobd, plain+"DIAMOND_SWORD\n  meta:\n    ==: ItemMeta\n    display-name: 'Excalibur'\n",
		carl, "item:\n  ==: org.bukkit.inventory.ItemStack\n  DataVersion: 4325\n  id: minecraft:dirt\n  count: 1\n", ada, plain+"DIAMOND\n")
	game.Exec(`INSERT INTO qs_shops (id, data) VALUES (11, 2), (12, 3), (13, 4), (15, 6);
		INSERT INTO qs_shop_map (world, x, y, z, shop) VALUES ('world', 10, 64, -20, 11), ('world', 12, 64, -20, 12), ('spawn', 0, 70, 0, 13), ('world', 1, 1, 1, 15);
		INSERT INTO qs_external_cache (shop, stock, space) VALUES (11, 40, -1), (12, -1, 6), (13, -1, -1)`)
	game.Exec(`INSERT INTO qs_players (uuid, locale, cachedName) VALUES (?, 'en_us', 'ada'), (?, 'en_us', 'bert'), (?, 'en_us', 'carl')`, ada, strings.ToLower(bert), carl)
	// Before the versions that write log_transaction.
	game.Exec(`INSERT INTO qs_log_purchase (id, time, shop, data, buyer, type, amount, money, tax) VALUES
		(1, '2026-03-01 10:00:00', 11, 1, ?, 'CREATE', 0, 10.00, 0.00),
		(2, '2026-03-01 11:00:00', 11, 1, ?, 'PURCHASE_SELLING_SHOP', 2, 18.00, 0.90),
		(3, '2026-03-02 11:00:00', 11, 2, ?, 'PURCHASE_SELLING_SHOP', 1, 10.50, 0.53),
		(4, '2026-03-02 12:00:00', 11, 2, ?, 'PURCHASE_SELLING_SHOP', 1, 10.50, 0.00),
		(5, '2026-03-02 13:00:00', 12, 3, ?, 'PURCHASE_BUYING_SHOP', 8, 4.00, 0.40),
		(6, '2026-03-02 14:00:00', 13, 4, ?, 'PURCHASE_SELLING_SHOP', 1, 100.00, 5.00),
		(7, '2026-03-02 15:00:00', 14, 5, ?, 'PURCHASE', 64, 64.00, 0.00),
		(8, '2026-03-02 16:00:00', 14, 5, ?, 'DELETE', 0, 10.00, 0.00),
		(9, '2026-03-02 17:00:00', 15, 6, ?, 'PURCHASE_SELLING_SHOP', 1, 5.00, 0.00)`, ada, bert, carl, ada, ada, bert, bert, carl, bert)
	// And after: three alike by bert, one that failed, and one of another currency.
	game.Exec(`INSERT INTO qs_log_transaction (id, time, `+"`from`, `to`"+`, currency, amount, tax_amount, tax_account, error) VALUES
		(1, '2026-09-20 10:00:00', ?, ?, NULL, 10.50, 0.53, NULL, NULL),
		(2, '2026-09-20 10:00:01', ?, ?, NULL, 999.00, 0.00, NULL, 'From hadn''t enough money'),
		(3, '2026-09-20 10:00:10', ?, ?, NULL, 10.50, 0.00, NULL, NULL), (4, '2026-09-20 10:00:11', ?, ?, NULL, 10.50, 0.00, NULL, NULL),
		(5, '2026-09-20 10:05:00', ?, ?, 'gems', 5.00, 0.00, NULL, NULL),
		(6, '2026-09-20 10:06:00', ?, ?, NULL, 10.00, 0.00, NULL, NULL)`,
		carl, ada, carl, ada, bert, ada, bert, ada, bert, ada, ada, nobd)
	game.Exec(`INSERT INTO qs_log_purchase (id, time, shop, data, buyer, type, amount, money, tax) VALUES
		(10, '2026-09-20 10:00:01', 11, 2, ?, 'PURCHASE_SELLING_SHOP', 1, 10.50, 0.53),
		(11, '2026-09-20 10:00:10', 11, 2, ?, 'PURCHASE_SELLING_SHOP', 1, 10.50, 0.00),
		(12, '2026-09-20 10:00:11', 11, 2, ?, 'PURCHASE_SELLING_SHOP', 1, 10.50, 0.00)`, carl, bert, bert)
	return game
}

// syncQuickshop follows once, with the game server's clock in Berlin.
func syncQuickshop(t *testing.T, db *pgxpool.Pool, game *testkit.MariaDB) {
	t.Helper()
	config, err := connector.NewConfig("", "quickshop-hikari", treasuryURL(game.Addr), "", connector.Overrides{Timezone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.DiscardHandler)}, config)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestQuickShopBecomesALedgerAndStaysInStep(t *testing.T) {
	game, db := newQuickshop(t), testkit.Postgres(t)
	syncQuickshop(t, db, game)
	same := func(what, query, want string) {
		t.Helper()
		if d := cmp.Diff(want, lines(t, db, query)); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	same("left out", `SELECT concat_ws(' ', stream, number, reason) FROM sync_rejects`, "")
	const accounts = `SELECT concat_ws(' ', a.ref, a.kind, a.name, coalesce(b.balance, 0)) FROM accounts a LEFT JOIN balances b ON b.account = a.id ORDER BY a.ref`
	same("accounts", accounts, strings.Join([]string{
		"player:aaaaaaaa-0000-4000-8000-000000000001 personal ada 5164",
		"player:bbbbbbbb-0000-4000-8000-000000000002 personal bert -20700",
		"player:cccccccc-0000-4000-8000-000000000003 personal carl 4300",
		"quickshop:[towny] government [towny] 40",
		"quickshop:server system Server 10500",
		"quickshop:tax government tax 696",
	}, "\n"))
	same("sales", `SELECT concat_ws(' ', s.ref, to_char(s.at, 'MM-DD HH24:MI:SS'), i.ref, s.direction, s.quantity, s.total, s.tax, left(f.name, 4), left(b.name, 4), h.ref, t.ref)
		FROM sales s JOIN items i ON i.id = s.item JOIN accounts f ON f.id = s.seller JOIN accounts b ON b.id = s.buyer JOIN shops h ON h.id = s.shop
		LEFT JOIN transactions t ON t.id = s.transaction ORDER BY s.at`, strings.Join([]string{
		"quickshop:log_purchase:2 03-01 10:00:00 diamond sale 2 1800 90 ada bert quickshop:shops:11 quickshop:log_purchase:2",
		"quickshop:log_purchase:3 03-02 10:00:00 diamond sale 1 1050 53 ada carl quickshop:shops:11 quickshop:log_purchase:3",
		"quickshop:log_purchase:4 03-02 11:00:00 diamond sale 1 1050 0 ada ada quickshop:shops:11", // to herself
		"quickshop:log_purchase:5 03-02 12:00:00 bread purchase 8 400 40 ada bert quickshop:shops:12 quickshop:log_purchase:5",
		"quickshop:log_purchase:6 03-02 13:00:00 diamond_sword#" + lines(t, db, `SELECT split_part(ref, '#', 2) FROM items WHERE ref LIKE '%#%'`) +
			" sale 1 10000 500 Serv bert quickshop:shops:13 quickshop:log_purchase:6",
		"quickshop:log_purchase:7 03-02 14:00:00 dirt sale 64 6400 0 carl bert quickshop:shops:14 quickshop:log_purchase:7",
		"quickshop:log_purchase:10 09-20 08:00:01 diamond sale 1 1050 53 ada carl quickshop:shops:11 quickshop:log_transaction:1",
		"quickshop:log_purchase:11 09-20 08:00:10 diamond sale 1 1050 0 ada bert quickshop:shops:11", // one of two that are alike
		"quickshop:log_purchase:12 09-20 08:00:11 diamond sale 1 1050 0 ada bert quickshop:shops:11",
	}, "\n"))
	same("shops", `SELECT concat_ws(' ', s.ref, nullif(s.place, ''), left(a.name, 4), nullif(s.world, ''), s.x, s.y, s.z, s.active) FROM shops s JOIN accounts a ON a.id = s.owner ORDER BY s.ref`,
		"quickshop:shops:11 Gems ada world 10 64 -20 t\nquickshop:shops:12 bert world 12 64 -20 t\nquickshop:shops:13 Serv spawn 0 70 0 t\nquickshop:shops:14 carl f")
	const offers = `SELECT concat_ws(' ', s.ref, split_part(i.ref, '#', 1), 'ask', o.ask, 'bid', o.bid, o.batch, 'stock', o.stock, o.capacity, o.active)
		FROM offers o JOIN shops s ON s.id = o.shop JOIN items i ON i.id = o.item ORDER BY s.ref, i.ref`
	same("offers", offers, strings.Join([]string{
		"quickshop:shops:11 diamond ask 1050 bid 1 stock 40 t",
		"quickshop:shops:12 bread ask bid 200 4 stock 0 24 t",
		"quickshop:shops:13 diamond_sword ask 10000 bid 1 stock t",
		"quickshop:shops:14 dirt ask 100 bid 1 stock f",
	}, "\n"))
	const history = `SELECT concat_ws(' ', to_char(c.at, 'MM-DD HH24:MI'), c.ask, c.active) FROM offer_changes c JOIN items i ON i.id = c.item WHERE i.ref = $$diamond$$ AND c.at < '2026-09-25' ORDER BY c.at`
	same("prices of diamonds before", history, "03-01 09:00 900 t\n03-02 10:00 1050 t")
	same("prices of dirt before", strings.Replace(history, "diamond", "dirt", 1), "03-02 14:00 100 t\n03-02 15:00 100 f")

	// Sums as the plugin's own tables have them.
	theirs := func(query string) string {
		t.Helper()
		var sum string
		if err := game.DB.QueryRowContext(t.Context(), query).Scan(&sum); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	const bought = ` FROM qs_log_purchase p JOIN qs_data d ON d.id = p.data WHERE p.type LIKE 'PURCHASE%' AND COALESCE(d.currency, '') = '' `
	for what, query := range map[string][2]string{
		"by item":   {`SELECT GROUP_CONCAT(s ORDER BY s SEPARATOR ' ') FROM (SELECT CONCAT(SUM(p.amount), '/', ROUND(SUM(p.money) * 100)) AS s` + bought + `GROUP BY d.item) q`, `SELECT string_agg(s, ' ' ORDER BY s) FROM (SELECT concat(sum(quantity), '/', sum(total)) AS s FROM sales GROUP BY item) q`},
		"by shop":   {`SELECT GROUP_CONCAT(s ORDER BY s SEPARATOR ' ') FROM (SELECT CONCAT('quickshop:shops:', p.shop, '/', SUM(p.amount), '/', ROUND(SUM(p.money) * 100), '/', ROUND(SUM(p.tax) * 100)) AS s` + bought + `GROUP BY p.shop) q`, `SELECT string_agg(s, ' ' ORDER BY s) FROM (SELECT concat(h.ref, '/', sum(quantity), '/', sum(total), '/', sum(tax)) AS s FROM sales JOIN shops h ON h.id = sales.shop GROUP BY h.ref) q`},
		"by player": {`SELECT GROUP_CONCAT(s ORDER BY s SEPARATOR ' ') FROM (SELECT CONCAT('player:', LOWER(p.buyer), '/', COUNT(*), '/', ROUND(SUM(p.money) * 100)) AS s` + bought + `GROUP BY LOWER(p.buyer)) q`, `SELECT string_agg(s, ' ' ORDER BY s) FROM (SELECT concat(a.ref, '/', count(*), '/', sum(total)) AS s FROM sales JOIN accounts a ON a.id = CASE direction WHEN 'sale' THEN buyer ELSE seller END GROUP BY a.ref) q`},
	} {
		if d := cmp.Diff(theirs(query[0]), lines(t, db, query[1])); d != "" {
			t.Errorf("trade %s (-theirs +ours):\n%s", what, d)
		}
	}

	// A price that changes, a shop that is removed, a rename, and a purchase.
	game.Exec(`INSERT INTO qs_data (id, owner, item, encoded, name, type, price, inv_wrapper, inv_symbol_link) SELECT 7, owner, item, '', name, type, 12.00, '', '' FROM qs_data WHERE id = 2;
		INSERT INTO qs_log_changes (time, shop, type, ` + "`before`, `after`" + `) VALUES ('2026-10-01 12:00:00', 11, 'SETTING_PRICE', 2, 7);
		UPDATE qs_shops SET data = 7 WHERE id = 11; DELETE FROM qs_shops WHERE id = 12; DELETE FROM qs_shop_map WHERE shop = 12;
		UPDATE qs_players SET cachedName = 'adele' WHERE cachedName = 'ada';
		UPDATE qs_external_cache SET stock = 39 WHERE shop = 11`)
	game.Exec(`INSERT INTO qs_log_transaction (time, `+"`from`, `to`"+`, amount, tax_amount, tax_account) VALUES ('2026-10-01 13:00:00', ?, ?, 12.00, 0.60, ?)`, carl, ada, bert)
	game.Exec(`INSERT INTO qs_log_purchase (time, shop, data, buyer, type, amount, money, tax) VALUES ('2026-10-01 13:00:00', 11, 7, ?, 'PURCHASE_SELLING_SHOP', 1, 12.00, 0.60)`, carl)
	syncQuickshop(t, db, game)
	syncQuickshop(t, db, game) // which changes nothing
	same("left out at the end", `SELECT concat_ws(' ', stream, number, reason) FROM sync_rejects`, "")
	same("transactions", `SELECT concat_ws(' ', count(*), count(DISTINCT ref)) FROM transactions`, "10 10")
	same("the sale", `SELECT concat_ws(' ', b.name, s.total, t.ref) FROM sales s JOIN accounts b ON b.id = s.seller JOIN transactions t ON t.id = s.transaction WHERE s.ref = 'quickshop:log_purchase:13'`,
		"adele 1200 quickshop:log_transaction:7")
	same("offers at the end", offers, strings.Join([]string{
		"quickshop:shops:11 diamond ask 1200 bid 1 stock 39 t",
		"quickshop:shops:12 bread ask bid 200 4 stock 0 24 f",
		"quickshop:shops:13 diamond_sword ask 10000 bid 1 stock t",
		"quickshop:shops:14 dirt ask 100 bid 1 stock f",
	}, "\n"))

	// Who reads all of it anew has the past as well.
	db = testkit.Postgres(t)
	syncQuickshop(t, db, game)
	same("prices of diamonds, read anew", strings.Replace(history, "09-25", "10-02", 1), "03-01 09:00 900 t\n03-02 10:00 1050 t\n10-01 10:00 1200 t")
}

// QuickShop sees trade alone. What else moves money is what the balances of the economy's
// plugin differ by, and together they are the money there is.
func TestBalancesBesideQuickShopHaveTheRest(t *testing.T) {
	game, db := newQuickshop(t), testkit.Postgres(t)
	game.Exec(`CREATE TABLE eco (uuid VARCHAR(36), player VARCHAR(64), money DOUBLE)`)
	game.Exec(`INSERT INTO eco VALUES (?, 'ada', 100), (?, 'bert', 50.25), (?, 'carl', 0)`, ada, strings.ToLower(bert), carl)
	balances, err := connector.NewConfig("", "balances-sql", treasuryURL(game.Addr), "",
		connector.Overrides{Parameters: map[string]string{"table": "eco", "name": "player", "balance": "money"}})
	if err != nil {
		t.Fatal(err)
	}
	observe := func() {
		t.Helper()
		f, err := connector.New(connector.Deps{Ledger: ledger.New(db), DB: db, Log: slog.New(slog.DiscardHandler)}, balances)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	syncQuickshop(t, db, game)
	observe()
	const players = `SELECT concat_ws(' ', a.name, b.balance) FROM accounts a JOIN balances b ON b.account = a.id WHERE a.ref LIKE 'player:%' ORDER BY a.ref`
	if d := cmp.Diff("ada 10000\nbert 5025\ncarl 0", lines(t, db, players)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	// A purchase that both see, and a payment that QuickShop does not.
	game.Exec(`INSERT INTO qs_log_transaction (time, `+"`from`, `to`"+`, amount) VALUES ('2026-10-01 13:00:00', ?, ?, 10.50)`, bert, ada)
	game.Exec(`UPDATE eco SET money = money + 10.5 - 3 WHERE player = 'ada'; UPDATE eco SET money = money - 10.5 WHERE player = 'bert'; UPDATE eco SET money = money + 3 WHERE player = 'carl'`)
	before := lines(t, db, `SELECT count(*)::text FROM transactions WHERE source = $1`, ledger.ObservedSource)
	syncQuickshop(t, db, game)
	observe()
	if d := cmp.Diff("ada 10750\nbert 3975\ncarl 300", lines(t, db, players)); d != "" {
		t.Errorf("balances after (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', count(*) - $2::bigint, (SELECT count(*) FROM sync_drift)) FROM transactions WHERE source = $1`, ledger.ObservedSource, before); got != "2 0" {
		t.Errorf("changes that nobody explains, and drift: %s, want 2 and none", got)
	}
}
