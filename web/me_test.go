package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/claims"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/signin"
)

// keepers is a ledger in which Ann and Bob have shops. Requests with the header Subject
// are by that person.
func keepers(t *testing.T) (*httptest.Server, keeping) {
	t.Helper()
	db := testkit.Postgres(t)
	l := ledger.New(db)
	now := time.Now().UTC().Truncate(time.Second)
	amount := func(n int64) *int64 { return &n }
	if _, err := l.Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{
			{Ref: "ann", Kind: ledger.Personal, Name: "Ann"}, {Ref: "bob", Kind: ledger.Personal, Name: "Bob"}, {Ref: "mint", Kind: ledger.System},
			{Ref: "twin1", Kind: ledger.Personal, Name: "Twin"}, {Ref: "twin2", Kind: ledger.Personal, Name: "Twin"},
		},
		Items: []ledger.Item{{Ref: "apple", Name: "Apple"}, {Ref: "pear", Name: "Pear"}, {Ref: "plum", Name: "Plum"}},
		Shops: []ledger.Shop{{Ref: "stall", Owner: "ann", Place: "Market 1", Active: true, Seen: now}, {Ref: "booth", Owner: "bob", Place: "Market 2", Active: true, Seen: now}},
		Offers: []ledger.Offer{
			{Shop: "stall", Ref: "1", Item: "apple", Ask: amount(1000), Batch: 1, Stock: amount(0), Active: true, Seen: now},
			{Shop: "stall", Ref: "2", Item: "pear", Ask: amount(1600), Batch: 2, Stock: amount(8), Active: true, Seen: now},
			{Shop: "stall", Ref: "3", Item: "plum", Bid: amount(300), Batch: 1, Stock: amount(5), Capacity: amount(5), Active: true, Seen: now},
			{Shop: "booth", Ref: "1", Item: "pear", Ask: amount(700), Batch: 1, Stock: amount(1), Active: true, Seen: now},
			{Shop: "booth", Ref: "2", Item: "pear", Ask: amount(1), Batch: 1, Stock: amount(0), Active: true, Seen: now},
			{Shop: "booth", Ref: "3", Item: "plum", Bid: amount(250), Batch: 1, Active: true, Seen: now},
		},
		Transactions: []ledger.Transaction{{Origin: "t", Ref: "1", At: now.Add(-2 * time.Hour), Source: "grant", Postings: []ledger.Posting{{Account: "mint", Amount: -123_456}, {Account: "ann", Amount: 123_456}}}},
		Sales: []ledger.Sale{
			{Origin: "t", Ref: "1", At: now.Add(-time.Hour), Item: "apple", Direction: ledger.DirectionSale, Shop: "stall", Seller: "ann", Buyer: "bob", Quantity: 2, Total: 2050},
			{Origin: "t", Ref: "2", At: now.AddDate(0, 0, -8), Item: "apple", Direction: ledger.DirectionSale, Shop: "stall", Seller: "ann", Buyer: "bob", Quantity: 50, Total: 50_000},
		},
	}); err != nil {
		t.Fatal(err)
	}
	memos := cache.New(cache.Deps{Store: cache.NewMemory()})
	t.Cleanup(func() { _ = memos.Close(context.Background()) })
	tn := newTown()
	tn.change = func(d *Deps) {
		d.API, d.Economy, d.Record = aggregates.NewAPI(memos, db), aggregates.NewEconomy(memos, db), l
		d.SignIn, d.Claims = signInService(t, db, nil), claims.NewStore(db)
		d.OwnAlerts = alerts.NewOwn(db, d.Settings)
	}
	handler, leave := tn.handler(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subject := r.Header.Get("Subject"); subject != "" {
			r = r.WithContext(signin.With(r.Context(), signin.Identity{Subject: subject, Name: subject, Role: signin.Viewer}))
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.Close(); leave() })
	return server, keeping{l, claims.NewStore(db), db}
}

type keeping struct {
	*ledger.Ledger
	claims *claims.Store
	db     *pgxpool.Pool
}

