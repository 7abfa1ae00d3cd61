package ledger

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

func TestAPlaceIsReplacedAndRemoved(t *testing.T) {
	db := testkit.Postgres(t)
	l := New(db)
	x, z, far := int64(150), int64(-10), int64(2_000_000_000)
	write := func(places ...Place) error {
		_, err := l.Append(t.Context(), Batch{Places: places})
		return err
	}
	for _, places := range [][]Place{
		{{Name: "Spawn", X: &x, Z: &z, Kind: "spawn"}, {World: "nether", Name: "Spawn", X: &z, Z: &x}, {Name: "Quay", X: &x, Z: &x}},
		{{Name: "Spawn", X: &z, Z: &z}, {Name: "Quay"}, {Name: "never there"}},
	} {
		if err := write(places...); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := db.Query(t.Context(), `SELECT world || '/' || name || ' ' || x || ' ' || z || kind FROM places ORDER BY 1`)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff([]string{"/Spawn -10 -10", "nether/Spawn -10 150"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for want, places := range map[string][]Place{
		"name is empty":        {{X: &x, Z: &z}},
		"x and z are incomple": {{Name: "Quay", X: &x}},
		"beyond":               {{Name: "Quay", X: &x, Z: &far}},
		"occurs twice":         {{Name: "Quay", X: &x, Z: &z}, {Name: "Quay", X: &x, Z: &z}},
		"is longer than":       {{Name: strings.Repeat("x", 300), X: &x, Z: &z}},
	} {
		if err := write(places...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", places, err, want)
		}
	}
}
