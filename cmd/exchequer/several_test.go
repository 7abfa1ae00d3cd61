package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// smallLedgers are databases that begin with a small ledger.
var smallLedgers = testkit.NewFilled(func(t testing.TB, url string) {
	db, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: "Small", Decimals: 2}); err != nil {
		t.Fatal(err)
	}
	b := ledger.Batch{Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}}}
	for i := range 6 {
		ref := fmt.Sprint("p", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal})
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: ref, At: time.Now().Add(-72 * time.Hour), Source: "grant",
			Postings: []ledger.Posting{{Account: "mint", Amount: -100}, {Account: ref, Amount: 100}}})
	}
	if _, err := record.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
})

// manyLedgers returns a file of so many ledgers, n0 and so on, and their databases.
func manyLedgers(t *testing.T, n int) (file string, urls []string) {
	t.Helper()
	var text strings.Builder
	for i := range n {
		urls = append(urls, smallLedgers.URL(t))
		text.WriteString(entry(fmt.Sprint("n", i), urls[i], ""))
	}
	return ledgersFile(t, text.String()), urls
}

var labelled = regexp.MustCompile(`ledger="(n\d+)"`)

// openIn returns the ledgers that have series.
func openIn(metrics string) []string {
	var names []string
	for _, m := range labelled.FindAllStringSubmatch(metrics, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestManyLedgersShareFewPlaces(t *testing.T) {
	const ledgers, places = 40, 3
	file, urls := manyLedgers(t, ledgers)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("EXCHEQUER_URL", "https://economy.example.org")
	s := start(t, "serve", "--postgres-connections", fmt.Sprint(places*leastConns), "--ledgers", file)
	if status, index := get(t, s.url+"/"); status != http.StatusOK || !strings.Contains(index, "Not read since") {
		t.Errorf("the index of ledgers that nobody has read = %d", status)
	}
	admin, err := postgres.Open(t.Context(), urls[0], postgres.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()

	for i := range ledgers {
		status, page := get(t, fmt.Sprintf("%s/c/n%d/economy", s.url, i))
		if status != http.StatusOK || !strings.Contains(page, fmt.Sprintf("/c/n%d/accounts", i)) {
			t.Errorf("ledger n%d = %d", i, status)
		}
		if other := fmt.Sprintf(`href="/c/n%d/`, (i+1)%ledgers); strings.Contains(page, other) || !strings.Contains(page, ">All ledgers<") {
			t.Errorf("the page of n%d lists all others, or does not lead to where they are listed", i)
		}
		if i%10 != 9 {
			continue
		}
		_, metrics := get(t, s.url+"/metrics")
		if open := openIn(metrics); len(open) > places {
			t.Errorf("%v have series, and %d can be open", open, places)
		}
		var conns int
		if err := admin.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('exchequer', 'exchequer listener')
			AND backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&conns); err != nil {
			t.Fatal(err)
		}
		// One for the migrated database that the fixture holds, and those of the work for
		// ledgers that are closed.
		if most := places*(leastConns+1) + upkeepConns + 1; conns > most {
			t.Errorf("%d connections, want %d at most", conns, most)
		}
	}
	until(t, "what is known of a ledger is known when it is closed", func() bool {
		_, page := get(t, s.url+"/c/n0/economy")
		_, index := get(t, s.url+"/")
		return strings.Contains(page, "/c/n0/") && strings.Contains(index, "6.00")
	})
	for i := 1; i < 10; i++ {
		get(t, fmt.Sprintf("%s/c/n%d/economy", s.url, i))
	}
	if _, metrics := get(t, s.url+"/metrics"); slices.Contains(openIn(metrics), "n0") {
		t.Fatal("n0 is still open")
	}
	if _, index := get(t, s.url+"/"); !strings.Contains(index, "6.00") {
		t.Error("the index has forgotten the numbers of a ledger that is closed")
	}
	if _, robots := get(t, s.url+"/robots.txt"); !strings.Contains(robots, "Disallow: /c/*/search\n") || !strings.Contains(robots, "Sitemap: https://economy.example.org/c/n39/sitemap.xml\n") {
		t.Errorf("robots.txt is %s", robots)
	}
	if status, _ := get(t, s.url+"/readyz"); status != http.StatusOK {
		t.Errorf("/readyz = %d", status)
	}
	if code := s.end(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, s.said)
	}
}

func TestManyReadersOfManyLedgersAreAllAnswered(t *testing.T) {
	file, _ := manyLedgers(t, 12)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve", "--postgres-connections", fmt.Sprint(4*leastConns), "--ledgers", file)
	var readers sync.WaitGroup
	for i := range 12 {
		readers.Go(func() {
			for range 3 {
				until(t, "a page", func() bool { // as a browser that is told to come again
					status, _ := get(t, fmt.Sprintf("%s/c/n%d/accounts", s.url, i))
					if status != http.StatusOK && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
						t.Errorf("n%d = %d", i, status)
					}
					return status == http.StatusOK
				})
			}
		})
	}
	readers.Wait()
}

