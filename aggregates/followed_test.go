package aggregates_test

import (
	"fmt"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestFollowedSourcesSayHowOldTheyAreAndNameNobodyWhoIsHidden(t *testing.T) {
	db := testkit.Postgres(t)
	if _, err := ledger.New(db).Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "a", Kind: ledger.Personal, Name: "Ann"}, {Ref: "b", Kind: ledger.Personal, Name: "Bob", Holder: "bob"}},
		Holders:  []ledger.Holder{{Ref: "bob", Hidden: true}, {Ref: "gone", Hidden: true}},
	}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	if _, err := db.Exec(t.Context(), `INSERT INTO sync_sources (name, complete, compared, accounts, drifting) VALUES ('game', $1::timestamptz - interval '90 s', $1, 9, 4)`, now); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO sync_sources (name, failing_since, failures, problem) VALUES ('shop', $1, 3, 'dial db.internal')`, now); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO sync_drift SELECT 'game', ref, ours, 0, $1 FROM (VALUES ('a', 5), ('b', -9), ('new', 2), ('gone', 1)) AS d (ref, ours)`, now); err != nil {
		t.Fatal(err)
	}
	v, err := aggregates.ComputeFollowed(t.Context(), db, cache.Window{Start: now, End: now.Add(10 * time.Second)}, aggregates.NoParams{})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Sources) != 2 || v.Sources[0].Age == nil || *v.Sources[0].Age != 90 || v.Sources[0].Failing || v.Sources[1].Age != nil || !v.Sources[1].Failing {
		t.Errorf("sources: %+v", v.Sources)
	}
	var got string
	for _, d := range v.Drift {
		got += fmt.Sprintf("%q %s %s; ", d.ID, d.Name, d.Here)
	}
	if want := fmt.Sprintf(`"" %[1]s -9; "a" Ann 5; "" new 2; "" %[1]s 1; `, ledger.HiddenName); got != want {
		t.Errorf("accounts that differ: %s, want %s", got, want)
	}
}
