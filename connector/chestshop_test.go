package connector_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

const shopLines = `SELECT concat_ws(' ', s.ref, a.name, s.x, s.y, s.z, i.ref, 'ask', o.ask, 'bid', o.bid, o.batch, 'stock', o.stock, s.active, o.active)
	FROM shops s JOIN accounts a ON a.id = s.owner JOIN offers o ON o.shop = s.id JOIN items i ON i.id = o.item ORDER BY s.ref`

func TestTheLogOfChestShopBecomesALedger(t *testing.T) {
	game, db := testkit.NewMariaDB(t), testkit.Postgres(t)
	game.Exec(`CREATE TABLE chestshop_shop (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, world VARCHAR(50), x INT, y INT, z INT, tpx DOUBLE, tpy DOUBLE, tpz DOUBLE,
			tpyaw DOUBLE, tppitch DOUBLE, owner VARCHAR(50), owneruuid VARCHAR(50), maxamount INT, buyprice DOUBLE, sellprice DOUBLE, itemname VARCHAR(50), created BIGINT);
		CREATE TABLE chestshop_transaction (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, shopid INT, client VARCHAR(50), clientuuid VARCHAR(50), type VARCHAR(10),
			amount INT, price DOUBLE, date BIGINT)`)
	game.Exec(reader)
	game.Exec(`INSERT INTO chestshop_shop (id, world, x, y, z, owner, owneruuid, maxamount, buyprice, sellprice, itemname) VALUES
		(1, 'world', 1, 64, -2, 'ada', ?, 16, 8.1, 4, 'Iron Ingot'), (2, 'world', 2, 64, -2, NULL, NULL, 1, 100, -1, 'Diamond Sword#1a'), (3, 'world', 3, 64, -2, NULL, ?, 64, -1, 2.5, 'Dirt')`, ada, bert)
	game.Exec(`INSERT INTO chestshop_transaction (id, shopid, clientuuid, type, amount, price, date) VALUES
		(1, 1, ?, 'buy', 32, 16.2, 1772359200123), (2, 1, ?, 'sell', 16, 4, 1772359201000), (3, 2, ?, 'buy', 1, 100, 1772359202000), (4, 99, ?, 'buy', 1, 1, 1772359203000)`, bert, carl, carl, carl)
	syncOnce(t, db, "chestshop", treasuryURL(game.Addr))
	const balances = `SELECT concat_ws(' ', left(a.ref, 10), a.name, b.balance) FROM accounts a JOIN balances b ON b.account = a.id ORDER BY a.ref`
	if d := cmp.Diff("chestshop: Server 10000\nplayer:aaa ada 1220\nplayer:bbb "+lines(t, db, `SELECT ref FROM accounts WHERE ref LIKE 'player:bbb%'`)+" -1620\nplayer:ccc player:"+carl+" -9600", lines(t, db, balances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const sales = `SELECT concat_ws(' ', s.ref, to_char(s.at, 'MM-DD HH24:MI:SS'), i.ref, s.direction, s.quantity, s.total, h.ref, t.ref)
		FROM sales s JOIN items i ON i.id = s.item JOIN shops h ON h.id = s.shop JOIN transactions t ON t.id = s.transaction ORDER BY s.at`
	want := `chestshop:transaction:1 03-01 10:00:00 Iron Ingot sale 32 1620 chestshop:shop:1 chestshop:transaction:1
chestshop:transaction:2 03-01 10:00:01 Iron Ingot purchase 16 400 chestshop:shop:1 chestshop:transaction:2
chestshop:transaction:3 03-01 10:00:02 Diamond Sword#1a sale 1 10000 chestshop:shop:2 chestshop:transaction:3`
	if d := cmp.Diff(want, lines(t, db, sales)); d != "" {
		t.Errorf("sales (-want +got):\n%s", d)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', stream, number) FROM sync_rejects`); got != "trade 4" {
		t.Errorf("left out: %q, want the trade of a shop that is not there", got)
	}
	// Shops that are deleted while nobody follows are closed, each at its place.
	game.Exec(`DELETE FROM chestshop_shop WHERE id < 3; DELETE FROM chestshop_transaction WHERE shopid < 3`)
	_, names := newSQLite(t, `CREATE TABLE accounts (lastSeen BIGINT DEFAULT 0 NOT NULL, name VARCHAR NOT NULL, shortName VARCHAR NOT NULL, uuid VARCHAR NOT NULL,
		ignoreMessages BOOLEAN DEFAULT 0 NOT NULL, PRIMARY KEY (shortName), UNIQUE (name, uuid)); INSERT INTO accounts (name, shortName, uuid) VALUES ('bert', 'bert', '`+bert+`')`)
	syncOnce(t, db, "chestshop-accounts", names)
	syncOnce(t, db, "chestshop", treasuryURL(game.Addr))
	want = `chestshop:shop:1 ada 1 64 -2 Iron Ingot ask 810 bid 400 16 stock f f
chestshop:shop:2 Server 2 64 -2 Diamond Sword#1a ask 10000 bid 1 stock f f
chestshop:shop:3 bert 3 64 -2 Dirt ask bid 250 64 stock t t`
	if d := cmp.Diff(want, lines(t, db, shopLines)); d != "" {
		t.Errorf("shops (-want +got):\n%s", d)
	}
}

func TestTheShopsOfChestShopFollowWithTheirStock(t *testing.T) {
	game, db := testkit.NewMariaDB(t), testkit.Postgres(t)
	game.Exec(`CREATE TABLE Item (item_code VARCHAR(255) PRIMARY KEY, item_bytes VARBINARY(60000) NOT NULL);
		CREATE TABLE Shop (world_uuid UUID NOT NULL, pos_x INT NOT NULL, pos_y INT NOT NULL, pos_z INT NOT NULL, item_code VARCHAR(255) NOT NULL,
			owner_name VARCHAR(255) NOT NULL, buy_price DECIMAL(10, 2), sell_price DECIMAL(10, 2), quantity INT NOT NULL, stock INT NOT NULL,
			estimated_capacity INT NOT NULL, last_updated TIMESTAMP DEFAULT CURRENT_TIMESTAMP, visible BOOLEAN NOT NULL DEFAULT TRUE, hologram BOOLEAN NOT NULL DEFAULT TRUE,
			PRIMARY KEY (world_uuid, pos_x, pos_y, pos_z));
		INSERT INTO Item VALUES ('Bread', ''), ('Dirt', '');
		INSERT INTO Shop (world_uuid, pos_x, pos_y, pos_z, item_code, owner_name, buy_price, sell_price, quantity, stock, estimated_capacity) VALUES
			('11111111-1111-4111-8111-111111111111', 1, 64, -2, 'Bread', 'ada', 2.50, NULL, 4, 12, 100),
			('11111111-1111-4111-8111-111111111111', 2, 64, -2, 'Dirt', 'Admin Shop', NULL, 0.10, 64, 0, -1)`)
	game.Exec(reader)
	syncOnce(t, db, "chestshop-database", treasuryURL(game.Addr))
	game.Exec(`UPDATE Shop SET stock = 8 WHERE pos_x = 1; DELETE FROM Shop WHERE pos_x = 2`)
	syncOnce(t, db, "chestshop-database", treasuryURL(game.Addr))
	want := `chestshop:sign:11111111-1111-4111-8111-111111111111:1:64:-2 ada 1 64 -2 Bread ask 250 bid 4 stock 8 t t
chestshop:sign:11111111-1111-4111-8111-111111111111:2:64:-2 Server 2 64 -2 Dirt ask bid 10 64 stock f f`
	if d := cmp.Diff(want, lines(t, db, shopLines)); d != "" {
		t.Errorf("shops (-want +got):\n%s", d)
	}
}
