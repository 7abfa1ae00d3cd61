package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/keys"
	"exchequer/ledger"
)

// economy writes a small ledger: so many holders with so much each.
func economy(t *testing.T, name, symbol string, holders int, each int64) *pgxpool.Pool {
	t.Helper()
	db := testkit.Postgres(t)
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: name, Symbol: symbol, Decimals: 2}); err != nil {
		t.Fatal(err)
	}
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	for i := range holders {
		ref := fmt.Sprint(strings.ToLower(name), "-", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: ref, Kind: ledger.Personal})
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: ref, At: time.Now().Add(-time.Hour), Source: "grant",
			Postings: []ledger.Posting{{Account: "mint", Amount: -each}, {Account: ref, Amount: each}}})
	}
	if _, err := record.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return db
}

// ledgersFile writes a file of ledgers.
func ledgersFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ledgers.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func entry(name, url, more string) string {
	return fmt.Sprintf("[[ledgers]]\nname = %q\ndatabase = %q\n%s\n", name, url, more)
}

func TestOneProcessServesSeveralLedgers(t *testing.T) {
	town, council := economy(t, "Town", "₤", 6, 1_000_00), economy(t, "Council", "€", 7, 33_00)
	t.Setenv("REDIS_URL", testkit.Redis(t).URL())
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", "0123456789abcdef")
	s := startChild(t, "", "serve", "--ledgers", ledgersFile(t, "title = \"Our economies\"\n"+
		entry("town", town.Config().ConnString(), "")+
		entry("council", council.Config().ConnString(), "")+
		entry("away", "postgres://nobody@127.0.0.1:1/nothing", "")))

	var index string
	until(t, "the index has both supplies", func() bool {
		_, index = get(t, s.url+"/")
		return strings.Contains(index, "₤6,000") && strings.Contains(index, "€231")
	})
	for _, want := range []string{"Our economies", `href="/c/town/economy"`, `href="/c/council/economy"`, "cannot be read right now"} {
		if !strings.Contains(index, want) {
			t.Errorf("the index lacks %q", want)
		}
	}
	if strings.Contains(index, "6,231") {
		t.Error("the index adds amounts of different money")
	}
	for _, c := range []struct{ own, other, name, ref, elsewhere string }{
		{"/c/town", "/c/council", "Town", "town-0", "council-0"}, {"/c/council", "/c/town", "Council", "council-0", "town-0"},
	} {
		status, page := get(t, s.url+c.own+"/accounts")
		if status != http.StatusOK || !strings.Contains(page, c.own+"/accounts/"+c.ref) || strings.Contains(page, c.elsewhere) {
			t.Errorf("%s/accounts = %d, or it does not show its own accounts alone", c.own, status)
		}
		if status, _ := get(t, s.url+c.own+"/accounts/"+c.elsewhere); status != http.StatusNotFound {
			t.Errorf("%s knows an account of the other: %d", c.own, status)
		}
		if got := strings.Count(page, `"`+c.other+"/"); got != 1 {
			t.Errorf("%s/accounts leads to the other ledger %d times, want once, by the switcher", c.own, got)
		}
		if _, stats := get(t, s.url+c.own+"/api/v1/stats"); !strings.Contains(stats, `"accounts":`) {
			t.Errorf("%s has no API: %s", c.own, stats)
		}
	}
	for address, want := range map[string]int{
		"/c/nothing/economy": http.StatusNotFound, "/economy": http.StatusNotFound, "/c/away/economy": http.StatusServiceUnavailable,
		"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/robots.txt": http.StatusOK, "/theme.css": http.StatusOK, "/c/town": http.StatusOK,
	} {
		if status, body := get(t, s.url+address); status != want {
			t.Errorf("%s = %d, want %d: %.200s", address, status, want, body)
		}
	}
	if _, ready := get(t, s.url+"/readyz"); !strings.Contains(ready, "ledger away:") {
		t.Errorf("/readyz does not name the ledger that is away: %s", ready)
	}
	_, metrics := get(t, s.url+"/metrics")
	for _, name := range []string{"town", "council"} {
		if !strings.Contains(metrics, `exchequer_postgres_pool_max_connections{ledger="`+name+`"} 8`) {
			t.Errorf("the connections of %s are not within its share", name)
		}
	}

	// A write to one is seen there, and leaves the other as it was.
	open(t, ledger.New(town), "newcomer")
	until(t, "the town has the new account", func() bool {
		_, stats := get(t, s.url+"/c/town/api/v1/stats?kind=personal")
		return strings.Contains(stats, `"accounts":7`)
	})
	if _, stats := get(t, s.url+"/c/council/api/v1/stats?kind=personal"); !strings.Contains(stats, `"accounts":7`) {
		t.Errorf("the council has %s", stats)
	}
}

