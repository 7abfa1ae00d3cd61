package testkit_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

func TestAFilledDatabaseIsFilledOnceAndCopied(t *testing.T) {
	const insert = "INSERT INTO items (id, ref, name) VALUES ($1::bigint, 'item ' || $1::bigint, '')"
	fills := 0
	filled := testkit.NewFilled(func(t testing.TB, url string) {
		fills++
		exec(t, url, insert, 1)
	})
	for range 2 {
		exec(t, filled.URL(t), insert, 2) // fails if a copy has what was written into another
	}
	if fills != 1 {
		t.Errorf("filled %d times, want once", fills)
	}
	if items := exec(t, filled.URL(t), insert, 3); items != 2 {
		t.Errorf("a copy has %d items, want that of the filling and its own", items)
	}
}

// exec runs a statement in a database and returns how many items there are then.
func exec(t testing.TB, url, statement string, args ...any) (items int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM items").Scan(&items); err != nil {
		t.Fatal(err)
	}
	return items
}

func TestAServerOfItsOwnCanBeFrozenStoppedAndStartedWithItsData(t *testing.T) {
	s := testkit.OwnPostgres(t, "max_connections=12")
	answers := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn, err := pgx.Connect(ctx, s.URL)
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		_, err = conn.Exec(ctx, "INSERT INTO items (id, ref, name) VALUES (1, 'bread', 'Bread') ON CONFLICT DO NOTHING")
		return err
	}
	const soon, patient = 300 * time.Millisecond, time.Minute
	if err := answers(patient); err != nil {
		t.Fatal(err)
	}
	s.Freeze()
	if err := answers(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen server says %v, want silence", err)
	}
	s.Thaw()
	if err := answers(patient); err != nil {
		t.Errorf("a thawed server says %v", err)
	}
	s.Stop()
	if err := answers(patient); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stopped server says %v, want a refusal", err)
	}
	s.Start()
	if err := answers(patient); err != nil {
		t.Errorf("a server that was started again says %v", err)
	}
	s.Freeze() // and ends with the test all the same
}
