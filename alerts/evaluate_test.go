package alerts

import (
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

var settings = ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2}

// One sale at a thousand times the price is no price, and neither are the first few of
// an item that was never sold.
func TestAPriceIsToldWhenItIsFirm(t *testing.T) {
	w := newWatched(t, Rule{Kind: PriceAbove, Of: "diamond", Value: "25", Rearm: 0.02}, Rule{Kind: PriceBelow, Of: "diamond", Value: "15", Rearm: 0.02})
	w.want("it was never sold", time.Minute, "")
	if got := w.problem(PriceAbove); got != "it was never sold" {
		t.Errorf("the problem is %q", got)
	}
	w.sell(1, 2_000_000)
	w.want("it was sold once", time.Minute, "")
	if got := w.problem(PriceAbove); got != "its price is a guess one, of 1 sale" {
		t.Errorf("the problem is %q", got)
	}
	w.sell(20, 2000)
	w.want("it is sold at its price", time.Minute, "")
	if got := w.problem(PriceAbove); got != "" {
		t.Errorf("the problem is %q", got)
	}
	w.sell(1, 2_000_000)
	w.want("somebody plants a sale at a thousand times the price", time.Minute, "")
	w.sell(60, 2600)
	w.want("it has become dearer", time.Minute, "Diamond costs ₤26.00 a piece, above ₤25.00")
	w.want("it is still so", time.Minute, "")
	status, err := ReadStatus(t.Context(), w.db)
	if r := status.Rules[0]; err != nil || r.Rule.Kind != PriceAbove || r.Fired == nil || len(r.Firing) != 1 || !status.Evaluated.Equal(w.now) {
		t.Errorf("the status is %+v, %v", status, err)
	}
	w.sell(200, 1000)
	w.want("it has become cheap", time.Minute, "Diamond costs ₤10.00 a piece, below ₤15.00")
	w.sell(600, 2600)
	w.want("and dear again", time.Minute, "Diamond costs ₤26.00 a piece, above ₤25.00")
}

func TestOffersAreTold(t *testing.T) {
	w := newWatched(t, Rule{Kind: SpreadAbove, Of: "diamond", Value: "40%"}, Rule{Kind: StockAppears, Of: "diamond"}, Rule{Kind: StockEnds, Of: "diamond"}, Rule{Kind: ShopEmpty, Of: "stall", Recovery: true})
	w.want("nothing was ever offered", time.Minute, "")
	if got := w.problem(ShopEmpty); got != "it offers nothing to sell" {
		t.Errorf("the problem is %q", got)
	}
	w.offer(pointerTo[int64](1000), pointerTo[int64](900), 5)
	w.want("something is offered", time.Minute, "Diamond is in stock")
	w.offer(pointerTo[int64](1500), pointerTo[int64](900), 5)
	w.want("it is offered for more", time.Minute, "The spread of Diamond is 50.0 %, above 40.0 %")
	w.offer(pointerTo[int64](1500), pointerTo[int64](900), 0)
	w.want("it is sold out", time.Minute, "Ann, Oak Street is empty | Diamond is out of stock")
	w.offer(pointerTo[int64](1500), pointerTo[int64](900), 3)
	w.want("it is there again", time.Minute, "Ann, Oak Street has stock again | Diamond is in stock")
}

func TestPaymentsAreToldOnceEachAndTogether(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00"}, Rule{Kind: AccountPaid, Of: "bob", Value: "10.00"})
	w.pay(time.Minute, "bob", "ann", 5000)
	w.want("what was there before the rule is no news", time.Minute, "")
	w.pay(time.Minute, "bob", "ann", 1000)
	w.want("it is not more than that", time.Minute, "")
	w.pay(time.Minute, "bob", "ann", 1001)
	w.want("it is", 30*time.Second, "Bob paid ₤10.01 to Ann | Ann received ₤10.01 from Bob")
	w.want("it was told", 30*time.Second, "")
	w.pay(48*time.Hour, "cara", "ann", 9000)
	w.want("it was two days ago, and is written now", 30*time.Second, "")
	for range 7 {
		w.pay(time.Minute, "cara", "ann", 2000)
	}
	w.want("there are many", 30*time.Second, "Ann received 7 amounts above ₤10.00")
	for range 12 {
		w.want("they were told", 30*time.Second, "")
	}

	// Accounts that are merged are one.
	w.append(ledger.Batch{Accounts: []ledger.Account{{Ref: "eve", Kind: ledger.Personal, Opened: w.now.Add(-time.Hour)}}, Merges: []ledger.Merge{{Account: "eve", Into: "ann"}}})
	w.pay(time.Minute, "cara", "eve", 2500)
	w.pay(time.Minute, "eve", "ann", 2500)
	w.want("what is paid to a merged account is, and within one it is not", 30*time.Second, "Ann received ₤25.00 from Cara")

	// After an hour in which no process was there, each is told once.
	w.now = w.now.Add(time.Hour)
	w.pay(30*time.Minute, "cara", "ann", 3000)
	w.want("no process was there", 0, "Ann received ₤30.00 from Cara")
	w.want("it was told", 30*time.Second, "")
}

