package aggregates

import (
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestAFlowOccursIfItEverMoved(t *testing.T) {
	db := testkit.Postgres(t)
	at := time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)
	appendBatch(t, db, ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System, Issuer: pointerTo(true)}, {Ref: "ann", Kind: ledger.Personal}, {Ref: "firm", Kind: ledger.Business}},
		Transactions: []ledger.Transaction{
			{Origin: "o", Ref: "1", At: at, Source: "wage", Postings: []ledger.Posting{{Account: "mint", Amount: -100}, {Account: "ann", Amount: 100}}},
			{Origin: "o", Ref: "2", At: at, Source: "shop", Postings: []ledger.Posting{{Account: "ann", Amount: -40}, {Account: "firm", Amount: 40}}},
		},
	})
	places := semaphore.NewWeighted(lookupsAtOnce)
	sources := sourcesIn(always(db), places)
	if sources.places != places {
		t.Error("sources have places of their own for look-ups")
	}
	any, person, firm, mint := Party{}, Party{ledger.Personal, false}, Party{ledger.Business, false}, Party{ledger.System, true}
	for q, want := range map[SourceQuery]bool{
		{Source: "wage"}:                                    true,
		{Source: "wage", From: mint, To: any}:               true,
		{Source: "wage", From: mint, To: person}:            true,
		{Source: "wage", From: person, To: firm}:            false,
		{Source: "wage", To: firm}:                          false,
		{Source: "shop", From: person, To: firm}:            true,
		{Source: "shop", From: firm, To: person}:            false,
		{Source: "shop", From: Party{ledger.System, false}}: false,
	} {
		for range 2 {
			if got, err := sources.Moved(t.Context(), q); got != want || err != nil {
				t.Errorf("Moved(%s) = %t, %v, want %t", q.Key(), got, err, want)
			}
		}
	}
	if is, err := sources.Has(t.Context(), "personal"); is || err != nil {
		t.Errorf("Has(personal) = %t, %v", is, err)
	}
}
