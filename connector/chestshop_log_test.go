package connector_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

const chestShopLog = `2026/03/01 10:00:00 ada created a shop for bert - 16 Diamond - B 45:40 S - at [world] 10, 64, -20
2026/03/01 10:00:01 ada bought 16 Diamond for 45.00 from bert at [world] 10, 64, -20
2026/03/01 10:00:01 ada bought 16 Diamond for 45.00 from bert at [world] 10, 64, -20
2026/03/01 10:00:02 Applied a tax of 5.000000 percent (2.25) to the received amount for a resulting price of 42.75
2026/03/01 10:00:03 bert sold 64 Oak Log for 6,40 to Admin Shop at [the nether] -1, 2, 3
2026/03/01 10:00:04 bert bought 1 Diamond Sword#2b for 1250.50 from Admin Shop at [world] 0, 70, 0
2026/03/01 10:00:05 a shop for bert was removed by ada - 16 Diamond - B 45:40 S - at [world] 10, 64, -20
2026/03/01 10:00:06 WARNING something else
`

func TestTheLogOfChestShopBecomesSales(t *testing.T) {
	db, log := testkit.Postgres(t), filepath.Join(t.TempDir(), "ChestShop.log")
	appendTo(t, log, chestShopLog)
	syncOnce(t, db, "chestshop-log", "file:"+log)
	syncOnce(t, db, "chestshop-log", "file:"+log)
	want := strings.Join([]string{
		"chestshop-log:Admin Shop system Admin Shop 124410",
		"player:ada personal ada -9000",
		"player:bert personal bert -115410",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const sales = `SELECT concat_ws(' ', to_char(s.at, 'HH24:MI:SS'), i.ref, s.direction, s.quantity, s.total, f.name, b.name, t.source) FROM sales s JOIN items i ON i.id = s.item
		JOIN accounts f ON f.id = s.seller JOIN accounts b ON b.id = s.buyer JOIN transactions t ON t.id = s.transaction ORDER BY s.at`
	want = strings.Join([]string{
		"10:00:01 Diamond sale 16 4500 bert ada shop",
		"10:00:01 Diamond sale 16 4500 bert ada shop",
		"10:00:03 Oak Log purchase 64 640 bert Admin Shop shop",
		"10:00:04 Diamond Sword#2b sale 1 125050 Admin Shop bert shop",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, sales)); d != "" {
		t.Errorf("sales (-want +got):\n%s", d)
	}
	if got := lines(t, db, allRejects); got != "bought 8 the line does not match the pattern 2026/03/01 10:00:06 WARNING something else" {
		t.Errorf("left out: %s", got)
	}
}
