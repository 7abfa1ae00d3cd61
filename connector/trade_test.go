package connector_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exchequer/internal/testkit"
)

// Lines as EssentialsX writes them: those with a place end with it and the balance, those
// without have the balance behind an empty field.
const tradeLog = `Update,Set,API,"Sunday, March 1, 2026 at 10:00:00 AM Coordinated Universal Time","ada",100,money,$,"","","","","","","",""100,
API,Add,API,"Sunday, March 1, 2026 at 10:00:01 AM Coordinated Universal Time","bert",2E+1,money,$,"","","","","","","",""20,
Update,Set,API,"Sunday, March 1, 2026 at 10:00:02 AM Coordinated Universal Time","ada",89.50,money,$,"","","","","","","",""89.50,
Update,Set,API,"Sunday, March 1, 2026 at 10:00:02 AM Coordinated Universal Time","bert",30.50,money,$,"","","","","","","",""30.50,
Command,Pay,Player,"Sunday, March 1, 2026 at 10:00:02 AM Coordinated Universal Time","ada",10.5,money,$,"bert",10.5,money,$,"world",10,64,-20,89.50,
Command,Sell,Item,"Sunday, March 1, 2026 at 10:00:03 AM Coordinated Universal Time","bert",64,COBBLESTONE,,"bert",3.20,money,$,"world_nether",1,2,3,33.70,
Sign,Buy,Interact,"Sunday, March 1, 2026 at 10:00:04 AM Coordinated Universal Time","ada",45,money,$,"ada",1,DIAMOND,,"world",11,64,-20,44.50,
Sign,Heal,Interact,"Sunday, March 1, 2026 at 10:00:05 AM Coordinated Universal Time","ada","","","","ada",4.5,money,$,"world",12,64,-20,40.00,
Sign,Warp,Interact,"Sunday, March 1, 2026 at 10:00:05 AM Coordinated Universal Time","ada","","","","ada",,"world",12,64,-20,40.00,
Sign,Enchant,Interact,"Sunday, March 1, 2026 at 10:00:06 AM Coordinated Universal Time","ada",3,exp,"","ada",3,exp,"","world",13,64,-20,40.00,
Sign,Trade,Create,"Sunday, March 1, 2026 at 10:00:07 AM Coordinated Universal Time","bert",5,money,$,"bert","","","","world",14,64,-20,28.70,
Sign,Trade,Interact,"Sunday, March 1, 2026 at 10:00:08 AM Coordinated Universal Time","bert",16,DIRT,,"ada",2,money,$,"world",14,64,-20,42.00,
Command,Pay,Player,"Sunday, March 1, 2026 at 10:00:09 AM Coordinated Universal Time","bert",8.7,money,$,"ada",8.7,money,$,"world",10,64,-20,20.00,
API,Multiply,API,"Sunday, March 1, 2026 at 10:00:10 AM Coordinated Universal Time","bert",2,money,$,"","","","","","","",""40.00,
this was not written by it
`

