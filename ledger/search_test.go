package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// fair is a village with shops, places, and people whom one must not find.
func fair() ledger.Batch {
	b := village()
	x, z := int64(10), int64(-20)
	b.Accounts = append(b.Accounts,
		ledger.Account{Ref: "b-smith", Kind: ledger.Business, Name: "The Broad Anvil", Holder: "u-7"},
		ledger.Account{Ref: "p-7", Kind: ledger.Personal, Name: "Smithson", Holder: "u-7"},
		ledger.Account{Ref: "p-8", Kind: ledger.Personal, Name: "Brenda 100%_a", Holder: "u-8"},
		ledger.Account{Ref: "p-9", Kind: ledger.Personal, Name: "Breakspear", Holder: "u-9"},
		ledger.Account{Ref: "p-9b", Kind: ledger.Personal, Name: "Breakwater"},
		ledger.Account{Ref: "old-bob", Kind: ledger.Personal, Name: "Robert", Holder: "u-6"},
	)
	b.Items = append(b.Items, ledger.Item{Ref: "minecraft:diamond", Name: "Diamond", Group: "Gems"}, ledger.Item{Ref: "minecraft:diamond_sword", Name: "Diamond Sword"}, ledger.Item{Ref: "minecraft:bread_knife", Name: "Knife for Bread"})
	b.Shops = append(b.Shops, ledger.Shop{Ref: "s-9", Place: "Harbour Row 3", Owner: "p-9", World: "overworld", Seen: noon}, ledger.Shop{Ref: "s-7", Place: "Harbour Row 4", Owner: "p-7", Active: true, Seen: noon})
	b.Places = []ledger.Place{{World: "overworld", Name: "Harbour", X: &x, Z: &z, Kind: "town"}}
	b.Holders = []ledger.Holder{{Ref: "u-6", Name: "Robertson"}, {Ref: "u-7", Name: "Wayland"}, {Ref: "u-9", Name: "Breakspear Himself", Hidden: true}}
	b.Merges = []ledger.Merge{{Account: "old-bob", Into: "bob"}, {Account: "p-9b", Into: "p-9"}}
	b.FormerNames = []ledger.FormerName{{Account: "p-7", Name: "Weyland", Until: noon}, {Account: "p-9", Name: "Bream", Until: noon}}
	pay := transaction("grant-2026", noon, ledger.Posting{"mint", -1000}, ledger.Posting{"ann", 1000})
	pay.Message = "for the harbour wall"
	b.Transactions = []ledger.Transaction{pay, transaction("grant-2027", noon.Add(time.Minute), ledger.Posting{"mint", -1}, ledger.Posting{"ann", 1})}
	b.Sales = []ledger.Sale{{Origin: "test", Ref: "grant-20265", At: noon, Item: "bread", Direction: ledger.DirectionSale, Quantity: 1, Total: 5}}
	return b
}