// A float has no place for all digits of such an amount.
func TestALargeAmountIsComparedToTheLastDigit(t *testing.T) {
	w := newWatched(t, Rule{Name: "less", Kind: AccountReceived, Of: "ann", Value: "90071992547409.92"}, Rule{Name: "same", Kind: AccountReceived, Of: "ann", Value: "90071992547409.93"})
	w.later(time.Minute)
	w.pay(time.Minute, "mint", "ann", 9_007_199_254_740_993)
	w.want("it is more than one of the two", time.Minute, "Ann received ₤90,071,992,547,409.93 from mint")
}

// Of more than 200 payments or sales in a window the latest 200 are read.
func TestHundredsInAWindowAreToldOnceAndNotAsFewer(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountPaid, Of: "bob", Value: "10.00"}, Rule{Kind: ShopSold, Of: "stall"})
	w.later(time.Minute)
	var b ledger.Batch
	for range 250 {
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "test", Ref: w.ref(), At: w.now, Source: "pay",
			Postings: []ledger.Posting{{Account: "bob", Amount: -1001}, {Account: "ann", Amount: 1001}}})
	}
	w.append(b)
	w.sell(250, 500)
	w.want("they are many", 30*time.Second, "Bob paid at least 200 amounts above ₤10.00 | Ann, Oak Street sold at least 200 times, at least ₤1,000.00 in all")
	for range 12 {
		w.want("they were told", 30*time.Second, "")
	}
}

func TestATransactionThatIsCommittedLateIsTold(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00"})
	w.later(time.Minute)
	p, err := ledger.New(w.db).Begin(t.Context(), ledger.Batch{Transactions: []ledger.Transaction{{Origin: "late", Ref: "1", At: w.now, Source: "pay",
		Postings: []ledger.Posting{{Account: "bob", Amount: -4000}, {Account: "ann", Amount: 4000}}}}})
	if err != nil {
		t.Fatal(err)
	}
	w.pay(0, "cara", "ann", 2000) // its id is higher
	w.want("one of two is committed", time.Minute, "Ann received ₤20.00 from Cara")
	if _, err := p.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want("the other one is", 30*time.Second, "Ann received ₤40.00 from Bob")
	w.want("both were told", 30*time.Second, "")
}

func TestSalesOfAShopAreTold(t *testing.T) {
	w := newWatched(t, Rule{Kind: ShopSold, Of: "stall"})
	w.sell(3, 500)
	w.want("what was there before the rule is no news", time.Minute, "")
	w.sell(1, 700)
	w.want("it sold something", time.Minute, "Ann, Oak Street sold 1 × Diamond for ₤7.00")
	w.sell(2, 800)
	w.want("it sold more", time.Minute, "Ann, Oak Street sold 2 times, ₤16.00 in all")
	w.want("that was told", time.Minute, "")
}

func TestHiddenHoldersAreNamedNowhere(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00", Public: true}, Rule{Kind: AccountPaid, Of: "cara", Value: "10.00", Public: true})
	w.later(time.Minute)
	w.append(ledger.Batch{Holders: []ledger.Holder{{Ref: "bob", Hidden: true}}})
	w.pay(time.Minute, "bob", "ann", 2000)
	w.want("a hidden holder pays", time.Minute, "Ann received ₤20.00 from hidden holder")
	w.pay(time.Minute, "cara", "ann", 3000)
	w.want("another one pays", time.Minute, "Cara paid ₤30.00 to Ann | Ann received ₤30.00 from Cara")
	told := func() int {
		sent, err := ReadSent(t.Context(), w.db, SentQuery{views.ShowsDealings})
		if err != nil {
			t.Fatal(err)
		}
		return len(sent.Alerts)
	}
	if got := told(); got != 3 {
		t.Errorf("%d alerts are public, want 3", got)
	}
	w.append(ledger.Batch{Holders: []ledger.Holder{{Ref: "cara", Hidden: true}}})
	if got := told(); got != 1 {
		t.Errorf("%d alerts are public when Cara is hidden, want the one that does not name her", got)
	}
	w.pay(time.Minute, "cara", "bob", 3000)
	w.want("a rule is about somebody who is hidden now", time.Minute, "")
	if got := w.problem(AccountPaid); got != `there is no account "cara", or its holder is hidden` {
		t.Errorf("the problem is %q", got)
	}
}

