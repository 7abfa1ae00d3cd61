package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// newInbox starts a receiver and returns its address and what it got: titles of Discord.
func newInbox(t *testing.T) (url string, got func() []string) {
	t.Helper()
	var mu sync.Mutex
	var titles []string
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ Embeds []struct{ Title string } }
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &m); err != nil || len(m.Embeds) != 1 {
			t.Errorf("it got %s", body)
			return
		}
		mu.Lock()
		titles = append(titles, m.Embeds[0].Title)
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(inbox.Close)
	return inbox.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, titles...)
	}
}

// alertsFile writes a file of rules whose receiver has this address.
func alertsFile(t *testing.T, address, rules string) string {
	t.Helper()
	t.Setenv("TEST_HOOK", address+"/hush")
	file := filepath.Join(t.TempDir(), "alerts.toml")
	text := "[[receivers]]\nname = \"chat\"\nkind = \"discord\"\nurl_env = \"TEST_HOOK\"\n" + rules
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// tradingPlace is a ledger with two accounts and an item.
func tradingPlace(t *testing.T) (*ledger.Ledger, string) {
	t.Helper()
	url := testkit.PostgresURL(t)
	record := ledger.New(pool(t, url))
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2}); err != nil {
		t.Fatal(err)
	}
	if _, err := record.Append(t.Context(), ledger.Batch{Items: []ledger.Item{{Ref: "diamond", Name: "Diamond"}},
		Accounts: []ledger.Account{{Ref: "ann", Name: "Ann", Kind: ledger.Personal}, {Ref: "bob", Name: "Bob", Kind: ledger.Personal}}}); err != nil {
		t.Fatal(err)
	}
	return record, url
}

const annReceives = `
	[[rules]]
	name = "ann-receives"
	when = "account_received"
	account = "ann"
	value = "10.00"
	public = true
	to = ["chat"]
	`

func TestAnAlertGoesFromTheLedgerToItsReceiver(t *testing.T) {
	record, url := tradingPlace(t)
	t.Setenv("DATABASE_URL", url)
	address, got := newInbox(t)
	file := alertsFile(t, address, annReceives)
	if code, out, said := exchequer(t, "alerts", "check", file); code != 0 || !strings.Contains(out, "is right: 1 rule, 1 receiver") {
		t.Fatalf("check = %d, %s%s", code, out, said)
	}
	t.Setenv("EXCHEQUER_ALERTS", file)
	if code, out, said := exchequer(t, "alerts", "test", "ann-receives"); code != 1 || !strings.Contains(said, "chat: 127.0.0.1 is not a public address") && !strings.Contains(said, "127.0.0.1 is not a public address (EXCHEQUER_ALERTS_ALLOW") || strings.Contains(said, "hush") {
		t.Errorf("test of an address that is not public = %d, %s%s", code, out, said)
	}
	t.Setenv("EXCHEQUER_ALERTS_ALLOW", "127.0.0.0/8")
	if code, out, said := exchequer(t, "alerts", "test", "ann-receives"); code != 0 || out != "chat: sent, 204\n" {
		t.Errorf("test = %d, %s%s", code, out, said)
	}
	t.Setenv("EXCHEQUER_LINGER", "0s")
	s := start(t, "serve")
	until(t, "the rules are evaluated", func() bool {
		_, out, _ := exchequer(t, "alerts", "list")
		return strings.Contains(out, "ann-receives  account_received ann 10.00  armed  never       chat, feed")
	})
	if _, err := record.Append(t.Context(), ledger.Batch{Transactions: []ledger.Transaction{{Origin: "t", Ref: "1", At: time.Now(), Source: "pay",
		Postings: []ledger.Posting{{Account: "bob", Amount: -2000}, {Account: "ann", Amount: 2000}}}}}); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(90 * time.Second); len(got()) < 2 && time.Now().Before(limit); {
		time.Sleep(100 * time.Millisecond)
	}
	if titles := got(); len(titles) != 2 || titles[0] != `A test of ann\-receives` || titles[1] != "Ann received ₤20.00 from Bob" {
		t.Errorf("it got %q", titles)
	}
	until(t, "the log of deliveries has it", func() bool {
		_, out, _ := exchequer(t, "alerts", "deliveries")
		return strings.Contains(out, "ann-receives  chat      sent    1         204      Ann received ₤20.00 from Bob")
	})
	until(t, "the metrics have it", func() bool {
		_, body := get(t, s.url+"/metrics")
		return strings.Contains(body, `exchequer_alerts_fired_total{kind="account_received"} 1`) && strings.Contains(body, `exchequer_alerts_deliveries_total{outcome="sent",receiver="chat"} 1`) &&
			strings.Contains(body, `exchequer_alerts_pending{receiver="chat"} 0`) && strings.Contains(body, "exchequer_alerts_evaluated_age_seconds ")
	})
	if status, body := get(t, s.url+"/alerts.atom"); status != http.StatusOK || !strings.Contains(body, "Alerts · Port Test") {
		t.Errorf("the feed = %d, %s", status, body)
	}
	if code, out, said := exchequer(t, "alerts", "enable", "chat"); code != 0 || out != "chat is on\n" {
		t.Errorf("enable = %d, %s%s", code, out, said)
	}
	if code := s.end(); code != 0 || strings.Contains(s.said.String(), "hush") {
		t.Errorf("serve = %d:\n%s", code, s.said)
	}
}

func TestAlertsThatCannotBeSaySo(t *testing.T) {
	_, url := tradingPlace(t)
	t.Setenv("DATABASE_URL", url)
	item := strings.NewReplacer("account_received", "price_above", "account =", "item =")
	for name, c := range map[string]struct {
		args  []string
		rules string
		want  string
	}{
		"no file":         {[]string{"alerts", "check", "nowhere.toml"}, annReceives, "nowhere.toml: no such file"},
		"a wrong rule":    {[]string{"alerts", "check", "FILE"}, strings.Replace(annReceives, "10.00", "much", 1), `rule "ann-receives": value = "much": want an amount such as "1000.00"`},
		"unknown account": {[]string{"alerts", "check", "FILE"}, strings.Replace(annReceives, `"ann"`, `"nobody"`, 1), `rule "ann-receives": there is no account "nobody", or its holder is hidden`},
		"unknown item":    {[]string{"alerts", "check", "FILE"}, item.Replace(annReceives), `rule "ann-receives": there is no item "ann"`},
		"unknown name":    {[]string{"alerts", "test", "--alerts", "FILE", "else"}, annReceives, `neither a rule with receivers nor a receiver called "else"`},
		"served":          {[]string{"serve", "--alerts", "FILE"}, strings.Replace(annReceives, `"chat"`, `"cat"`, 1), `EXCHEQUER_ALERTS: `},
		"enabled":         {[]string{"alerts", "enable", "nobody"}, annReceives, `there is no receiver "nobody"`},
	} {
		t.Run(name, func(t *testing.T) {
			file := alertsFile(t, "https://example.org", c.rules)
			args := make([]string, len(c.args))
			for i, a := range c.args {
				args[i] = strings.Replace(a, "FILE", file, 1)
			}
			if code, _, said := exchequer(t, args...); code != 1 || !strings.Contains(said, c.want) || strings.Contains(said, "hush") {
				t.Errorf("%v = %d, %q, want %q", c.args, code, said, c.want)
			}
		})
	}
}
