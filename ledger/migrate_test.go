package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/migrations"
)

// A shop of an earlier version becomes one with one offer, and the rollups are
// filled from the record.
func TestALedgerOfAnEarlierVersionIsConverted(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there has been migrated before")
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, grant())
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2)), midnight: noon.AddDate(0, 0, 2)}
	for _, more := range g.batches(20) {
		more.Accounts = more.Accounts[:0]
		for _, a := range people {
			if a.Ref != "ann" && a.Ref != "bakery" {
				a.Issuer = nil // an earlier version knew the kind only
				more.Accounts = append(more.Accounts, a)
			}
		}
		more.Shops, more.Offers = nil, nil
		for i := range more.Sales {
			more.Sales[i].Shop = ""
		}
		appended(t, l, more)
	}
	migrateTo(t, db, 2)
	if _, err := db.Exec(t.Context(), `
		UPDATE shops SET sell_price = -1, stock = 1;
		INSERT INTO shops (id, ref, place, owner, item, buy_price, sell_price, batch, stock, capacity, active, seen)
			SELECT 99, 'inn', '', owner, item, 240, 200, 1, 7, 9, true, seen + interval '59 minutes' FROM shops`); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	wantSound(t, l)
	wantRows(t, db, `SELECT s.ref, o.ref, ask, bid, batch, stock, capacity FROM offers o JOIN shops s ON s.id = shop ORDER BY 1`,
		"inn bread 240 200 1 7 9", "stall bread 250 <nil> 1 1 <nil>")
	wantRows(t, db, stood, "12 240 200 2 1 8")
}

// Who paid whom, which was kept twice, is the same afterwards.
func TestCounterpartiesOfAnEarlierVersionAreConverted(t *testing.T) {
	testkit.NotOnCitus(t, "a ledger there has been migrated before")
	db := testkit.Postgres(t)
	l := ledger.New(db)
	g := &generator{Rand: rand.New(rand.NewPCG(3, 4)), midnight: noon.AddDate(0, 0, 2)}
	for _, b := range g.batches(20) {
		appended(t, l, b)
	}
	const all = `SELECT account, day::text, other, received, sent, transactions FROM %s ORDER BY 1, 2, 3`
	want := rowsOf(t, db, fmt.Sprintf(all, "counterparties"))
	migrateTo(t, db, 3)
	wantRows(t, db, fmt.Sprintf(all, "counterparty_days"), want...)
	migrateTo(t, db, 4)
	wantRows(t, db, fmt.Sprintf(all, "counterparties"), want...)
	entries, err := migrations.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	migrateTo(t, db, int32(len(entries)))
	wantSound(t, l)
}

func migrateTo(t *testing.T, db *pgxpool.Pool, version int32) {
	t.Helper()
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	m, err := migrate.NewMigrator(t.Context(), conn.Conn(), "schema_version")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.LoadMigrations(migrations.FS); err != nil {
		t.Fatal(err)
	}
	if err := m.MigrateTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}
