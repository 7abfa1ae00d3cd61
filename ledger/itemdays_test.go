package ledger_test

import (
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAnItemKeepsItsGroupUntilAnotherIsNamed(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	for _, step := range []struct {
		item ledger.Item
		want string
	}{
		{ledger.Item{Ref: "bread", Group: "Food"}, "bread bread Food"},
		{ledger.Item{Ref: "bread", Name: "Bread"}, "bread Bread Food"},
		{ledger.Item{Ref: "bread", Group: "Bakery"}, "bread Bread Bakery"},
	} {
		appended(t, l, ledger.Batch{Items: []ledger.Item{step.item}})
		wantRows(t, db, `SELECT ref, name, grouping FROM items`, step.want)
	}
}
