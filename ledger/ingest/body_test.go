package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"exchequer/client"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/ledger/ingest"
)

// All that the client can send is read.
func TestTheClientsRecordsAreRead(t *testing.T) {
	n, now, yes := int64(3), time.Now(), true
	for kind, record := range map[string]any{
		"accounts": client.Account{Ref: "a", Kind: "personal", Issuer: &yes, Name: "A", Holder: "b", Opened: now, Archived: now},
		"transactions": client.Transaction{Origin: "o", Ref: "a", At: now, Source: "s", Message: "m",
			Postings: []client.Posting{{Account: "a", Amount: -1}, {Account: "b", Amount: 1}}},
		"sales":    client.Sale{Origin: "o", Ref: "a", At: now, Item: "i", Quantity: 1, Total: 2, Tax: 1, Shop: "s", Seller: "a", Buyer: "b", Direction: "purchase", Transaction: "t"},
		"offers":   client.Offer{Shop: "s", Ref: "r", Item: "i", Ask: &n, Bid: &n, PricedIn: "p", Batch: 1, Stock: &n, Capacity: &n, Active: true, Seen: now},
		"events":   client.Event{Ref: "e", At: now, Until: now, Title: "t", Text: "x", Link: "https://example.org", Scope: "all"},
		"balances": client.Balance{Origin: "o", Account: "a", At: now, Balance: 5},
	} {
		text, err := json.Marshal([]any{record})
		if err != nil {
			t.Fatal(err)
		}
		body, err := ingest.Read(kind, strings.NewReader(string(text)), false)
		if err != nil || body.Records != 1 || len(body.Problems()) > 0 {
			t.Errorf("Read of %s = %+v, %v", text, body.Problems(), err)
		}
	}
	text, err := json.Marshal(map[string]any{
		"items": []client.Item{{Ref: "i", Name: "I", Group: "g"}}, "shops": []client.Shop{{Ref: "s", Owner: "a", Place: "p", World: "w", X: &n, Y: &n, Z: &n, Active: true, Seen: now}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := ingest.Read("offers", strings.NewReader(string(text)), false); err != nil || body.Records != 2 || len(body.Problems()) > 0 {
		t.Errorf("Read of %s = %+v, %v", text, body, err)
	}
}

func TestFieldsAreStrict(t *testing.T) {
	for _, c := range []struct{ kind, body, want string }{
		{"events", `[{"ref":"a","ref":"b"}]`, "events[0].ref is there twice"},
		{"events", `[{"Ref":"a"}]`, "events[0].Ref is unknown: expected ref, at, until, title, text, link, scope"},
		{"events", `[{"ref":7}]`, "events[0].ref expected a text, not 7"},
		{"events", `[null]`, "events[0] is no object"},
		{"accounts", `{"accounts":[{"ref":"a","label":"b"}],"holders":[]}`, "accounts[0].label is unknown: expected ref, kind, issuer, name, holder, opened, archived; it is imported, by the native set; holders is unknown: expected accounts; it is imported, by the native set"},
		{"events", `[{"ref":"` + "\xff" + `"}]`, "events[0] is not valid UTF-8"},
		{"events", `{"events":[],"events":[]}`, "events is there twice"},
		{"offers", `[{"batch":1e3,"active":1}]`, "offers[0].batch expected a whole number that fits in 64 bits, not 1e3; offers[0].active expected true or false, not 1"},
		{"offers", `[{}]`, "offers[0].batch is missing: expected a whole number; offers[0].active is missing: expected true or false"},
		{"sales", `[{"quantity":9223372036854775808,"total":null}]`, "sales[0].quantity expected a whole number that fits in 64 bits, not 9223372036854775808; sales[0].total is missing: expected a whole number"},
		{"transactions", `[{"postings":{}}]`, "transactions[0].postings expected a list, not {}"},
		{"transactions", `[{"postings":[7,{"account":"a","amount":1,"x":2}]}]`, "transactions[0].postings[0] is no object; transactions[0].postings[1].x is unknown: expected account, amount"},
		{"balances", `{"at":7,"balances":null,"from":1}`, "at expected a time such as 2026-01-31T12:00:00Z, not 7; from is unknown: expected balances"},
	} {
		body, err := ingest.Read(c.kind, strings.NewReader(c.body), false)
		if err != nil {
			t.Errorf("Read(%s) = %v", c.body, err)
			continue
		}
		var got []string
		for _, p := range body.Problems() {
			got = append(got, p.Location+" "+p.Message)
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("Read(%s): %s, want %s", c.body, text, c.want)
		}
	}
	if _, err := ingest.Read("prices", strings.NewReader("[]"), false); err == nil {
		t.Error("prices were read")
	}
	away := errors.New("away")
	if _, err := ingest.Read("events", iotest.ErrReader(away), true); !errors.Is(err, away) {
		t.Errorf("Read of a reader that fails = %v", err)
	}
}

// What is read of a body is bounded by what it may have, not by what its bytes could hold:
// 8 MB of nearly nothing must cost neither hundreds of megabytes nor a minute.
func TestABodyOfNearlyNothingIsRefusedEarly(t *testing.T) {
	const many = 600_000
	distinct := func(form string) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, form, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ body, want string }{
		"fields of a record":   {"[{" + distinct(`"%06x":0,`) + `"ref":"a"}]`, "transactions[0] has more than 64 fields"},
		"lists of the body":    {"{" + distinct(`"%06x":0,`) + `"transactions":[]}`, "the object has more than 64 fields: expected transactions"},
		"fields of a posting":  {`[{"postings":[{` + distinct(`"%06x":0,`) + `"amount":1}]}]`, "transactions[0].postings[0] has more than 64 fields"},
		"postings of nothing":  {`[{"postings":[` + strings.Repeat("{},", many) + `{}]}]`, ingest.ErrTooMany.Error()},
		"postings, no objects": {`[{"postings":[` + strings.Repeat("1,", many) + `1]}]`, ingest.ErrTooMany.Error()},
		"records not objects":  {"[" + strings.Repeat("1,", many) + "1]", ingest.ErrTooMany.Error()},
		"a posting too many":   {`[{"postings":[` + strings.Repeat("{},", ingest.MostPostings) + `{}]}]`, ingest.ErrTooMany.Error()},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		body, err := ingest.Read("transactions", strings.NewReader(c.body), false)
		runtime.ReadMemStats(&after)
		got := fmt.Sprint(err)
		if err == nil && len(body.Problems()) > 0 {
			got = body.Problems()[0].Location + " " + body.Problems()[0].Message
		}
		if got != c.want {
			t.Errorf("%s: %.200s, want %s", name, got, c.want)
		}
		if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 150 {
			t.Errorf("%s: %d KB cost %d MB of allocations", name, len(c.body)>>10, used)
		}
	}
}

// FuzzRead checks that whatever is sent is refused or has as many records as were read,
// and that nothing is read past the limits.
func FuzzRead(f *testing.F) {
	for _, kind := range ingest.Kinds() {
		f.Add(kind, `[{"ref":"a","postings":[{"account":"x","amount":-9223372036854775808}],"at":"2026-01-01T00:00:00Z","batch":1,"active":true,"seen":null}]`, false)
		f.Add(kind, `{"`+kind+`":[{}],"items":[{"ref":"\ud800"}],"shops":[{"x":1}],"at":"2026-01-01T00:00:00Z"}`, false)
		f.Add(kind, "{\"ref\":1}\n\n[]\n{", true)
	}
	f.Fuzz(func(t *testing.T, kind, text string, lines bool) {
		body, err := ingest.Read(kind, strings.NewReader(text), lines)
		if (body == nil) == (err == nil) {
			t.Fatalf("Read = %v, %v", body, err)
		}
		if body != nil && (body.Records > ingest.MostRecords || len(body.Problems()) == 0 && !lines && !json.Valid([]byte(text))) {
			t.Fatalf("%d records of %q", body.Records, text)
		}
	})
}

// Of any mixture of right and wrong records, all is written or nothing, and each wrong
// record is named.
func TestABodyIsWrittenWholeOrNotAtAll(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	accounts := []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "ann", Kind: ledger.Personal}}
	if _, err := l.Append(t.Context(), ledger.Batch{Accounts: accounts}); err != nil {
		t.Fatal(err)
	}
	const right = `{"origin":"o","ref":"%s","at":"2026-01-01T00:00:00Z","source":"s","postings":[{"account":"mint","amount":-1},{"account":"ann","amount":1}]}`
	wrong := []string{
		strings.Replace(right, `"amount":1`, `"amount":2`, 1), strings.Replace(right, `"ann"`, `"zoe"`, 1), strings.Replace(right, `"o"`, `7`, 1),
		strings.Replace(right, `"source"`, `"sauce"`, 1), strings.Replace(right, `2026-`, `2999-`, 1), strings.Replace(right, `"o"`, `"`+"\\u0000"+`"`, 1),
	}
	count := func(t *rapid.T) (n int) {
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM transactions`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		before := count(t)
		var records, bad []string
		for i, which := range rapid.SliceOfN(rapid.IntRange(-8, len(wrong)-1), 0, 6).Draw(t, "records") {
			form := right
			if which >= 0 {
				form = wrong[which]
				bad = append(bad, fmt.Sprintf("transactions[%d]", i))
			}
			records = append(records, fmt.Sprintf(form, fmt.Sprint(round, "-", i)))
		}
		body, err := ingest.Read("transactions", strings.NewReader("["+strings.Join(records, ",")+"]"), false)
		if err != nil {
			t.Fatal(err)
		}
		w, err := body.Write(t.Context(), l)
		after := count(t)
		if len(bad) == 0 {
			if err != nil || w.Written != len(records) || after-before != len(records) {
				t.Fatalf("Write = %+v, %v, and %d were written", w, err, after-before)
			}
			return
		}
		var refused *ingest.Refused
		if !errors.As(err, &refused) || after != before {
			t.Fatalf("Write = %v, and %d were written", err, after-before)
		}
		for _, place := range bad {
			if !strings.Contains(fmt.Sprint(refused.Problems), place) {
				t.Fatalf("%s is wrong, and the problems are %v", place, refused.Problems)
			}
		}
		for _, p := range refused.Problems {
			if place, _, _ := strings.Cut(p.Location, "."); !strings.Contains(strings.Join(bad, " "), place) {
				t.Fatalf("%s is right, and the problems are %v", place, refused.Problems)
			}
		}
	})
}