// post sends a form.
func post(t *testing.T, address string, form url.Values, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r, append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

func TestWhoClaimsAnAccountSeesWhatIsTheirs(t *testing.T) {
	server, l := keepers(t)
	at := server.URL + "/me"
	do := func(subject, what, account string) (*http.Response, string) {
		t.Helper()
		return post(t, at, url.Values{"do": {what}, "account": {account}}, "Subject", subject)
	}
	if response, _ := ask(t, "GET", at); response.StatusCode != http.StatusSeeOther || response.Header.Get("Location") != "/sign-in?next=%2Fme" {
		t.Errorf("a visitor: status %d, %s", response.StatusCode, response.Header.Get("Location"))
	}
	if response, body := ask(t, "GET", at, "Subject", "u1"); response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" || !strings.Contains(body, "No account is known to be yours yet") {
		t.Errorf("before any claim: status %d, %v: %s", response.StatusCode, response.Header, body)
	}
	if _, body := do("u1", "ask", "Twin"); !strings.Contains(body, "Several accounts are called so") || !strings.Contains(body, `value="twin2"`) {
		t.Errorf("a name of two: %s", body)
	}
	if _, body := do("u1", "ask", "nobody"); !strings.Contains(body, "No account of this name is known here.") {
		t.Errorf("a name of none: %s", body)
	}
	if response, body := do("u1", "ask", "Ann"); response.StatusCode != http.StatusSeeOther {
		t.Fatalf("a claim: status %d: %s", response.StatusCode, body)
	}
	_, body := ask(t, "GET", at, "Subject", "u1")
	code := regexp.MustCompile(`EX-[A-Z2-7]{10}`).FindString(body)
	if code == "" || strings.Contains(body, "1,234.56") {
		t.Fatalf("a claim that is not proven: %s", body)
	}
	if response, body := do("u1", "prove", "ann"); response.StatusCode != http.StatusOK || !strings.Contains(body, "No payment of ann with this code") {
		t.Errorf("without a payment: status %d: %s", response.StatusCode, body)
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Transactions: []ledger.Transaction{{
		Origin: "t", Ref: "2", At: time.Now().UTC(), Source: "pay", Message: "hello " + strings.ToLower(code),
		Postings: []ledger.Posting{{Account: "ann", Amount: -1}, {Account: "bob", Amount: 1}},
	}}}); err != nil {
		t.Fatal(err)
	}
	// Who knows the code and has not asked gets nothing by it.
	do("u2", "prove", "ann")
	if _, body := ask(t, "GET", at, "Subject", "u2"); !strings.Contains(body, "No account is known to be yours yet") {
		t.Error("somebody else has her account")
	}
	if response, body := do("u1", "prove", "ann"); response.StatusCode != http.StatusSeeOther {
		t.Fatalf("with the payment: status %d: %s", response.StatusCode, body)
	}
	_, body = ask(t, "GET", at, "Subject", "u1")
	page := parse(t, body)
	for selector, want := range map[string]string{
		"#accounts tbody tr":            "Ann",
		"#sold .body p":                 "₤20.50 by 1 sale",
		"#needs tbody tr:nth-child(1)":  "AppleMarket 1sold out",
		"#needs tbody tr:nth-child(2)":  "PlumMarket 1full",
		"#rivals tbody tr:nth-child(1)": "AppleMarket 1ask ₤10.00nobody",
		"#rivals tbody tr:nth-child(2)": "PearMarket 1ask ₤8.00₤7.00 better than yours Market 2",
		"#rivals tbody tr:nth-child(3)": "pay ₤3.00₤2.50 yours is better Market 2",
	} {
		if got := strings.Join(strings.Fields(page.Find(selector).Text()), " "); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q in it", selector, got, want)
		}
	}
	if response, _ := do("u1", "drop", "ann"); response.StatusCode != http.StatusSeeOther {
		t.Errorf("given up: status %d", response.StatusCode)
	}
	if _, body := ask(t, "GET", at, "Subject", "u1"); !strings.Contains(body, "No account is known to be yours yet") {
		t.Error("it was given up, and is still theirs")
	}
}

func TestNobodyElseChangesMyPage(t *testing.T) {
	server, _ := keepers(t)
	form := url.Values{"do": {"ask"}, "account": {"ann"}}
	if response, _ := post(t, server.URL+"/me", form, "Subject", "u1", "Sec-Fetch-Site", "cross-site"); response.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: status %d", response.StatusCode)
	}
	if response, _ := post(t, server.URL+"/me", form); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a form of a visitor: status %d", response.StatusCode)
	}
	if response, _ := post(t, server.URL+"/me", url.Values{"do": {"reign"}}, "Subject", "u1"); response.StatusCode != http.StatusBadRequest {
		t.Errorf("a form of something else: status %d", response.StatusCode)
	}
}

func TestAClaimedAccountThatIsHiddenIsShownToNobody(t *testing.T) {
	server, l := keepers(t)
	if err := l.claims.Grant(t.Context(), "u1", "ann"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), ledger.Batch{Holders: []ledger.Holder{{Ref: "ann", Hidden: true}}}); err != nil {
		t.Fatal(err)
	}
	if _, body := ask(t, "GET", server.URL+"/me", "Subject", "u1"); strings.Contains(body, "Market 1") || strings.Contains(body, "1,234") {
		t.Errorf("hidden: %s", body)
	}
}

func TestWithoutSignInThereIsNoPageOfOnesOwn(t *testing.T) {
	walk(t, samples()["town"], func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		if w := open("/me"); w.Code != http.StatusNotFound {
			t.Errorf("status %d", w.Code)
		}
	})
}

// Nothing of these pages is remembered, so who asks without end must leave the database to
// others.
func TestWhoAsksForTheirPageWithoutEndHasFewPlaces(t *testing.T) {
	server, l := keepers(t)
	slow, err := l.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := slow.Exec(t.Context(), `LOCK TABLE claims IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	const asked, wait = 20, minePlaces + ownWaits
	answers := make(chan int, asked)
	for range asked {
		go func() {
			response, _ := ask(t, "GET", server.URL+"/me", "Subject", "u1")
			answers <- response.StatusCode
		}()
	}
	for range asked - wait {
		if status := <-answers; status != http.StatusTooManyRequests {
			t.Errorf("one more than may wait: status %d", status)
		}
	}
	if err := slow.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range wait {
		if status := <-answers; status != http.StatusOK {
			t.Errorf("one who waited: status %d", status)
		}
	}
}
