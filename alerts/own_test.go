package alerts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/aggregates"
	"exchequer/internal/postgres"
	"exchequer/ledger"
	"exchequer/views"
)

func (w *watched) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// claim makes an account somebody's.
func (w *watched) claim(subject, account string) {
	w.t.Helper()
	w.exec(`INSERT INTO claims (subject, account, code, asked, proven) VALUES ($1, $2, '', now(), now())`, subject, account)
}

func (w *watched) own() *Own {
	return NewOwn(w.db, func() ledger.Settings { return settings })
}

// add makes a rule of somebody who sees everything, and fails if it is refused.
func (w *watched) add(r Rule) {
	w.t.Helper()
	if err := w.own().AddRule(w.t.Context(), r, views.ShowsDealings); err != nil {
		w.t.Fatal(err)
	}
}

// toldTo returns the titles of all alerts of somebody.
func (w *watched) toldTo(owner string) string {
	w.t.Helper()
	return w.titles(`WHERE owner = $1`, owner)
}

func (w *watched) read(owner string) views.MyAlerts {
	w.t.Helper()
	m, err := w.own().Read(w.t.Context(), owner)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func refusedWith(err error) string {
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		return refused.Text
	}
	return fmt.Sprint(err)
}

func TestPeopleWatchWhatIsTheirs(t *testing.T) {
	w := newWatched(t)
	w.claim("u1", "ann")
	w.claim("u2", "bob")
	w.add(Rule{Owner: "u1", Kind: AccountReceived, Of: "ann", Value: "₤10"})
	w.add(Rule{Owner: "u1", Kind: ShopSold, Of: "stall"})
	w.add(Rule{Owner: "u1", Kind: StockAppears, Of: "diamond"})
	w.add(Rule{Owner: "u2", Kind: AccountReceived, Of: "bob", Value: "10"})
	w.exec(`UPDATE own_rules SET name = 'same' WHERE definition->>'when' = 'account_received'`) // each of their own
	w.later(time.Minute)
	w.pay(0, "cara", "ann", 2000)
	w.sell(1, 500)
	w.offer(pointerTo[int64](1000), nil, 5)
	w.later(time.Minute)
	if got, want := w.toldTo("u1"), "Ann, Oak Street sold 1 × Diamond for ₤5.00"; !strings.Contains(got, want) || !strings.Contains(got, "Ann received ₤20.00 from Cara") || !strings.Contains(got, "Diamond is in stock") {
		t.Errorf("Ann is told %q", got)
	}
	if got := w.toldTo("u2"); got != "" {
		t.Errorf("Bob is told %q", got)
	}
	w.pay(0, "cara", "bob", 3000)
	w.later(time.Minute)
	if got := w.toldTo("u2"); got != "Bob received ₤30.00 from Cara" {
		t.Errorf("Bob is told %q", got)
	}
	if m := w.read("u2"); len(m.Rules) != 1 || m.Rules[0].Fired == nil || m.Rules[0].Problem != "" {
		t.Errorf("Bob sees %+v", m.Rules)
	}
}

