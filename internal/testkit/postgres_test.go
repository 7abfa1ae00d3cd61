package testkit_test

import (
	"testing"

	"exchequer/internal/testkit"
)

func TestEachTestGetsADatabaseOfItsOwn(t *testing.T) {
	for range 2 {
		db := testkit.Postgres(t)
		if _, err := db.Exec(t.Context(), "INSERT INTO items (id, ref, name) VALUES (1, 'bread', 'Bread')"); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow(t.Context(), "SELECT count(*) FROM items").Scan(&n); err != nil || n != 1 {
			t.Errorf("items = %d, %v, want 1", n, err)
		}
	}
}
