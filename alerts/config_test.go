package alerts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// env is an environment in which SECRET, PASSWORD and HOOK are set.
func env(name string) string {
	return map[string]string{"SECRET": secret, "PASSWORD": "hush", "HOOK": "https://discord.example/api/webhooks/1/hush"}[name]
}

const hook = "[[receivers]]\nname = 'hook'\nkind = 'webhook'\nurl = 'https://example.org/hook'\nsecret_env = 'SECRET'\n"

func TestAFileOfAllKindsIsRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(file, []byte("https://hooks.slack.example/services/hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := hook + `
		[[receivers]]
		name = "chat"
		kind = "discord"
		url_env = "HOOK"
		[[receivers]]
		name = "team"
		kind = "slack"
		url_file = "` + file + `"
		[[receivers]]
		name = "mail"
		kind = "email"
		url = "smtp://mail.example.org"
		from = "Exchequer <alerts@example.org>"
		to = ["Treasurer <treasurer@example.org>", "b@example.org"]
		user = "alerts"
		password_env = "PASSWORD"
		`
	for name, keys := range map[Kind]string{
		PriceAbove: "item = 'diamond'\nvalue = '25.00'\nconfidence = 'thin'", PriceBelow: "item = 'diamond'\nvalue = '0.05'\nrearm = '5%'",
		SpreadAbove: "item = 'diamond'\nvalue = '40%'", SpreadBelow: "item = 'diamond'\nvalue = '5 %'",
		StockAppears: "item = 'diamond'", StockEnds: "item = 'diamond'\nrecovery = true",
		AccountReceived: "account = 'ann'\nvalue = '1,000.00'", AccountPaid: "account = 'ann'\nvalue = '1000'",
		ShopSold: "shop = 'stall'", ShopEmpty: "shop = 'stall'\npublic = true",
		IndicatorMoves: "indicator = 'money'\nfor = '1h'", BooksWrong: "", SyncDrift: "source = 'game'", SyncLate: "value = '10m'",
	} {
		text += "[[rules]]\nname = '" + string(name) + "'\nwhen = '" + string(name) + "'\nto = ['hook', 'chat', 'team', 'mail']\n" + keys + "\n"
	}
	c, err := Parse([]byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Rules) != len(Kinds()) || len(c.Receivers) != 4 {
		t.Fatalf("%d rules of %d kinds, %d receivers", len(c.Rules), len(Kinds()), len(c.Receivers))
	}
	for _, r := range c.Rules {
		limit, err := r.Limit(ledger.Settings{Decimals: 2})
		want, known := map[Kind]float64{PriceAbove: 2500, PriceBelow: 5, SpreadAbove: 0.4, SpreadBelow: 0.05, AccountReceived: 100_000, AccountPaid: 100_000, SyncLate: 600}[r.Kind]
		if err != nil || limit != want {
			t.Errorf("the limit of %s is %v, %v, want %v", r, limit, err, want)
		}
		if !known && r.Value != "" {
			t.Errorf("%s has a value", r)
		}
	}
	if got := c.ReceiversOf("books"); len(got) != 4 {
		t.Errorf("the rule of the books has %d receivers", len(got))
	}
	if got := c.ReceiversOf("team"); len(got) != 1 || got[0].Form != Slack || got[0].url.Path != "/services/hush" {
		t.Errorf("the receiver team: %v", got)
	}
	if got := c.ReceiversOf("nobody"); got != nil {
		t.Errorf("nobody: %v", got)
	}
}

func TestWhatIsWrongInAFileIsSaid(t *testing.T) {
	rule := func(keys string) string { return hook + "[[rules]]\nname = 'r'\nto = ['hook']\n" + keys }
	receiver := func(keys string) string { return "[[receivers]]\nname = 'x'\n" + keys }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                  {hook, "it has no [[rules]]"},
		"an unknown key":           {rule("when = 'books'\nprize = '1'"), `line 10: unknown key "rules.prize"`},
		"an unknown kind":          {rule("when = 'price'"), `rule "r": when = "price": there is no such kind of rule: there are [account_paid account_received books indicator`},
		"no item":                  {rule("when = 'price_above'\nvalue = '1'"), `price_above needs item = "…"`},
		"an account of a price":    {rule("when = 'price_above'\nvalue = '1'\nitem = 'x'\naccount = 'ann'"), "price_above is not about one account: leave it out"},
		"no price":                 {rule("when = 'price_above'\nitem = 'x'\nvalue = 'much'"), `value = "much": want a price such as "12.50"`},
		"a price of nothing":       {rule("when = 'price_below'\nitem = 'x'\nvalue = '0'"), "want more than 0"},
		"a price without an end":   {rule("when = 'price_below'\nitem = 'x'\nvalue = 'inf'"), "want more than 0"},
		"no amount":                {rule("when = 'account_paid'\naccount = 'x'\nvalue = '1e3'"), `value = "1e3": want an amount such as "1000.00"`},
		"a spread without percent": {rule("when = 'spread_above'\nitem = 'x'\nvalue = '0.4'"), `"0.4": want a percentage such as "15%"`},
		"a late without a unit":    {rule("when = 'sync_late'\nvalue = '10'"), `want a duration such as "10m"`},
		"a value of the books":     {rule("when = 'books'\nvalue = '10'"), "books has no value: leave it out"},
		"an unknown indicator":     {rule("when = 'indicator'\nindicator = 'luck'"), `there is no indicator "luck": there are freshness, money, `},
		"a guess":                  {rule("when = 'price_above'\nitem = 'x'\nvalue = '1'\nconfidence = 'guess'"), `confidence = "guess": want firm or thin`},
		"rearm of all":             {rule("when = 'price_above'\nitem = 'x'\nvalue = '1'\nrearm = '100%'"), "rearm: want a percentage from 0 to below 100"},
		"for ever":                 {rule("when = 'books'\nfor = '1000h'"), "for: want a duration up to 168h"},
		"to nobody":                {hook + "[[rules]]\nname = 'r'\nwhen = 'books'\n", "it is sent to nobody"},
		"to a stranger":            {hook + "[[rules]]\nname = 'r'\nwhen = 'books'\nto = ['chat']\n", `there is no receiver "chat"`},
		"a name that is none":      {rule("when = 'books'\n[[rules]]\nname = 'a b'\nwhen = 'books'\nto = ['hook']"), `rule 2: name = "a b": want letters`},
		"a name twice":             {rule("when = 'books'\n[[rules]]\nname = 'hook'\nwhen = 'books'\nto = ['hook']"), `rule 2: the name "hook" is taken`},
		"a receiver of no kind":    {receiver("url = 'https://example.org'\nkind = 'fax'"), `kind = "fax": want webhook, discord, slack or email`},
		"a webhook without secret": {receiver("url = 'https://example.org'\nkind = 'webhook'"), "a webhook needs secret_file or secret_env"},
		"a secret that is short":   {receiver("url = 'https://example.org'\nkind = 'webhook'\nsecret_env = 'PASSWORD'"), "24 to 64 random bytes"},
		"no variable":              {receiver("url_env = 'NONE'\nkind = 'slack'"), "url_env: the environment has no NONE"},
		"two addresses":            {receiver("url_env = 'HOOK'\nurl = 'https://example.org'\nkind = 'slack'"), "url is given in several ways"},
		"another scheme":           {receiver("url = 'file:///etc/passwd'\nkind = 'slack'"), "its url is not an address such as https://host/…"},
		"a mail by https":          {receiver("url = 'https://example.org'\nkind = 'email'\nfrom = 'a@b.c'\nto = ['a@b.c']"), "its url is not an address such as smtps://host/…"},
		"a mail from nobody":       {receiver("url = 'smtps://example.org'\nkind = 'email'\nfrom = 'a'\nto = ['a@b.c']"), `from = "a": want an address`},
		"a mail with a header":     {receiver("url = 'smtps://example.org'\nkind = 'email'\nfrom = \"a@b.c\\r\\nBcc: x@y.z\"\nto = ['a@b.c']"), "from = "},
		"a mail to nobody":         {receiver("url = 'smtps://example.org'\nkind = 'email'\nfrom = 'a@b.c'"), "to: want 1 to 20 addresses"},
		"a user without password":  {receiver("url = 'smtps://example.org'\nkind = 'email'\nfrom = 'a@b.c'\nto = ['a@b.c']\nuser = 'a'"), "go together"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), env)
			if got := errorText(err); !strings.Contains(got, c.want) || strings.Contains(got, "hush") {
				t.Errorf("Parse = %q, want %q, without a secret", got, c.want)
			}
		})
	}
}

func TestWhatTheLedgerDoesNotKnowIsSaid(t *testing.T) {
	db := testkit.Postgres(t)
	seen := time.Now().Add(-time.Hour)
	if _, err := ledger.New(db).Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "ann", Kind: ledger.Personal, Opened: seen}, {Ref: "gus", Kind: ledger.Personal, Opened: seen}},
		Holders:  []ledger.Holder{{Ref: "gus", Hidden: true}},
		Items:    []ledger.Item{{Ref: "diamond", Name: "Diamond"}},
		Shops:    []ledger.Shop{{Ref: "stall", Owner: "ann", Active: true, Seen: seen}},
	}); err != nil {
		t.Fatal(err)
	}
	known := aggregates.NewKnown(db)
	for name, c := range map[string]struct {
		rule Rule
		want string
	}{
		"all is known":                {Rule{Kind: PriceAbove, Of: "diamond", Value: "1.25"}, ""},
		"an item is not":              {Rule{Kind: PriceAbove, Of: "Diamond", Value: "1"}, `rule "r": there is no item "Diamond": name it by its ref`},
		"a shop is not":               {Rule{Kind: ShopSold, Of: "stable"}, `there is no shop "stable"`},
		"an account is not":           {Rule{Kind: AccountPaid, Of: "bob", Value: "1"}, `there is no account "bob", or its holder is hidden`},
		"an account is hidden":        {Rule{Kind: AccountPaid, Of: "gus", Value: "1"}, `there is no account "gus", or its holder is hidden`},
		"an amount has more decimals": {Rule{Kind: AccountPaid, Of: "ann", Value: "1.255"}, "with 2 decimals at most"},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Name = "r"
			err := (&Config{Rules: []Rule{c.rule}}).Check(t.Context(), known, ledger.Settings{Decimals: 2})
			if got := errorText(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
				t.Errorf("Check = %q, want %q", got, c.want)
			}
		})
	}
}
