package aggregates

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/testkit"
)

func TestBothSeeTheLedgerAsItWasAtOneMoment(t *testing.T) {
	db := testkit.Postgres(t)
	count := func(ctx context.Context, tx pgx.Tx) (n int, err error) {
		return n, tx.QueryRow(ctx, `SELECT count(*) FROM items`).Scan(&n)
	}
	err := readOnly(t.Context(), db, func(tx pgx.Tx) error {
		if _, err := count(t.Context(), tx); err != nil {
			return err
		}
		if _, err := db.Exec(t.Context(), `INSERT INTO items (id, ref, name) VALUES (1, 'late', 'Late')`); err != nil {
			return err
		}
		look := func(ctx context.Context, tx pgx.Tx) error {
			if n, err := count(ctx, tx); n != 0 || err != nil {
				t.Errorf("%d items, %v, want none: it was written later", n, err)
			}
			return nil
		}
		return both(t.Context(), db, tx, look, look)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIfOneOfBothFailsTheOtherEnds(t *testing.T) {
	db := testkit.Postgres(t)
	broken := errors.New("broken")
	fails := func(context.Context, pgx.Tx) error { return broken }
	waits := func(ctx context.Context, _ pgx.Tx) error { <-ctx.Done(); return ctx.Err() }
	for name, of := range map[string][2]func(context.Context, pgx.Tx) error{"first": {fails, waits}, "second": {waits, fails}} {
		err := readOnly(t.Context(), db, func(tx pgx.Tx) error { return both(t.Context(), db, tx, of[0], of[1]) })
		if !errors.Is(err, broken) {
			t.Errorf("the %s one failed: %v, want why", name, err)
		}
	}
}

func TestAPanicOfWorkBesideIsOneOfWhoWaits(t *testing.T) {
	wait := beside(func() { panic("broken") })
	defer func() {
		if recover() != "broken" {
			t.Error("the panic was lost")
		}
	}()
	wait()
}
