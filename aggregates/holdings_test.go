package aggregates

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// scannedHoldings is the accounts of a population by scanning the postings, without
// names. It knows of no hidden holders.
func scannedHoldings(t *testing.T, db *pgxpool.Pool, s span, p Population) []HeldAccount {
	t.Helper()
	const query = `
		SELECT t.ref, t.kind, coalesce(sum(p.amount), 0)::bigint,
			coalesce(sum(p.amount) FILTER (WHERE p.at >= $3), 0)::bigint, coalesce(sum(p.amount) FILTER (WHERE p.at >= $4), 0)::bigint,
			coalesce(sum(p.amount) FILTER (WHERE p.at >= $5), 0)::bigint, max(p.at)
		FROM accounts t JOIN accounts a ON a.id = t.id OR EXISTS (SELECT FROM merges WHERE account = a.id AND target = t.id)
		LEFT JOIN postings p ON p.account = a.id AND (NOT $7 OR p.at < $6)
		WHERE t.kind = ANY($1) AND NOT t.issuer AND (t.archived IS NULL OR t.archived > $2)
			AND NOT EXISTS (SELECT FROM merges WHERE account = t.id)
		GROUP BY t.ref, t.kind, t.name HAVING NOT $7 OR count(p.amount) > 0 ORDER BY 3 DESC, t.name, t.ref`
	rows, _ := db.Query(t.Context(), query, p.kinds(), s.End, s.Today, plus(s.Today, -6), plus(s.Today, -29), s.End, s.Past)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a HeldAccount, err error) {
		err = row.Scan(&a.ID, &a.Kind, &a.Balance, &a.Day, &a.Week, &a.Month, &a.LastActive)
		switch {
		case a.LastActive == nil:
		case s.Past:
			a.LastActive = pointerTo(ledger.DayOf(*a.LastActive, s.zone()).UTC())
		default:
			a.LastActive = pointerTo(a.LastActive.UTC())
		}
		return a, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range all {
		all[n].Rank, all[n].Place = int64(n)+1, int64(n)+1
		for all[n].Rank > 1 && all[all[n].Rank-2].Balance == all[n].Balance {
			all[n].Rank--
		}
	}
	return all
}

func checkHoldings(t *testing.T, db *pgxpool.Pool, w cache.Window, s span, p Population) {
	t.Helper()
	q := AsOf[Population]{p, asOf(s)}
	got, err := ComputePastHoldings(t.Context(), db, w, q)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(basisOf(s), got.Basis); diff != "" {
		t.Errorf("period (-want +got):\n%s", diff)
	}
	want := scannedHoldings(t, db, s, p)
	var total, debtors, active int64
	for _, a := range want {
		total += a.Balance
		if a.Balance < 0 {
			debtors++
		}
		if a.LastActive != nil && !a.LastActive.Before(plus(s.Today, -6)) {
			active++
		}
	}
	if got.Count != int64(len(want)) || got.Total != ledger.SumOf(total) || got.Debtors != debtors || got.Active != active {
		t.Errorf("%s: %d accounts hold %s, %d in debt, %d active; want %d, %d, %d, %d", p, got.Count, got.Total, got.Debtors, got.Active, len(want), total, debtors, active)
	}
	rows := slices.Clone(got.Accounts)
	for n, a := range rows {
		if share := float64(a.Balance) / got.Supply.Float64(); got.Supply.Sign() > 0 && a.Share != share {
			t.Errorf("%s has a share of %v, want %v", a.ID, a.Share, share)
		}
		rows[n].Name, rows[n].Holder, rows[n].Share = "", "", 0
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("%s (-scanned +listed):\n%s", p, diff)
	}
	// What is read by ref is what is in the list.
	e := &Economy{reads: always(db), now: func() time.Time { return w.Start }}
	var refs []string
	for _, a := range got.Accounts {
		refs = append(refs, a.ID)
	}
	named, err := e.HoldingsNamed(t.Context(), q, append(refs, "nobody"))
	if err != nil {
		t.Fatal(err)
	}
	whole := got.With(named)
	if len(named) != len(refs) || len(whole.Accounts) != len(refs) {
		t.Errorf("%s: %d accounts by ref, %d in all, want %d", p, len(named), len(whole.Accounts), len(refs))
	}
	none := *got
	none.Accounts = nil
	alone, _, _, _ := none.With(named).Select(HoldingFilter{}, "", len(refs))
	listed, _, _, _ := got.Select(HoldingFilter{}, "", len(refs))
	byRef := func(a, b HeldAccount) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(alone, byRef)
	slices.SortFunc(listed, byRef)
	for n := range listed {
		listed[n].Rank, listed[n].Place = 0, 0
	}
	if diff := cmp.Diff(listed, alone); diff != "" {
		t.Errorf("%s (-listed +by ref):\n%s", p, diff)
	}
}

func TestHoldingsAreWhatScanningSays(t *testing.T) {
	db, w := village(t)
	s := spanOf(w, 30, at(t, "02-01 00:00"), at(t, "03-11 10:00"))
	for _, p := range Populations() {
		checkHoldings(t, db, w, s, p)
	}
	appendBatch(t, db, ledger.Batch{Merges: []ledger.Merge{{Account: "bob", Into: "ann"}}})
	for _, p := range Populations() {
		checkHoldings(t, db, w, s, p)
	}
	for n, days := range []int{5, 45} {
		random := rand.New(rand.NewPCG(uint64(n), 23))
		now := at(t, "03-11 15:00").Add(time.Duration(random.IntN(48)) * hour)
		r := randomRecord(random, now, days, transactionsIn(days))
		db := testkit.Postgres(t)
		appendBatch(t, db, r.batch())
		w := windowAt(now)
		for _, p := range Populations() {
			checkHoldings(t, db, w, r.span(w, 30), p)
		}
	}
}

