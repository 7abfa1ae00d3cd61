package alerts

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/views"
)

// A watched is a ledger with rules over it. The signs and the sources are as the test
// says; all else is read from the ledger.
type watched struct {
	t         *testing.T
	db        *pgxpool.Pool
	config    *Config
	now       time.Time
	soundness aggregates.Soundness
	followed  aggregates.Followed
	refs      int
	shows     views.Level // what everybody sees
}

func newWatched(t *testing.T, rules ...Rule) *watched {
	t.Helper()
	w := &watched{t: t, db: testkit.Postgres(t), now: time.Now().Truncate(time.Minute).Add(-2 * time.Hour), shows: views.ShowsDealings}
	opened := w.now.AddDate(0, -1, 0)
	b := ledger.Batch{
		Items: []ledger.Item{{Ref: "diamond", Name: "Diamond"}},
		Shops: []ledger.Shop{{Ref: "stall", Owner: "ann", Place: "Oak Street", Active: true, Seen: opened}},
	}
	for _, ref := range []string{"ann", "bob", "cara", "dan"} {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: strings.ToUpper(ref[:1]) + ref[1:], Kind: ledger.Personal, Opened: opened})
	}
	b.Accounts = append(b.Accounts, ledger.Account{Ref: "mint", Kind: ledger.System, Opened: opened})
	w.append(b)
	for _, ago := range []time.Duration{10 * 24 * time.Hour, time.Hour} { // a ledger that has begun, and has not ended
		w.pay(ago, "mint", "dan", 1_000_000)
	}
	w.use(rules...)
	return w
}

// use replaces the rules.
func (w *watched) use(rules ...Rule) {
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name = string(rules[i].Kind)
		}
		if rules[i].To == nil {
			rules[i].To = []string{"hook"}
		}
	}
	w.config = &Config{Rules: rules, Receivers: []Receiver{hookAt("https://example.org/")}}
}

func (w *watched) append(b ledger.Batch) {
	w.t.Helper()
	if _, err := ledger.New(w.db).Append(w.t.Context(), b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) ref() string {
	w.refs++
	return fmt.Sprint(w.refs)
}

// pay pays at a time before now.
func (w *watched) pay(ago time.Duration, from, to string, amount int64) {
	w.t.Helper()
	w.append(ledger.Batch{Transactions: []ledger.Transaction{{Origin: "test", Ref: w.ref(), At: w.now.Add(-ago), Source: "pay",
		Postings: []ledger.Posting{{Account: from, Amount: -amount}, {Account: to, Amount: amount}}}}})
}

// sell sells diamonds at a price each, on the hours before now, to different buyers.
func (w *watched) sell(n int, price int64) {
	w.t.Helper()
	var b ledger.Batch
	for i := range n {
		b.Sales = append(b.Sales, ledger.Sale{Origin: "test", Ref: w.ref(), At: w.now.Add(-time.Duration(i+1) * time.Minute), Item: "diamond", Shop: "stall",
			Direction: ledger.DirectionSale, Seller: "ann", Buyer: []string{"bob", "cara", "dan"}[i%3], Quantity: 1, Total: price})
	}
	w.append(b)
}

// offer sets what the shop asks and pays for a diamond, and its stock.
func (w *watched) offer(ask, bid *int64, stock int64) {
	w.t.Helper()
	w.append(ledger.Batch{Offers: []ledger.Offer{{Shop: "stall", Item: "diamond", Ask: ask, Bid: bid, Batch: 1, Stock: &stock, Active: true, Seen: w.now}}})
}

// evaluator returns that of a process that has just started.
func (w *watched) evaluator() (*Evaluator, func()) {
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Clock: func() time.Time { return w.now }})
	api := aggregates.NewAPI(c, w.db)
	spec := func(name string) cache.Spec { return cache.Spec{Name: name, Window: time.Minute} }
	e := NewEvaluator(EvaluatorDeps{
		DB: w.db, Config: w.config, Settings: func() ledger.Settings { return settings }, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler),
		Metrics: NewMetrics(prometheus.NewRegistry()), Known: aggregates.Known{Items: api.Items, Accounts: api.Accounts, Shops: api.Trade.Refs},
		Viewers: true, Shows: w.shows,
		Memos: Memos{Items: api.ItemList,
			Soundness: cache.NewMemo(c, spec("test.soundness"), func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Soundness, error) {
				return &w.soundness, nil
			}),
			Followed: cache.NewMemo(c, spec("test.followed"), func(context.Context, cache.Window, aggregates.NoParams) (*aggregates.Followed, error) {
				return &w.followed, nil
			})},
	})
	return e, func() {
		if err := c.Close(context.WithoutCancel(w.t.Context())); err != nil {
			w.t.Error(err)
		}
	}
}

// later lets time pass, and returns the titles of the alerts of the window that is then.
func (w *watched) later(by time.Duration) string {
	w.t.Helper()
	w.now = w.now.Add(by)
	e, end := w.evaluator()
	defer end()
	if err := e.Evaluate(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return w.titles(`WHERE at = $1`, w.now)
}

func (w *watched) titles(where string, args ...any) string {
	w.t.Helper()
	rows, _ := w.db.Query(w.t.Context(), `SELECT title FROM alerts `+where+` ORDER BY at, rule`, args...)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.Join(all, " | "), "\u00a0", " ")
}

// want fails unless the alerts of the window after a while are these.
func (w *watched) want(what string, by time.Duration, titles string) {
	w.t.Helper()
	if got := w.later(by); got != titles {
		w.t.Errorf("%s: alerts are %q, want %q", what, got, titles)
	}
}

// problem returns why a rule could not be evaluated.
func (w *watched) problem(rule Kind) string {
	w.t.Helper()
	status, err := ReadStatus(w.t.Context(), w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range status.Rules {
		if r.Rule.Kind == rule {
			return strings.ReplaceAll(r.Problem, "\u00a0", " ")
		}
	}
	w.t.Fatalf("there is no rule of %s in %+v", rule, status)
	return ""
}

func pointerTo[T any](v T) *T { return &v }
