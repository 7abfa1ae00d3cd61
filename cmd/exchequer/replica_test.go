package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestPagesAreReadFromAReplicaThatIsNotLate(t *testing.T) {
	primary := testkit.OwnPostgres(t, "synchronous_commit=on")
	l := ledger.New(pool(t, primary.URL))
	written, err := l.Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ada", Kind: ledger.Personal}, {Ref: "bert", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{
			{Origin: "test", Ref: "1", At: time.Now().Add(-2 * time.Hour), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -500}, {Account: "ada", Amount: 500}}},
			{Origin: "test", Ref: "2", At: time.Now().Add(-time.Hour), Source: "shop", Postings: []ledger.Posting{{Account: "ada", Amount: -100}, {Account: "bert", Amount: 100}}},
		},
	})
	if err != nil || written.Transactions != 2 {
		t.Fatal(written, err)
	}
	replica := primary.Replica()
	late := pool(t, replica.URL)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("DATABASE_URL", primary.URL)
	t.Setenv("DATABASE_READ_URL", replica.URL)
	args := []string{"serve"} // a panel that was read without the primary says so for its window
	for _, memo := range []string{"overview", "inequality", "activity", "wealth", "rhythm", "richest", "bridge", "ladder"} {
		args = append(args, "--policy", "economy."+memo+"=window:1s,soft:2s")
	}
	s := start(t, args...)
	has := func(path, what string) func() bool {
		return func() bool {
			status, body := get(t, s.url+path)
			return status == http.StatusOK && strings.Contains(body, what)
		}
	}
	until(t, "a replica is read", func() bool {
		_, metrics := get(t, s.url+"/metrics")
		return has("/economy", "ada")() && strings.Contains(metrics, `exchequer_postgres_reads_total{choice="replica"} `) && !strings.Contains(metrics, `exchequer_postgres_reads_total{choice="replica"} 0`)
	})

	if _, err := late.Exec(t.Context(), `SELECT pg_wal_replay_pause()`); err != nil {
		t.Fatal(err)
	}
	open(t, l, "carla")
	until(t, "an account that the replica has not is counted", has("/api/v1/stats?kind=personal", `"accounts":3`))
	if !has("/accounts/carla", "carla")() {
		t.Error("its page is not there")
	}
	if _, err := late.Exec(t.Context(), `SELECT pg_wal_replay_resume()`); err != nil {
		t.Fatal(err)
	}

	primary.Stop()
	const marked = "may be missing: the database that is written to cannot be reached"
	until(t, "the overview says up to when the replica has all", has("/economy", marked))
	for _, path := range []string{"/accounts/ada", "/transactions", "/api/v1/stats"} {
		if status, body := get(t, s.url+path); status != http.StatusOK {
			t.Errorf("without the primary, %s = %d: %.300s", path, status, body)
		}
	}
	primary.Start()
	until(t, "the overview is whole again", func() bool {
		status, body := get(t, s.url+"/economy")
		return status == http.StatusOK && !strings.Contains(body, marked)
	})
}

func TestAReplicaIsOfADatabaseThatIsNamed(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	t.Setenv("DATABASE_READ_URL", "postgres://localhost/replica")
	if code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--data-dir", openDir(t)); code == 0 || !strings.Contains(said, "an embedded database has no replica") {
		t.Errorf("a replica of an embedded database = %d: %s", code, said)
	}
}