func TestWhatIsWrittenWhileALedgerIsClosedIsNotShownAsIfItWereNot(t *testing.T) {
	file, urls := manyLedgers(t, 8)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	t.Setenv("REDIS_URL", testkit.Redis(t).URL())
	t.Setenv("EXCHEQUER_POLICIES", "stats=window:20h,soft:40h,hard:80h")
	s := start(t, "serve", "--postgres-connections", fmt.Sprint(2*leastConns), "--ledgers", file)
	stats := func() string {
		_, text := get(t, s.url+"/c/n0/api/v1/stats?kind=personal")
		return text
	}
	if first := stats(); !strings.Contains(first, `"accounts":6`) {
		t.Fatalf("at first: %s", first)
	}
	until(t, "n0 is closed for others", func() bool {
		for i := 1; i < 8; i++ {
			get(t, fmt.Sprintf("%s/c/n%d/accounts", s.url, i))
		}
		_, metrics := get(t, s.url+"/metrics")
		return !slices.Contains(openIn(metrics), "n0")
	})
	db, err := postgres.Open(t.Context(), urls[0], postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	open(t, ledger.New(db), "newcomer")
	if now := stats(); !strings.Contains(now, `"accounts":7`) && strings.Contains(now, `"state":"fresh"`) {
		t.Errorf("the first answer shows an old number as fresh: %s", now)
	}
	until(t, "the new account is counted", func() bool { return strings.Contains(stats(), `"accounts":7`) })
}

func TestALedgerWithoutADatabaseHurtsNoOther(t *testing.T) {
	_, urls := manyLedgers(t, 3)
	text := entry("away", "postgres://nobody@127.0.0.1:1/nothing", "")
	for i, url := range urls {
		text += entry(fmt.Sprint("n", i), url, "")
	}
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve", "--postgres-connections", fmt.Sprint(2*leastConns), "--ledgers", ledgersFile(t, text))
	for i := range urls {
		if status, _ := get(t, s.url+"/c/away/economy"); status != http.StatusServiceUnavailable {
			t.Errorf("the one without = %d", status)
		}
		if status, _ := get(t, fmt.Sprintf("%s/c/n%d/economy", s.url, i)); status != http.StatusOK {
			t.Errorf("n%d = %d", i, status)
		}
	}
	if status, ready := get(t, s.url+"/readyz"); status != http.StatusOK || !strings.Contains(ready, "cannot be opened") {
		t.Errorf("/readyz = %d, %s", status, ready)
	}
	if _, index := get(t, s.url+"/"); strings.Count(index, "cannot be read right now") != 1 {
		t.Error("the index does not say that one is away")
	}
}

func TestClosedLedgersGetTheirSnapshots(t *testing.T) {
	file, urls := manyLedgers(t, 3)
	all, err := loadLedgers(file)
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), urls[1], postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	snapshots := func() (n int) {
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM day_snapshots`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := snapshots(); n != 0 {
		t.Fatalf("there are %d snapshots already", n)
	}
	c := serveCommand{serverFlags: serverFlags{Dump: t.TempDir()}}
	standings, always, err := c.standings(all, 1)
	if err != nil || always != 0 {
		t.Fatalf("%d are always open, %v", always, err)
	}
	r := newRoster(t.Context(), standings, rosterDeps{places: 1, log: slog.New(slog.DiscardHandler)})
	defer r.close(t.Context())
	if err := c.tendOne(t.Context(), r, standings[1], slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if snapshots() == 0 {
		t.Error("there are no snapshots of the days that are over")
	}
}

func TestAClosedLedgerLeavesNothingBehind(t *testing.T) {
	for name, redis := range map[string]string{"memory": "", "redis": testkit.Redis(t).URL()} {
		t.Run(name, func(t *testing.T) {
			file, urls := manyLedgers(t, 1)
			all, err := loadLedgers(file)
			if err != nil {
				t.Fatal(err)
			}
			log := slog.New(slog.DiscardHandler)
			tracing, err := startTracing(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			listener, err := listen(t.Context(), "127.0.0.1:0", "")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			db, err := postgres.Open(t.Context(), urls[0], postgres.Options{MaxConns: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			connections := func() (n int) {
				if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()`).Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			c := serveCommand{serverFlags: serverFlags{Verify: "nightly", rumFlags: rumFlags{RUMSample: 1}, APIRate: 60, ExactHolders: 1}}
			c.RedisURL, c.Dump = redis, t.TempDir()
			present := goleak.IgnoreCurrent()
			for range 2 {
				site, err := c.of(all.All[0]).openOne(t.Context(), t.Context(), server{log: log, listener: listener, tracing: tracing},
					place{end: &drain{}, ledgers: all, open: 1, name: "n0"}, leastConns)
				if err != nil {
					t.Fatal(err)
				}
				for _, path := range []string{"/economy", "/accounts", "/market", "/api/v1/stats", "/api/v1/openapi.json", "/economy/richest.csv", "/economy/card.png"} {
					answer := httptest.NewRecorder()
					site.handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/c/n0"+path, http.NoBody))
					if answer.Code >= http.StatusInternalServerError {
						t.Errorf("%s = %d", path, answer.Code)
					}
				}
				if err := site.close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			until(t, "no connection is left", func() bool { return connections() == 1 })
			goleak.VerifyNone(t, present)
		})
	}
}