func TestARuleOfSomebodyIsRefused(t *testing.T) {
	w := newWatched(t)
	w.append(ledger.Batch{
		Accounts: []ledger.Account{{Ref: "eve", Kind: ledger.Personal, Opened: w.now.Add(-time.Hour)}},
		Holders:  []ledger.Holder{{Ref: "eve", Hidden: true}},
	})
	w.claim("u1", "bob")
	w.claim("u1", "eve")
	w.exec(`INSERT INTO claims (subject, account, code, asked) VALUES ('u1', 'cara', 'EX-1', now())`)
	for what, c := range map[string]struct {
		rule Rule
		sees views.Level
		want string
	}{
		"an account of somebody else":  {Rule{Kind: AccountReceived, Of: "ann", Value: "1"}, views.ShowsDealings, "This account is not proven to be yours, or its holder is hidden."},
		"a claim that is not proven":   {Rule{Kind: AccountPaid, Of: "cara", Value: "1"}, views.ShowsDealings, "This account is not proven to be yours, or its holder is hidden."},
		"a hidden account":             {Rule{Kind: AccountPaid, Of: "eve", Value: "1"}, views.ShowsDealings, "This account is not proven to be yours, or its holder is hidden."},
		"a shop of somebody else":      {Rule{Kind: ShopSold, Of: "stall"}, views.ShowsDealings, "This shop belongs to none of the accounts that are proven to be yours."},
		"the books":                    {Rule{Kind: BooksWrong}, views.ShowsDealings, "Choose what is watched."},
		"a source":                     {Rule{Kind: SyncLate, Value: "10m"}, views.ShowsDealings, "Choose what is watched."},
		"no kind":                      {Rule{Kind: "reign"}, views.ShowsDealings, "Choose what is watched."},
		"no price":                     {Rule{Kind: PriceAbove, Of: "diamond", Value: "dear"}, views.ShowsDealings, "Write the price of a piece, more than 0, such as 12.50."},
		"too many decimals":            {Rule{Kind: AccountPaid, Of: "bob", Value: "1.005"}, views.ShowsDealings, "Write an amount, more than 0, such as 1000.00."},
		"no item":                      {Rule{Kind: StockEnds}, views.ShowsDealings, "Name the item that is watched."},
		"somebody else's receiver":     {Rule{Kind: StockEnds, Of: "diamond", To: []string{"hook"}}, views.ShowsDealings, "This one is not there any more."},
		"a price, for viewers only":    {Rule{Kind: PriceAbove, Of: "diamond", Value: "1"}, views.ShowsNames, "This is shown to viewers only; open this page as one at least every 30 days."},
		"an indicator, for viewers":    {Rule{Kind: IndicatorMoves}, views.ShowsNothing, "This is shown to viewers only; open this page as one at least every 30 days."},
		"a receiver that is no name":   {Rule{Kind: StockEnds, Of: "diamond", To: []string{"\x00"}}, views.ShowsDealings, "This one is not there any more."},
		"nobody who has signed in yet": {Rule{Owner: operators, Kind: StockEnds, Of: "diamond"}, views.ShowsDealings, "nobody has signed in"},
	} {
		if what != "nobody who has signed in yet" {
			c.rule.Owner = "u1"
		}
		if got := refusedWith(w.own().AddRule(t.Context(), c.rule, c.sees)); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
	if m := w.read("u1"); len(m.Rules) != 0 {
		t.Errorf("there are %+v", m.Rules)
	}
}

// A rule that cannot be evaluated has a problem, and the others are told.
func TestABadRuleOfSomebodyEndsNoOther(t *testing.T) {
	w := newWatched(t)
	w.claim("u1", "ann")
	w.add(Rule{Owner: "u1", Kind: AccountReceived, Of: "ann", Value: "10"})
	for name, definition := range map[string]string{
		"a": `{"when": "account_received", "of": "ann", "value": "10.005"}`, // of a time with more decimals
		"b": `{"when": "price_above", "of": "gone", "value": "1"}`,
		"c": `{"when": 7}`,
		"d": `{"when": "books", "public": true}`,
	} {
		w.exec(`INSERT INTO own_rules VALUES ('u1', $1, $2, now())`, name, definition)
	}
	w.soundness.Books.State = aggregates.StateBad
	w.later(time.Minute)
	w.pay(0, "bob", "ann", 2000)
	w.want("one is right", time.Minute, "Ann received ₤20.00 from Bob")
	problems := map[string]string{}
	for _, r := range w.read("u1").Rules {
		problems[r.Name[:1]] = r.Problem
	}
	for name, want := range map[string]string{
		"a": `value = "10.005": want an amount such as "1000.00", with 2 decimals at most`, "b": `the list of items has no "gone"`,
		"c": "this version of the site does not know it", "d": "only the operators may watch this", "r": "",
	} {
		if problems[name] != want {
			t.Errorf("the problem of %s is %q, want %q", name, problems[name], want)
		}
	}
}

// What ends with a claim is not made up for when it is proven again.
func TestARuleIsSilentWhileItsAccountIsNotTheirs(t *testing.T) {
	w := newWatched(t)
	w.claim("u1", "ann")
	w.add(Rule{Owner: "u1", Kind: AccountReceived, Of: "ann", Value: "10"})
	w.later(time.Minute)
	w.exec(`DELETE FROM claims`)
	w.pay(0, "bob", "ann", 2000)
	w.want("the claim has ended", time.Minute, "")
	if m := w.read("u1"); m.Rules[0].Problem != "this account is not proven to be yours, or its holder is hidden" {
		t.Errorf("the rule is %+v", m.Rules[0])
	}
	w.claim("u1", "ann")
	w.want("it is theirs again", time.Minute, "")
	w.pay(0, "bob", "ann", 3000)
	w.want("and receives something", time.Minute, "Ann received ₤30.00 from Bob")
	token, err := w.own().NewFeed(t.Context(), "u1", views.ShowsDealings)
	if err != nil {
		t.Fatal(err)
	}
	feed := func(want int) {
		t.Helper()
		if sent, is, err := w.own().Feed(t.Context(), token, w.shows); len(sent) != want || !is || err != nil {
			t.Errorf("the feed has %+v, %v, %v; want %d", sent, is, err, want)
		}
	}
	feed(1)
	w.append(ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}})
	w.pay(0, "bob", "ann", 4000)
	w.want("she is hidden", time.Minute, "")
	feed(0)
	if _, is, err := w.own().Feed(t.Context(), token[1:], w.shows); is || err != nil {
		t.Errorf("another token: %v, %v", is, err)
	}
}