func TestATradeLogBecomesALedgerWhoseEndBalancesAreVerified(t *testing.T) {
	db, log := testkit.Postgres(t), filepath.Join(t.TempDir(), "trade.log")
	// All but the last few lines first, so that what was known before is used.
	all := strings.SplitAfter(tradeLog, "\n")
	appendTo(t, log, strings.Join(all[:6], ""))
	f := follower(t, db, "essentials-trade-log", "file:"+log)
	if err := f.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, strings.Join(all[6:], ""))
	if err := f.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"essentials:server system Server 2630",
		"essentials:signs business Trade signs 300",
		"player:ada personal ada -4930",
		"player:bert personal bert 2000",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
	const transactions = `SELECT concat_ws(' ', to_char(t.at, 'HH24:MI:SS'), t.source, (SELECT string_agg(a.name || ' ' || p.amount, ' ' ORDER BY p.amount) FROM postings p JOIN accounts a ON a.id = p.account WHERE p.transaction = t.id)) FROM transactions t ORDER BY id`
	want = strings.Join([]string{
		"10:00:01 plugin Server -2000 bert 2000",
		"10:00:02 pay ada -1050 bert 1050",
		"10:00:03 sell Server -320 bert 320",
		"10:00:04 buy ada -4500 Server 4500",
		"10:00:05 heal ada -450 Server 450",
		"10:00:07 trade bert -500 Trade signs 500",
		"10:00:08 trade Trade signs -200 ada 200",
		"10:00:09 pay bert -870 ada 870",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, transactions)); d != "" {
		t.Errorf("transactions (-want +got):\n%s", d)
	}
	const sales = `SELECT concat_ws(' ', i.ref, s.direction, s.quantity, s.total, f.name, b.name, t.source) FROM sales s JOIN items i ON i.id = s.item
		JOIN accounts f ON f.id = s.seller JOIN accounts b ON b.id = s.buyer JOIN transactions t ON t.id = s.transaction ORDER BY s.at`
	if d := cmp.Diff("COBBLESTONE purchase 64 320 bert Server sell\nDIAMOND sale 1 4500 Server ada buy", lines(t, db, sales)); d != "" {
		t.Errorf("sales (-want +got):\n%s", d)
	}
	// Ada had 100 before the log began: that is known from her first lines, and she was paid
	// since her last one. Bert's balance was multiplied, by nothing that the log explains.
	const drift = `SELECT concat_ws(' ', account, ours, theirs) FROM sync_drift ORDER BY account`
	if got := lines(t, db, drift); got != "player:ada -1050 8950\nplayer:bert 2000 4000" {
		t.Errorf("drift: %s", got)
	}
	if got := lines(t, db, allRejects); got != "trades 15 the line is not one of trade.log this was not written by it" {
		t.Errorf("left out: %s", got)
	}

	// Her next line tells it; his is right again.
	appendTo(t, log, `Command,Pay,Player,"Sunday, March 1, 2026 at 10:01:00 AM Coordinated Universal Time","ada",0.7,money,$,"cid",0.7,money,$,"world",10,64,-20,50.00,
Update,Set,API,"Sunday, March 1, 2026 at 10:01:01 AM Coordinated Universal Time","bert",20.00,money,$,"","","","","","","",""20.00,
`)
	if err := f.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, db, drift); got != "player:ada -5000 5000" {
		t.Errorf("drift after more lines: %s", got)
	}
	if got := lines(t, db, `SELECT concat_ws(' ', accounts, drifting) FROM sync_sources`); got != "2 1" {
		t.Errorf("accounts that were compared, and those that differ: %s", got)
	}
}

// The log and the files of the players together: what the log explains is known, the rest
// is unobserved.
func TestATradeLogNarrowsWhatIsUnobserved(t *testing.T) {
	db, plugin := testkit.Postgres(t), t.TempDir()
	log, users := filepath.Join(plugin, "trade.log"), filepath.Join(plugin, "userdata")
	if err := os.Mkdir(users, 0o700); err != nil {
		t.Fatal(err)
	}
	appendTo(t, log, tradeLog)
	writeUser(t, users, "0a", user("ada", "50.70"))
	writeUser(t, users, "0b", user("bert", "40.00"))
	syncOnce(t, db, "essentials-trade-log", "file:"+log)
	syncWith(t, db, "essentials-balances", "dir:"+users, map[string]string{"account": "last-account-name"})
	time.Sleep(10 * time.Millisecond)
	syncOnce(t, db, "essentials-trade-log", "file:"+log)
	want := strings.Join([]string{
		"essentials:server system Server 2630",
		"essentials:signs business Trade signs 300",
		"player:ada personal ada 5070",
		"player:bert personal bert 4000",
		"sys:unobserved system sys:unobserved -12000",
	}, "\n")
	if d := cmp.Diff(want, lines(t, db, allBalances)); d != "" {
		t.Errorf("balances (-want +got):\n%s", d)
	}
}
