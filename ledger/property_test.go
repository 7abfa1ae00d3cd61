package ledger_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

var (
	seedFlag = flag.Uint64("ledger.seed", 0, "seed of the random ledgers; 0: a new one")
	runsFlag = flag.Int("ledger.runs", 1, "number of random ledgers")
)

// However batches arrive, at once, repeated, cut off by a killed connection or
// a cancelled context, the ledger ends up with each transaction once and with
// rollups that are what the record adds up to.
func TestAnySequenceOfBatchesKeepsTheBooks(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	for run := range uint64(*runsFlag) {
		t.Run(fmt.Sprintf("-ledger.seed=%d -ledger.runs=1", seed+run), func(t *testing.T) {
			keepsTheBooks(t, seed+run)
		})
	}
}

func keepsTheBooks(t *testing.T, seed uint64) {
	url := testkit.PostgresURL(t)
	db, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 6, ApplicationName: "victim"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	control, err := postgres.Open(t.Context(), url, postgres.Options{MaxConns: 3, ApplicationName: "control"})
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()

	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), midnight: time.Now().UTC().Truncate(24 * time.Hour)}
	batches := g.batches(30)
	var queue []ledger.Batch
	for _, b := range batches {
		for range 1 + g.IntN(3) {
			queue = append(queue, b)
		}
	}
	g.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })

	ctx, stop := context.WithCancel(t.Context())
	var around sync.WaitGroup
	around.Go(func() { kill(ctx, control, rand.New(rand.NewPCG(seed, 2))) })
	around.Go(func() { snapshot(ctx, t, control, g.midnight) })
	around.Go(func() { watch(ctx, t, control) })
	work := make(chan ledger.Batch)
	var workers sync.WaitGroup
	for n := range uint64(4) {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 3+n))
			for b := range work {
				appendAtLast(t, ledger.New(db), b, random)
			}
		})
	}
	for _, b := range queue {
		work <- b
	}
	close(work)
	workers.Wait()
	stop()
	around.Wait()

	l := ledger.New(control)
	wantSound(t, l)
	wantBalances(t, control, batches)
	before := dump(t, control)
	for _, b := range batches {
		if _, err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, dump(t, control)); diff != "" {
		t.Errorf("repeating all batches changed the ledger:\n%s", diff)
	}
}

// appendAtLast appends a batch, again if it was cut off.
func appendAtLast(t *testing.T, l *ledger.Ledger, b ledger.Batch, random *rand.Rand) {
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		if random.IntN(4) == 0 {
			ctx, cancel = context.WithTimeout(t.Context(), time.Duration(random.IntN(10_000))*time.Microsecond)
		}
		_, err := l.Append(ctx, b)
		cancel()
		var refused *ledger.BatchError
		var failure *pgconn.PgError
		switch {
		case err == nil:
			return
		case errors.As(err, &refused):
			t.Errorf("a good batch was refused: %v", err)
			return
		case errors.As(err, &failure) && !strings.HasPrefix(failure.Code, "57"): // 57: terminated, cancelled
			t.Errorf("append failed: %v (%s)", err, failure.Code)
			return
		}
	}
	t.Error("an append was cut off a hundred times")
}

