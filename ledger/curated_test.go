package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestWhatIsWrittenWithABatchIsThereWithItOrNotAtAll(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: []ledger.Account{{Ref: "a", Name: "Ada", Kind: ledger.Personal}}}); err != nil {
		t.Fatal(err)
	}
	labelled := ledger.Batch{Labels: []ledger.Label{{Account: "a", Text: "Mayor"}}}
	no := errors.New("no")
	if _, err := l.AppendWith(t.Context(), labelled, func(context.Context, pgx.Tx) error { return no }); !errors.Is(err, no) {
		t.Errorf("AppendWith = %v", err)
	}
	if a, known, err := l.Curated(t.Context(), "a"); err != nil || !known || a.Label != "" {
		t.Errorf("after that: %+v, %t, %v", a, known, err)
	}
	var changes []ledger.Change
	listened := ledger.New(db, func(_ context.Context, c ledger.Change) { changes = append(changes, c) })
	if _, err := listened.AppendWith(t.Context(), labelled, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO events (ref, at, title, text, link, scope) VALUES ('e', now(), 't', '', '', 'all')`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if e, known, err := l.EventOf(t.Context(), "e"); err != nil || !known || e.Title != "t" || len(changes) != 1 {
		t.Errorf("what was written with it: %+v, %t, %v; changes: %+v", e, known, err, changes)
	}
	if all, err := l.Labelled(t.Context(), "", 10); err != nil || len(all) != 1 || all[0].Label != "Mayor" {
		t.Errorf("Labelled = %+v, %v", all, err)
	}
}

func TestAHolderIsKnownByItsAccountsAlone(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "a", Name: "Ada", Holder: "h", Kind: ledger.Personal}, {Ref: "b", Name: "Shop", Holder: "h", Kind: ledger.Business}}}
	if _, err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if h, known, err := l.HolderOf(t.Context(), "h"); err != nil || !known || h.Name != "Ada" || h.Hidden {
		t.Errorf("HolderOf = %+v, %t, %v", h, known, err)
	}
	if _, known, err := l.HolderOf(t.Context(), "nobody"); err != nil || known {
		t.Errorf("HolderOf nobody = %t, %v", known, err)
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Holders: []ledger.Holder{{Ref: "h", Name: "Household", Hidden: true}}}); err != nil {
		t.Fatal(err)
	}
	if hidden, err := l.HiddenHolders(t.Context(), "", 10); err != nil || len(hidden) != 1 || hidden[0].Name != "Household" {
		t.Errorf("HiddenHolders = %+v, %v", hidden, err)
	}
	if a, _, err := l.Curated(t.Context(), "b"); err != nil || !a.Hidden || a.Holder != "h" {
		t.Errorf("an account of it: %+v, %v", a, err)
	}
	if names, err := l.FormerNamesOf(t.Context(), time.Now(), 10); err != nil || len(names) != 0 {
		t.Errorf("FormerNamesOf = %+v, %v", names, err)
	}
}
