package ledger_test

import (
	"testing"

	"github.com/jackc/tern/v2/migrate"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/migrations"
)

// A shop of an earlier version becomes one with one offer, and the rollups are
// filled from the record.
func TestALedgerOfAnEarlierVersionIsConverted(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, grant())
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
	if err := m.MigrateTo(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
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