func TestLedgersMayBeSchemasOfOneDatabase(t *testing.T) {
	const url = "postgres://localhost/a"
	if _, err := loadLedgers(ledgersFile(t, entry("a", url+"?search_path=a", "")+entry("b", url+"?search_path=b", ""))); err != nil {
		t.Error(err)
	}
}

func TestLedgersThatAreAlwaysOpenLeaveRoomForOthers(t *testing.T) {
	var text strings.Builder
	for i := range 20 {
		more := ""
		if i < 15 {
			more = `sync = "source.toml"`
		}
		text.WriteString(entry(fmt.Sprint("n", i), fmt.Sprint("postgres://localhost/n", i), more))
	}
	code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--ledgers", ledgersFile(t, text.String()))
	if code != 1 || !strings.Contains(said, "15 ledgers have sync or alerts") || !strings.Contains(said, "set EXCHEQUER_POSTGRES_CONNECTIONS to 176 or more") {
		t.Errorf("serve = %d, %q", code, said)
	}
}

func TestTheSizeOfThePoolIsSet(t *testing.T) {
	for text, want := range map[string]string{"7": "want a number from 8", "many": "want a number from 8", "20000": "want a number from 8"} {
		if code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--postgres-connections", text); code == 0 || !strings.Contains(said, want) {
			t.Errorf("%s: %d, %q", text, code, said)
		}
	}
	if code, _, said := exchequer(t, "serve", "--listen", "127.0.0.1:0", "--postgres-connections", "100", "--data-dir", t.TempDir()); code != 1 || !strings.Contains(said, "DATABASE_URL") {
		t.Errorf("100 of the embedded Postgres: %d, %q", code, said)
	}
	for _, c := range []struct {
		set     poolSize
		ledgers int
		want    int32
		open    int
	}{{0, 1, 24, 1}, {9, 1, 9, 1}, {0, 2, 24, 2}, {0, 16, 128, 16}, {0, 1000, 128, 16}, {400, 1000, 400, 50}, {10_000, 5000, 10_000, mostOpen}} {
		file := &ledgers{All: make([]*ledgerEntry, c.ledgers)}
		if got := c.set.of(c.ledgers); got != c.want || file.open(got) != c.open {
			t.Errorf("%d ledgers with %d: %d connections for %d, want %d for %d", c.ledgers, c.set, got, file.open(got), c.want, c.open)
		}
	}
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("EXCHEQUER_POSTGRES_CONNECTIONS", "9")
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve")
	if _, metrics := get(t, s.url+"/metrics"); !strings.Contains(metrics, "exchequer_postgres_pool_max_connections 9\n") {
		t.Error("the pool is not of the size that was set")
	}
}