// searched is what Search finds, in words: "=" before what is exact, "^" begins, "*"
// contains, "~" similar.
func searched(t *testing.T, l *ledger.Ledger, text string) string {
	t.Helper()
	hits, err := l.Search(t.Context(), text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	var words []string
	for _, g := range hits.Groups {
		words = append(words, g.What+":")
		for _, h := range g.Hits {
			word := string("=^*~"[h.Match]) + h.Ref
			switch g.What {
			case ledger.HitHolders:
				word += ">" + h.Account
			case ledger.HitPlaces:
				word += h.Name
			case ledger.HitShops:
				word += "/" + h.Owner
			}
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

func withoutTrigrams(t *testing.T, db *pgxpool.Pool) {
	t.Helper()
	testkit.NotOnCitus(t, "the schemas of all tests have one pg_trgm")
	if _, err := db.Exec(t.Context(), `DROP EXTENSION pg_trgm CASCADE`); err != nil {
		t.Fatal(err)
	}
}

func TestWhatATextMeansIsFound(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, fair(), renamed("Anna"), renamed("Ann"))
	same := map[string]string{
		"ann": "accounts: =ann ^ann-savings", "ANNA": "accounts: =ann",
		"ann-savings": "accounts: =ann-savings", "an": "accounts: ^ann ^ann-savings",
		// a former name, the name of a merged account
		"Weyland": "accounts: =p-7", "robert": "accounts: =bob", "old-bob": "accounts: =bob",
		"wayland": "holders: =u-7>b-smith", "u-7": "holders: =u-7>b-smith",
		"diamond":           "items: =minecraft:diamond ^minecraft:diamond_sword",
		"minecraft:diamond": "items: =minecraft:diamond ^minecraft:diamond_sword",
		"minecraft:":        "items: ^minecraft:bread_knife ^minecraft:diamond ^minecraft:diamond_sword",
		"bread":             "items: =bread *minecraft:bread_knife",
		"sword":             "items: *minecraft:diamond_sword",
		"SWORD":             "items: *minecraft:diamond_sword",
		"For Bread":         "items: *minecraft:bread_knife",
		"harbour":           "shops: ^s-9/ ^s-7/Smithson places: =Harbour transactions: *grant-2026",
		"stall":             "shops: =stall/bakery",
		"grant-2026":        "transactions: =grant-2026",
		"grant-2":           "transactions: ^grant-2027 ^grant-2026",
		"gr":                "",
		"harbour wall":      "transactions: *grant-2026",
		// what a pattern would mean is meant as it is
		"100%_": "accounts: *p-8", "%": "", "___": "", `\`: "", "br": "accounts: ^p-8 items: ^bread",
		// a holder all of whose accounts are merged into those of others has no page
		"u-6": "", "Robertson": "",
		// hidden holders, their accounts, and what is merged into them
		"breakspear": "", "p-9": "", "p-9b": "", "u-9": "", "bream": "", "breakwater": "",
		"": "", "\xff": "", "a\x00": "", strings.Repeat("x", 2000): "", "\u202e日本": "",
	}
	for _, trigrams := range []bool{true, false} {
		if !trigrams {
			withoutTrigrams(t, db)
		}
		for text, want := range same {
			got := searched(t, l, text)
			if got = strings.TrimSpace(withoutSimilar(got)); got != want {
				t.Errorf("trigrams %v: Search(%q) = %q, want %q", trigrams, text, got, want)
			}
		}
	}
}

// withoutSimilar leaves out what is only spelled alike.
func withoutSimilar(found string) string {
	var kept []string
	for _, word := range strings.Fields(found) {
		if strings.HasPrefix(word, "~") {
			continue
		}
		if n := len(kept); n > 0 && strings.HasSuffix(kept[n-1], ":") && strings.HasSuffix(word, ":") && !strings.ContainsAny(word[:1], "=^*") {
			kept = kept[:n-1]
		}
		kept = append(kept, word)
	}
	if n := len(kept); n > 0 && strings.HasSuffix(kept[n-1], ":") && !strings.ContainsAny(kept[n-1][:1], "=^*") {
		kept = kept[:n-1]
	}
	return strings.Join(kept, " ")
}

// A text that is written wrongly finds what was meant, and never a hidden holder.
func TestATypoFindsWhatWasMeant(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	appended(t, l, fair())
	typos := map[string]string{
		"diamnd": "items: ~minecraft:diamond", "dimond": "items: ~minecraft:diamond", "diammond": "items: ~minecraft:diamond", "smithsen": "accounts: ~p-7", "weylandd": "accounts: ~p-7",
		"harbur": "places: ~Harbour", "diamond swrod": "items: ~minecraft:diamond_sword",
		"breakspaer": "", "breamm": "",
	}
	for text, want := range typos {
		got := searched(t, l, text)
		// What is spelled alike has 30 ms, which a busy machine may not give.
		for tries := 0; tries < 20 && !strings.Contains(got, want); tries++ {
			got = searched(t, l, text)
		}
		if want == "" && strings.Contains(got, "p-9") || !strings.Contains(got, want) {
			t.Errorf("Search(%q) = %q, want %q", text, got, want)
		}
	}
	if got := searched(t, l, "brea"); strings.Contains(got, "~") {
		t.Errorf("beside what begins with the text, what is spelled alike: %q", got)
	}
	withoutTrigrams(t, db)
	for text := range typos {
		if got := searched(t, l, text); got != "" {
			t.Errorf("without trigrams, Search(%q) = %q", text, got)
		}
	}
}

// A kind has 8 at most, and says that there are others.
func TestASearchReturnsAFewOfEachKind(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	var b ledger.Batch
	for i := range 30 {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: fmt.Sprint("p-", i), Kind: ledger.Personal, Name: fmt.Sprintf("Miller %02d", i)})
	}
	for i := range 150 {
		b.Accounts = append(b.Accounts, ledger.Account{Ref: fmt.Sprint("c-", i), Kind: ledger.Business, Name: fmt.Sprintf("Town %d Council", i)})
	}
	b.Items = []ledger.Item{{Ref: "mill", Name: "Mill"}}
	appended(t, l, b)
	hits, err := l.Search(t.Context(), "mill")
	if err != nil || len(hits.Groups) != 2 {
		t.Fatalf("%+v, %v, want two groups", hits, err)
	}
	if g := hits.Groups[0]; len(g.Hits) != ledger.MostHits || !g.More || g.Hits[0].Name != "Miller 00" || g.Hits[7].Name != "Miller 07" {
		t.Errorf("accounts are %+v", g)
	}
	if g := hits.Groups[1]; len(g.Hits) != 1 || g.More {
		t.Errorf("items are %+v", g)
	}
	like, err := l.FindLike(t.Context(), "ller 1", 20)
	if err != nil || len(like) != 10 {
		t.Errorf("FindLike found %d, %v, want 10", len(like), err)
	}
	if like, err = l.FindLike(t.Context(), "council", 200); err != nil || len(like) != 150 {
		t.Errorf("FindLike found %d, %v, want all 150", len(like), err)
	}
}

// The index of parts of names knows nothing of a text without three letters or digits
// in a row, and would read all names for it.
func TestATextOfPunctuationIsLookedForInTheNewestRows(t *testing.T) {
	db := testkit.Postgres(t)
	l := ledger.New(db)
	const fill = `
		INSERT INTO accounts (id, ref, kind, name, holder, opened, issuer)
			SELECT n, 'p:' || n, 'personal', CASE n WHEN 1 THEN 'Old --- x 🍞🍞🍞 y, o o' WHEN 5000 THEN 'New --- x 🍞🍞🍞 y, o o' ELSE 'Player ' || n END, 'u:' || n, now(), false
			FROM generate_series(1, 5001) n`
	if _, err := db.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"---", "🍞🍞🍞", "- x", ", o o"} {
		if got := searched(t, l, text); got != "accounts: *p:5000" {
			t.Errorf("Search(%q) = %q, want the newer account only", text, got)
		}
		if found, err := l.FindLike(t.Context(), text, 9); err != nil || len(found) != 1 || found[0].Ref != "p:5000" {
			t.Errorf("FindLike(%q) = %v, %v, want the newer account only", text, found, err)
		}
	}
	if got := searched(t, l, "old ---"); got != "accounts: ^p:1" {
		t.Errorf("with a word: %q", got)
	}
}