// kill terminates a connection of the writers every few milliseconds, so many
// times that on a slow machine the writers still get through.
func kill(ctx context.Context, db *pgxpool.Pool, random *rand.Rand) {
	for range 60 {
		db.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'victim' AND state <> 'idle'
			ORDER BY random() LIMIT 1`)
		pause(ctx, time.Duration(random.IntN(30))*time.Millisecond)
	}
}

// snapshot writes the snapshots of past days, as their writer does.
func snapshot(ctx context.Context, t *testing.T, db *pgxpool.Pool, midnight time.Time) {
	for ctx.Err() == nil {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if err := ledger.LockAppends(ctx, tx); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `
				INSERT INTO day_snapshots (day, supply, holders)
				SELECT day, coalesce((SELECT sum(received - sent) FROM account_days d JOIN accounts ON id = account
					WHERE NOT issuer AND d.day <= past.day), 0), 0
				FROM generate_series($1::date - 6, $1::date - 1, interval '1 day') AS past (day)
				ON CONFLICT DO NOTHING`, midnight)
			return err
		})
		if err != nil && ctx.Err() == nil {
			t.Errorf("write snapshots: %v", err)
			return
		}
		pause(ctx, 5*time.Millisecond)
	}
}

// watch looks at the books from outside while they are written.
func watch(ctx context.Context, t *testing.T, db *pgxpool.Pool) {
	for ctx.Err() == nil {
		var off bool
		err := db.QueryRow(ctx, `
			SELECT coalesce(sum(balance), 0) <> 0 OR coalesce(sum(postings), 0) <> (SELECT count(*) FROM postings)
			FROM balances`).Scan(&off)
		if err != nil && ctx.Err() == nil {
			t.Errorf("read balances: %v", err)
			return
		}
		if off {
			t.Error("a reader saw half a batch")
			return
		}
		pause(ctx, 3*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// wantBalances adds the batches up by itself.
func wantBalances(t *testing.T, db *pgxpool.Pool, batches []ledger.Batch) {
	t.Helper()
	balances := map[string]int64{}
	seen := map[string]bool{}
	for _, b := range batches {
		for _, tr := range b.Transactions {
			if seen[tr.Ref] {
				continue
			}
			seen[tr.Ref] = true
			for _, p := range tr.Postings {
				balances[p.Account] += p.Amount
			}
		}
	}
	var want []string
	for account, balance := range balances {
		want = append(want, fmt.Sprint(account, " ", balance))
	}
	slices.Sort(want)
	wantRows(t, db, `SELECT ref, balance FROM balances JOIN accounts ON id = account ORDER BY ref COLLATE "C"`, want...)
}

// A generator makes random batches of one small economy.
type generator struct {
	*rand.Rand
	midnight time.Time
	made     []ledger.Transaction
	sold     []ledger.Sale
}

var yes, no = true, false

var people = []ledger.Account{
	{Ref: "mint", Kind: ledger.System}, {Ref: "sink", Kind: ledger.System, Holder: "mint"},
	{Ref: "town", Kind: ledger.Government, Issuer: &yes}, {Ref: "court", Kind: ledger.Government, Holder: "town"},
	{Ref: "pool", Kind: ledger.System, Issuer: &no}, {Ref: "bakery", Kind: ledger.Business, Holder: "ann"}, {Ref: "smithy", Kind: ledger.Business},
	{Ref: "ann", Kind: ledger.Personal}, {Ref: "ann-2", Kind: ledger.Personal, Holder: "ann", Name: "Ann's savings"},
	{Ref: "bob", Kind: ledger.Personal}, {Ref: "cyd", Kind: ledger.Personal}, {Ref: "Älva", Kind: ledger.Personal},
}

var goods = []ledger.Item{{Ref: "bread"}, {Ref: "iron", Name: "Iron"}, {Ref: "hay"}}

func (g *generator) batches(n int) []ledger.Batch {
	var out []ledger.Batch
	for nr := range n {
		b := ledger.Batch{Accounts: slices.Clone(people), Items: slices.Clone(goods)}
		g.Shuffle(len(b.Accounts), func(i, j int) { b.Accounts[i], b.Accounts[j] = b.Accounts[j], b.Accounts[i] })
		g.shops(&b, nr)
		used := map[string]bool{}
		for range g.IntN(12) {
			tr := g.transaction()
			if len(g.made) > 0 && g.IntN(3) == 0 {
				tr = g.made[g.IntN(len(g.made))]
			}
			if !used[tr.Ref] {
				b.Transactions = append(b.Transactions, tr)
			}
			used[tr.Ref] = true
		}
		g.made = append(g.made, b.Transactions...)
		for range g.IntN(8) {
			s := g.sale(b.Transactions)
			if len(g.sold) > 0 && g.IntN(4) == 0 {
				s = g.sold[g.IntN(len(g.sold))]
				s.Transaction = ""
			}
			if !used[s.Ref] {
				b.Sales = append(b.Sales, s)
			}
			used[s.Ref] = true
		}
		g.sold = append(g.sold, b.Sales...)
		out = append(out, b)
	}
	return out
}

// shops adds two shops and sightings of their offers, of which many are out of
// order, at the hour's end, or as before.
func (g *generator) shops(b *ledger.Batch, nr int) {
	for _, place := range []string{"east", "west"} {
		b.Shops = append(b.Shops, ledger.Shop{Ref: place, Place: place, Owner: g.account(),
			Active: g.IntN(3) > 0, Seen: g.midnight.Add(-time.Duration(nr) * 45 * time.Minute)})
		seen := map[string]bool{}
		for range g.IntN(10) {
			amount := func() *int64 {
				if g.IntN(5) == 0 {
					return nil
				}
				v := g.Int64N(6)
				return &v
			}
			o := ledger.Offer{Shop: place, Item: g.item(), Ref: []string{"", "sign"}[g.IntN(2)], Ask: amount(), Bid: amount(),
				Batch: 1 + g.Int64N(2), Stock: amount(), Capacity: amount(), Active: g.IntN(4) > 0, Seen: g.at().Add(-time.Duration(g.IntN(2)))}
			if g.IntN(5) == 0 {
				o.PricedIn = "iron"
			}
			if key := fmt.Sprint(o.Ref, o.Item, o.Seen.Truncate(time.Microsecond)); !seen[key] {
				b.Offers = append(b.Offers, o)
				seen[key] = true
			}
		}
	}
}

func (g *generator) account() string { return people[g.IntN(len(people))].Ref }
func (g *generator) item() string    { return goods[g.IntN(len(goods))].Ref }

// at is within the last days, often at the same moment as others.
func (g *generator) at() time.Time {
	return g.midnight.Add(-time.Duration(g.IntN(5*24*4)) * 15 * time.Minute).Add(time.Duration(g.IntN(2)) * time.Microsecond)
}

func (g *generator) transaction() ledger.Transaction {
	tr := ledger.Transaction{Origin: "test", Ref: fmt.Sprintf("t%x", g.Uint32()), At: g.at(), Message: "x",
		Source: []string{"shop", "tax", "salary"}[g.IntN(3)]}
	var sum int64
	for range 1 + g.IntN(6) {
		amount := 1 + g.Int64N(1000)
		if g.IntN(2) == 0 {
			amount = -amount
		}
		tr.Postings = append(tr.Postings, ledger.Posting{Account: g.account(), Amount: amount})
		sum += amount
	}
	if sum == 0 {
		tr.Postings = append(tr.Postings, ledger.Posting{Account: g.account(), Amount: 7})
		sum = 7
	}
	tr.Postings = append(tr.Postings, ledger.Posting{Account: g.account(), Amount: -sum})
	return tr
}

func (g *generator) sale(transactions []ledger.Transaction) ledger.Sale {
	s := ledger.Sale{Origin: "test", Ref: fmt.Sprintf("s%x", g.Uint32()), At: g.at(), Item: g.item(),
		Direction: ledger.DirectionSale, Quantity: g.Int64N(12) - 2, Total: g.Int64N(900) - 100}
	if g.IntN(2) == 0 {
		s.Shop, s.Seller, s.Buyer = "east", g.account(), g.account()
		s.Direction = ledger.DirectionPurchase
	}
	if len(transactions) > 0 && g.IntN(2) == 0 {
		s.Transaction = transactions[g.IntN(len(transactions))].Ref
	}
	return s
}