func TestWhatIsForViewersIsToldToViewers(t *testing.T) {
	w := newWatched(t)
	w.shows = views.ShowsNothing
	w.add(Rule{Owner: "u1", Kind: StockAppears, Of: "diamond"})
	w.later(time.Minute)
	w.offer(pointerTo[int64](1000), nil, 5)
	w.want("a viewer", time.Minute, "Diamond is in stock")
	if err := w.own().Seen(t.Context(), "u1", views.ShowsNothing); err != nil {
		t.Fatal(err)
	}
	w.offer(pointerTo[int64](1000), nil, 0)
	w.later(time.Minute)
	w.offer(pointerTo[int64](1000), nil, 5)
	w.want("a viewer no more", time.Minute, "")
	if err := w.own().Seen(t.Context(), "u1", views.ShowsDealings); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE own_people SET seen = now() - interval '31 days'`)
	w.want("one who was not here for a month", time.Minute, "")
	if m := w.read("u1"); !strings.HasPrefix(m.Rules[0].Problem, "this is shown to viewers only") {
		t.Errorf("the rule is %+v", m.Rules[0])
	}
}

func TestSomebodyHasSoManyAlertsADay(t *testing.T) {
	w := newWatched(t)
	w.claim("u1", "ann")
	w.add(Rule{Owner: "u1", Kind: AccountReceived, Of: "ann", Value: "10"})
	w.later(time.Minute)
	w.exec(`INSERT INTO alerts SELECT 'old' || n, 'u1', 'rule', 'books', 'x', $2, 'Old', '', '/', false, 1, '{}', '{}' FROM generate_series(1, $1::int) n`, MostADay-1, w.now)
	w.pay(0, "bob", "ann", 2000)
	w.want("one more", time.Minute, "Ann received ₤20.00 from Bob")
	w.pay(0, "bob", "ann", 3000)
	w.want("one too many", time.Minute, "")
	w.want("it is counted once", time.Minute, "")
	if m := w.read("u1"); m.Rules[0].Unsent != 1 {
		t.Errorf("the rule is %+v", m.Rules[0])
	}
	w.now = w.now.Add(25 * time.Hour)
	w.append(ledger.Batch{Transactions: []ledger.Transaction{{Origin: "test", Ref: w.ref(), At: time.Now(), Source: "pay",
		Postings: []ledger.Posting{{Account: "bob", Amount: -4000}, {Account: "ann", Amount: 4000}}}}})
	w.want("a day later", time.Minute, "Ann received ₤40.00 from Bob")
	if m := w.read("u1"); m.Rules[0].Unsent != 0 {
		t.Errorf("the rule is %+v", m.Rules[0])
	}
}

func TestWhatPeopleHaveIsBounded(t *testing.T) {
	w := newWatched(t)
	own := w.own()
	for range MostRules {
		w.add(Rule{Owner: "u1", Kind: StockEnds, Of: "diamond"})
	}
	one := Rule{Owner: "u1", Kind: StockEnds, Of: "diamond"}
	if got := refusedWith(own.AddRule(t.Context(), one, views.ShowsDealings)); got != "You have 20 rules. Remove one first." {
		t.Errorf("a rule too many: %q", got)
	}
	var hook string
	for range MostReceivers {
		name, secret, err := own.AddReceiver(t.Context(), "u1", Webhook, "https://hooks.example.org/hush?x=hush")
		if err != nil || !strings.HasPrefix(secret, secretPrefix) {
			t.Fatal(err, secret)
		}
		hook = name
	}
	if _, _, err := own.AddReceiver(t.Context(), "u1", Slack, "https://hooks.example.org/x"); refusedWith(err) != "You have 3 receivers. Remove one first." {
		t.Errorf("a receiver too many: %v", err)
	}
	for range mostTests {
		if err := own.Test(t.Context(), "u1", hook); err != nil {
			t.Fatal(err)
		}
	}
	if err := own.Test(t.Context(), "u1", hook); refusedWith(err) != "5 tests were sent in the last hour. Wait a while." {
		t.Errorf("a test too many: %v", err)
	}
	m := w.read("u1")
	if len(m.Deliveries) != mostTests || m.Deliveries[0].Title != "A test of "+hook || m.Receivers[0].Host != "hooks.example.org" || strings.Contains(fmt.Sprintf("%+v", m), "hush") {
		t.Errorf("there are %+v", m)
	}
	// Nothing of it is anybody else's.
	if err := own.Test(t.Context(), "u2", hook); refusedWith(err) != errGone.Error() {
		t.Errorf("somebody else tests it: %v", err)
	}
	if err := errors.Join(own.RemoveReceiver(t.Context(), "u2", hook), own.RemoveRule(t.Context(), "u2", m.Rules[0].Name)); err != nil {
		t.Error(err)
	}
	if other := w.read("u2"); len(other.Rules)+len(other.Receivers)+len(other.Deliveries) > 0 {
		t.Errorf("somebody else sees %+v", other)
	}
	if err := own.RemoveRule(t.Context(), "u1", m.Rules[0].Name); err != nil {
		t.Error(err)
	}
	one.To = []string{hook}
	w.add(one)
	if err := own.RemoveReceiver(t.Context(), "u1", hook); err != nil {
		t.Error(err)
	}
	m = w.read("u1")
	if len(m.Rules) != MostRules || len(m.Receivers) != MostReceivers-1 || len(m.Rules[MostRules-1].To) != 0 || m.Deliveries[0].Status != "dropped" {
		t.Errorf("there are %+v", m)
	}

	w.exec(`INSERT INTO own_rules SELECT 'other' || n, 'r', '{}', now() FROM generate_series(1, $1::int) n`, mostOwn-MostRules)
	if got := refusedWith(own.AddRule(t.Context(), Rule{Owner: "u3", Kind: StockEnds, Of: "diamond"}, views.ShowsDealings)); got != "All 2000 places of this site are taken. Who runs it may know more." {
		t.Errorf("a rule too many of all: %q", got)
	}
}

func TestAnAddressThatIsNotPublicIsRefused(t *testing.T) {
	w := newWatched(t)
	for _, address := range []string{"", "http://example.org/", "https://", "https://user:pw@example.org/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3/", "https://169.254.169.254/", "https://[::ffff:10.0.0.1]/", "https://example.org/\xff"} {
		if _, _, err := w.own().AddReceiver(t.Context(), "u1", Discord, address); !errors.As(err, new(*RefusedError)) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, _, err := w.own().AddReceiver(t.Context(), "u1", Email, "smtp://mail.example.org"); !errors.As(err, new(*RefusedError)) {
		t.Errorf("a mail: %v", err)
	}
}

// What the operators allow is not for people, and an outcome tells nothing of where a
// name leads to.
func TestTheOperatorsNetworksAreNotForPeople(t *testing.T) {
	for address, want := range map[string]string{"https://localhost:1/": "its address is not a public one", "https://nobody.invalid/": "its name is not known"} {
		q := newQueueOf(t, "u1", "hook", 1)
		q.exec(`INSERT INTO own_receivers (owner, name, kind, url, secret, made) VALUES ('u1', 'hook', 'discord', $1, '', now())`, address)
		d := q.deliverer(hookAt("http://127.0.0.1:1/")) // an operators' one of the same name
		d.Peoples = NewPeoplesSender("test")
		if more, err := d.DeliverOwn(t.Context()); !more || err != nil {
			t.Fatal(more, err)
		}
		q.want("id00 pending 1 " + want)
		if said := q.log.String(); strings.Contains(said, "localhost") || strings.Contains(said, "nobody.invalid") || strings.Contains(said, "u1") {
			t.Errorf("the log has %s", said)
		}
		if more, err := d.Deliver(t.Context()); more || err != nil {
			t.Errorf("the operators' receiver is sent it: %v, %v", more, err)
		}
	}
}

// A message that waits while its receiver fails is not sent when what it is about is
// hidden, or no longer theirs.
func TestWhatTheyMayNoLongerSeeIsNotSent(t *testing.T) {
	q := newQueueOf(t, "u1", "hook", 1)
	q.exec(`INSERT INTO own_receivers (owner, name, kind, url, secret, made) VALUES ('u1', 'hook', 'discord', 'https://localhost:1/', '', now())`)
	q.exec(`UPDATE alerts SET kind = 'account_paid', subject = 'ann'`)
	if _, err := q.deliverer().DeliverOwn(t.Context()); err != nil {
		t.Fatal(err)
	}
	q.want("id00 dropped 0 it may no longer be shown to you")
}

// A counter counts statements.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestManyRulesAreEvaluatedByFewQueries(t *testing.T) {
	w := newWatched(t)
	w.exec(`INSERT INTO own_people SELECT 'u' || n, 5, now() FROM generate_series(1, 100) n`)
	w.exec(`INSERT INTO claims SELECT 'u' || n, a, '', now(), now() FROM generate_series(1, 100) n, unnest(ARRAY['ann', 'bob']) a`)
	w.exec(`
		INSERT INTO own_rules SELECT 'u' || n, 'rule-' || kind || m, jsonb_build_object('when', kind, 'of', thing, 'value', value, 'rearm', 0.02, 'to', '[]'::jsonb), now()
		FROM generate_series(1, 100) n, generate_series(1, 4) m,
			(VALUES ('price_above', 'diamond', '25'), ('stock_ends', 'diamond', ''), ('account_received', 'ann', '10'), ('shop_sold', 'stall', ''), ('shop_empty', 'stall', '')) AS k (kind, thing, value)`)
	w.sell(20, 2000)
	w.offer(pointerTo[int64](1500), nil, 5)
	w.later(time.Minute)
	c := &counter{}
	db, err := postgres.Open(t.Context(), w.db.Config().ConnString(), postgres.Options{Tracer: c})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w.now = w.now.Add(time.Minute)
	e, end := w.evaluator()
	e.DB = db
	err = e.Evaluate(t.Context())
	end()
	if err != nil {
		t.Fatal(err)
	}
	var evaluated int
	if err := w.db.QueryRow(t.Context(), `SELECT count(*) FROM alert_rules WHERE evaluated = $1 AND problem = ''`, w.now).Scan(&evaluated); err != nil || evaluated != 2000 {
		t.Errorf("%d rules were evaluated, %v", evaluated, err)
	}
	if got := c.n.Load(); got > 30 {
		t.Errorf("%d queries for 2,000 rules", got)
	}
	w.pay(0, "bob", "ann", 2000)
	w.later(time.Minute)
	if got := strings.Count(w.titles(`WHERE owner <> ''`), "Ann received ₤20.00 from Bob"); got != 400 {
		t.Errorf("%d alerts, want one of each rule", got)
	}
}

func TestPeoplesKindsAreThoseOfTheForm(t *testing.T) {
	var offered []string
	for _, k := range views.RuleKinds() {
		offered = append(offered, k.Kind)
	}
	for _, k := range Kinds() {
		if is := strings.Contains(strings.Join(offered, " ")+" ", string(k)+" "); is != ofPeople(k) {
			t.Errorf("the form has %s: %v, and people may watch it: %v", k, is, ofPeople(k))
		}
	}
}
