package main

import (
	"database/sql"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/internal/testkit"
)

// newBank makes a file of balances and returns the address by which it is followed.
func newBank(t *testing.T) (bank *sql.DB, url string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bank.db")
	bank, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bank.Close() })
	if _, err := bank.ExecContext(t.Context(), `CREATE TABLE balances (uuid TEXT, name TEXT, balance REAL); INSERT INTO balances VALUES ('a', 'ada', 10.5), ('b', 'bert', 'x')`); err != nil {
		t.Fatal(err)
	}
	return bank, "sqlite:" + file
}

func TestASourceIsCheckedThenReadOnceThenFollowedByAServer(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	bank, url := newBank(t)
	t.Setenv("EXCHEQUER_SYNC_SOURCE", url)
	code, out, said := exchequer(t, "sync", "--preset", "balances-sql", "--check")
	if code != 0 || !strings.Contains(out, "balances: 2 rows read: 1 account, 0 transactions, 0 sales, 0 shops, 1 balance") || !strings.Contains(out, `row 2 would be left out: column "balance"`) {
		t.Errorf("sync --check = %d, %s%s", code, out, said)
	}
	code, out, said = exchequer(t, "sync", "--preset", "balances-sql", "--once", "--economy", "Bank of B.")
	if code != 0 || !strings.Contains(out, "balances-sql: 2 rows read, 2 rows left out; 1 account compared, 0 with another balance") {
		t.Errorf("sync --once = %d, %s%s", code, out, said)
	}

	if _, err := bank.ExecContext(t.Context(), `UPDATE balances SET balance = 99.25 WHERE uuid = 'b'`); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_SYNC", "balances-sql")
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve")
	until(t, "the page shows what has changed since", func() bool {
		status, body := get(t, s.url+"/accounts/player:b")
		return status == http.StatusOK && strings.Contains(body, "99.25") && strings.Contains(body, "Bank of B.")
	})
	until(t, "the metrics have how old the data are", func() bool {
		_, body := get(t, s.url+"/metrics")
		return strings.Contains(body, `exchequer_sync_age_seconds{source="balances-sql"}`) && strings.Contains(body, `exchequer_sync_rejected_rows{source="balances-sql"} 0`)
	})
	if code := s.end(); code != 0 {
		t.Errorf("serve = %d:\n%s", code, s.said)
	}
}

func TestAFileOfBooksIsReadOnce(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	books := "file:../../connector/testdata/hledger.csv"
	code, out, said := exchequer(t, "sync", "--preset", "hledger", "--source", books, "--check")
	if code != 0 || !strings.Contains(out, "postings: 23 rows read: 11 accounts, 9 transactions") || !strings.Contains(out, "1,250.00 on assets:bank:checking") {
		t.Errorf("sync --check = %d, %s%s", code, out, said)
	}
	for range 2 {
		code, out, said = exchequer(t, "sync", "--once", "--preset", "hledger", "--source", books, "--symbol", "€", "--economy", "Our books")
		if code != 0 || !strings.Contains(out, "hledger: ") || !strings.Contains(out, "0 rows left out") {
			t.Errorf("sync --once = %d, %s%s", code, out, said)
		}
	}
	code, out, said = exchequer(t, "verify")
	if code != 0 {
		t.Errorf("verify = %d, %s%s", code, out, said)
	}
}

func TestASourceThatCannotBeFollowedSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no preset":     {[]string{"sync"}, "name a preset with --preset"},
		"no source":     {[]string{"sync", "--preset", "treasury"}, "no source is given"},
		"both":          {[]string{"sync", "--preset", "treasury", "--config", "sync.toml"}, "leave out --preset"},
		"a parameter":   {[]string{"sync", "--preset", "balances-sql", "--source", "sqlite:x", "--set", "tables=t"}, `it has no parameter "tables"; it has ["account" "balance" "name" "table"]`},
		"an identifier": {[]string{"sync", "--preset", "balances-sql", "--source", "sqlite:x", "--set", "table=t x"}, "want letters, digits and _"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, _, said := exchequer(t, c.args...); code != 1 || !strings.Contains(said, c.want) {
				t.Errorf("%v = %d, %s, want %q", c.args, code, said, c.want)
			}
		})
	}
}