func TestHiddenHoldersAreListedInOrderAndNotFound(t *testing.T) {
	db, w := village(t)
	appendBatch(t, db, ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Name: "Ann Fenwick", Hidden: true}}})
	v, err := ComputeHoldings(t.Context(), db, w, PopulationAll)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, a := range v.Accounts {
		list = append(list, fmt.Sprint(a.ID, ":", a.Balance))
	}
	if got := strings.Join(list, " "); got != "town:610 :210 shop:60 bob:30 :30 dan:0" {
		t.Errorf("the list is %s", got)
	}
	text, err := json.Marshal([]any{v, v.Table()})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), `"ann`) || strings.Contains(string(text), "Fenwick") {
		t.Errorf("Ann is named in %s", text)
	}
	for _, text := range []string{"ann", "hidden", "hidden holder"} {
		if _, n, _, _ := v.Select(HoldingFilter{Text: text}, "", 10); n != 0 {
			t.Errorf("%d accounts are found by %q", n, text)
		}
	}
	e := &Economy{reads: always(db), now: func() time.Time { return w.Start }}
	if found, err := e.HoldingsNamed(t.Context(), AsOf[Population]{Of: PopulationAll}, []string{"ann", "ann2", "bob", "mint", "cara"}); err != nil || len(found) != 1 || found[0].ID != "bob" {
		t.Errorf("by ref %v are found, %v, want Bob alone", found, err)
	}
}

func TestFollowingTheListShowsEveryAccountOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 9))
	v := &Holdings{Count: 230}
	for n := range int64(230) {
		a := HeldAccount{ID: fmt.Sprint("r/", n), Name: []string{"Ann", "ann", "Bob"}[random.IntN(3)], Kind: ledger.Kinds()[n%3], Place: n + 1, Balance: (230 - n) / 3, Day: random.Int64N(3), Week: random.Int64N(3) - 1, Month: random.Int64N(9)}
		if random.IntN(5) == 0 {
			a.ID, a.Name = "", ledger.HiddenName
		}
		if random.IntN(3) > 0 {
			a.LastActive = pointerTo(at(t, "03-01 00:00").Add(time.Duration(random.IntN(4)) * hour))
		}
		v.Accounts = append(v.Accounts, a)
	}
	v = v.With([]HeldAccount{{ID: "far", Name: "Far"}, {ID: "farther", Name: "Far"}})
	for _, sort := range append(slices.Sorted(maps.Keys(holdingOrders)), "", "nonsense") {
		whole, matching, _, _ := v.Select(HoldingFilter{Sort: sort}, "", len(v.Accounts))
		var all []HeldAccount
		for after, more := "", true; more; {
			var rows []HeldAccount
			var err error
			if rows, _, more, err = v.Select(HoldingFilter{Sort: sort}, after, 7); err != nil {
				t.Fatal(err)
			}
			all, after = append(all, rows...), rows[len(rows)-1].Cursor()
		}
		if diff := cmp.Diff(whole, all); diff != "" || matching != 232 {
			t.Errorf("by %q %d accounts (-whole +followed):\n%s", sort, matching, diff)
		}
	}
	for _, after := range []string{"#0", "#999", "#x", "r/1", "=", "=nobody", "#-1"} {
		if _, _, _, err := v.Select(HoldingFilter{}, after, 7); !errors.Is(err, ErrUnknownCursor) {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func TestAKindIsLookedForWhereItIs(t *testing.T) {
	for _, p := range Populations() {
		for _, kind := range append(ledger.Kinds(), "") {
			if got := PopulationWith(p, kind); kind != "" && !slices.Contains(got.kinds(), kind) || kind == "" && got != p {
				t.Errorf("%s of %s: %s", kind, p, got)
			}
		}
	}
}

func TestAnAccountBeyondTheListIsReadByIndexes(t *testing.T) {
	db := testkit.Postgres(t)
	const fill = `
		INSERT INTO accounts SELECT n, 'r' || n, 'personal', 'Name ' || n, 'r' || n, now(), NULL, false, '' FROM generate_series(10, 20000) n;
		INSERT INTO balances SELECT n, 5, '2026-02-01', 1, '2026-02-01' FROM generate_series(10, 20000) n;
		INSERT INTO account_days SELECT n % 15000 + 10, date '2026-02-01' + n / 15000, 7, 2, 1 FROM generate_series(1, 60000) n;
		INSERT INTO merges SELECT n, n - 10000 FROM generate_series(16000, 19000) n;
		ANALYZE;`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	p, v := &planned{Tx: tx}, &Holdings{Population: PopulationAll}
	if err := v.named(t.Context(), p, spanOf(windowAt(at(t, "03-01 10:00")), 30, at(t, "02-01 00:00"), at(t, "03-01 09:00")), []string{"r77", "r6100"}); err != nil {
		t.Fatal(err)
	}
	if len(v.Accounts) != 2 || len(p.plans) != 1 || strings.Contains(p.plans[0], "Seq Scan on a") || strings.Contains(p.plans[0], "Seq Scan on balances") || strings.Contains(p.plans[0], "Seq Scan on merges") {
		t.Errorf("%d accounts are read by\n%s", len(v.Accounts), strings.Join(p.plans, "\n"))
	}
}