func TestWhatIsPublicFollowsWhatItsReaderMaySee(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00", Public: true, To: []string{}}, Rule{Kind: StockAppears, Of: "diamond", Public: true}, Rule{Kind: ShopEmpty, Of: "stall", Public: true}, Rule{Kind: ShopSold, Of: "stall"})
	w.later(time.Minute)
	w.pay(0, "bob", "ann", 2000)
	w.sell(1, 500)
	w.offer(pointerTo[int64](1500), nil, 5)
	w.later(time.Minute)
	w.offer(pointerTo[int64](1500), nil, 0)
	w.later(time.Minute)
	for level, want := range map[views.Level]string{
		views.ShowsNames: "", views.ShowsSums: "Diamond is in stock", views.ShowsBalances: "Ann, Oak Street is empty, Diamond is in stock",
		views.ShowsDealings: "Ann, Oak Street is empty, Ann received ₤20.00 from Bob, Diamond is in stock",
	} {
		sent, err := ReadSent(t.Context(), w.db, SentQuery{level})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, a := range sent.Alerts {
			got = append(got, a.Title)
		}
		if len(got) > 2 && got[1] > got[2] { // of one window
			got[1], got[2] = got[2], got[1]
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("of level %d are public %q, want %q", level, text, want)
		}
	}
}

func TestIndicatorsBooksAndSourcesAreTold(t *testing.T) {
	w := newWatched(t, Rule{Kind: IndicatorMoves}, Rule{Kind: BooksWrong, Recovery: true}, Rule{Kind: SyncDrift, Of: "game", Recovery: true}, Rule{Kind: SyncLate, Value: "10m", Rearm: 0.02, Recovery: true})
	compared := w.now
	set := func(money aggregates.State, books aggregates.State, drifting int64, age float64) {
		w.soundness = aggregates.Soundness{Signs: []aggregates.Sign{{Name: "money", Title: "Money", State: money}, {Name: "leader", Title: "Largest item", State: aggregates.StateNone}}, Books: aggregates.Books{State: books}}
		w.followed = aggregates.Followed{Sources: []aggregates.FollowedSource{{Name: "game", Age: &age, Compared: &compared, Accounts: 9, Drifting: drifting}, {Name: "new"}}}
	}
	set(aggregates.StateWatch, aggregates.StateGood, 0, 1)
	w.want("all is as it is", time.Minute, "")
	set(aggregates.StateWatch, aggregates.StateBad, 2, 601)
	w.want("books, balances and a source are wrong", time.Minute, "The books are wrong | 2 accounts have another balance in game | game is 10 min late")
	set(aggregates.StateGood, aggregates.StateGood, 0, 595)
	w.want("the source is hardly better", time.Minute, "The books are right again | Money: to be watched before, now good | All balances are those of game")
	set(aggregates.StateGood, aggregates.StateGood, 0, 2)
	w.want("the source is in step", time.Minute, "game is in step again")
	w.want("nothing has changed", time.Minute, "")
}

func TestAnIndicatorWaits(t *testing.T) {
	w := newWatched(t, Rule{Kind: IndicatorMoves, Lasts: 15 * time.Minute})
	w.soundness.Signs = []aggregates.Sign{{Name: "money", Title: "Money", State: aggregates.StateGood}}
	w.later(time.Minute)
	w.soundness.Signs = []aggregates.Sign{{Name: "money", Title: "Money", State: aggregates.StateBad}}
	w.want("it has changed", time.Minute, "")
	w.want("for 14 minutes", 14*time.Minute, "")
	w.want("for 15 minutes", time.Minute, "Money: good before, now bad")
}