func TestALedgerThatComesLaterIsServedThen(t *testing.T) {
	town, late := economy(t, "Town", "₤", 6, 1_000_00), economy(t, "Late", "€", 6, 33_00)
	url := late.Config().ConnString()
	if _, err := late.Exec(t.Context(), "ALTER TABLE schema_version RENAME TO schema_version_away"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve", "--ledgers", ledgersFile(t, entry("town", town.Config().ConnString(), "")+entry("late", url, "")))
	if status, _ := get(t, s.url+"/c/late/economy"); status != http.StatusServiceUnavailable {
		t.Errorf("a ledger that is not migrated = %d", status)
	}
	if status, _ := get(t, s.url+"/c/town/economy"); status != http.StatusOK {
		t.Errorf("the other one = %d", status)
	}
	if _, err := late.Exec(t.Context(), "ALTER TABLE schema_version_away RENAME TO schema_version"); err != nil {
		t.Fatal(err)
	}
	until(t, "it is served", func() bool {
		status, _ := get(t, s.url+"/c/late/economy")
		return status == http.StatusOK
	})
	if code := s.end(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, s.said)
	}
}

func TestTheKeyOfOneLedgerOpensNoOther(t *testing.T) {
	town, council := economy(t, "Town", "₤", 6, 1_000_00), economy(t, "Council", "€", 6, 33_00)
	key, err := keys.Create(t.Context(), town, "reader", []keys.Scope{keys.Read}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve", "--ledgers", ledgersFile(t,
		entry("town", town.Config().ConnString(), `privacy = "closed"`)+entry("council", council.Config().ConnString(), `privacy = "closed"`)))
	with := func(address string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if got := with("/c/town/economy"); got != http.StatusOK {
		t.Errorf("its own ledger = %d", got)
	}
	if got := with("/c/council/economy"); got != http.StatusUnauthorized {
		t.Errorf("the other ledger = %d, want 401", got)
	}
	if _, index := get(t, s.url+"/"); strings.Contains(index, "6,000") || strings.Count(index, "Shown to viewers only") != 2 {
		t.Error("the index shows sums of closed ledgers")
	}
	if status, _ := get(t, s.url+"/metrics"); status != http.StatusNotFound {
		t.Errorf("/metrics beside closed ledgers = %d, want 404", status)
	}
	if _, robots := get(t, s.url+"/robots.txt"); !strings.Contains(robots, "Disallow: /c/town/\n") {
		t.Errorf("robots.txt is %s", robots)
	}
}

func TestAFileOfLedgersIsChecked(t *testing.T) {
	const url = "postgres://localhost/a"
	for text, want := range map[string]string{
		"":                                  "it has 0",
		entry("Town Hall", url, ""):         "small letters",
		"[[ledgers]]\nname = \"a\"":         "name its database",
		entry("a", url, `privacy = "half"`): "want open, balances or closed",
		entry("a", url, "") + entry("a", "postgres://localhost/b", ""):             "same name",
		entry("a", url, "") + entry("b", url, ""):                                  "same database",
		entry("a", url, "") + entry("b", "postgres://localhost/b", `tenant = "a"`): "same tenant",
		entry("a", url, "unknown = 1"):                                             "unknown",
		strings.Repeat(entry("a", url, ""), mostLedgers+1):                         "want 1 to",
	} {
		code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--ledgers", ledgersFile(t, text))
		if code != 1 || !strings.Contains(said, want) {
			t.Errorf("%q: %d, %q, want 1 and %q", text, code, said, want)
		}
	}
	t.Setenv("DATABASE_URL", url)
	if code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--ledgers", ledgersFile(t, entry("a", url, ""))); code != 1 || !strings.Contains(said, "unset DATABASE_URL") {
		t.Errorf("with DATABASE_URL: %d, %q", code, said)
	}
}

func TestAMistakeInAPolicyStopsTheStartOfSeveralLedgers(t *testing.T) {
	town := economy(t, "Town", "₤", 6, 1_000_00)
	t.Setenv("EXCHEQUER_POLICIES", "nothing=window:10s")
	code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--ledgers", ledgersFile(t, entry("town", town.Config().ConnString(), "")))
	if code != 1 || !strings.Contains(said, "ledger town") || !strings.Contains(said, "nothing") {
		t.Errorf("serve = %d, %q", code, said)
	}
}