// Whatever the number of processes, one evaluates a window.
func TestOneProcessOfManyEvaluatesAWindow(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00"}, Rule{Kind: BooksWrong})
	w.later(time.Minute)
	for range 3 {
		w.now = w.now.Add(window)
		w.soundness.Books.State = map[aggregates.State]aggregates.State{aggregates.StateBad: aggregates.StateGood}[w.soundness.Books.State]
		if w.soundness.Books.State == "" {
			w.soundness.Books.State = aggregates.StateBad
		}
		w.pay(time.Minute, "bob", "ann", 2000)
		var work sync.WaitGroup
		for range 6 {
			e, end := w.evaluator()
			work.Go(func() {
				defer end()
				for range 3 {
					if err := e.Evaluate(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		work.Wait()
	}
	if got, want := w.titles(""), "Ann received ₤20.00 from Bob | The books are wrong | Ann received ₤20.00 from Bob | Ann received ₤20.00 from Bob | The books are wrong"; got != want {
		t.Errorf("alerts are %q, want %q", got, want)
	}
	var deliveries int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM alert_deliveries`).Scan(&deliveries); err != nil || deliveries != 5 {
		t.Errorf("%d messages, %v, want 5", deliveries, err)
	}
}

func TestAProcessThatDiesWhileItEvaluatesLosesNothing(t *testing.T) {
	w := newWatched(t, Rule{Kind: AccountReceived, Of: "ann", Value: "10.00"})
	w.later(time.Minute)
	w.pay(0, "bob", "ann", 2000)
	w.now = w.now.Add(window)

	// It has the lock, and is frozen.
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock($1)`, lockID); err != nil {
		t.Fatal(err)
	}
	w.want("another process has the lock", 0, "")
	if err := tx.Conn().Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = tx.Rollback(t.Context())
	for deadline := time.Now().Add(10 * time.Second); w.later(0) == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no process took over within 10 s")
		}
	}
	if got := w.titles(""); got != "Ann received ₤20.00 from Bob" {
		t.Errorf("alerts are %q", got)
	}
}

// A rule that is written anew is armed anew; one that is only sent to others is not.
func TestAChangedRuleBeginsAnew(t *testing.T) {
	rule := Rule{Kind: BooksWrong}
	w := newWatched(t, rule)
	w.soundness.Books.State = aggregates.StateBad
	w.want("the books are wrong", time.Minute, "The books are wrong")
	if status, err := ReadStatus(t.Context(), w.db); err != nil || status.Rules[0].Fired == nil {
		t.Errorf("the status is %+v, %v", status, err)
	}
	rule.Public = true
	w.use(rule)
	w.want("the rule is public now", time.Minute, "")
	rule.Lasts = time.Second
	w.use(rule)
	w.want("the rule is another one", time.Minute, "")
	w.want("and holds", time.Minute, "The books are wrong")
}

func TestWhatIsOldIsDeleted(t *testing.T) {
	w := newWatched(t, Rule{Kind: BooksWrong})
	w.soundness.Books.State = aggregates.StateBad
	w.want("the books are wrong", time.Minute, "The books are wrong")
	w.later(29 * 24 * time.Hour)
	if got := w.titles(""); got == "" {
		t.Error("after 29 days it is gone")
	}
	w.later(2 * 24 * time.Hour)
	if got := w.titles(""); got != "" {
		t.Errorf("after 31 days there is %q", got)
	}
	deliveries, err := Deliveries(t.Context(), w.db, 10)
	if err != nil || len(deliveries) != 0 {
		t.Errorf("after 31 days there are %v, %v", deliveries, err)
	}
}

func TestNoMoreThanSomeMessagesWaitForAReceiver(t *testing.T) {
	w := newWatched(t, Rule{Kind: BooksWrong})
	w.later(time.Minute)
	if _, err := w.db.Exec(t.Context(), `INSERT INTO alert_deliveries (alert, owner, receiver, status, created) SELECT 'old' || n, '', 'hook', 'pending', $2 FROM generate_series(1, $1::int) n`, mostPending, w.now); err != nil {
		t.Fatal(err)
	}
	w.soundness.Books.State = aggregates.StateBad
	w.want("the books are wrong", time.Minute, "The books are wrong")
	deliveries, err := Deliveries(t.Context(), w.db, 10)
	if err != nil || len(deliveries) != 1 || deliveries[0].Status != "dropped" {
		t.Errorf("the message is %+v, %v, want that it is dropped", deliveries, err)
	}
}
