package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/admin"
	"exchequer/admin/audit"
	"exchequer/ledger"
)

var sections = []string{"", "/cache", "/policies", "/sources", "/keys", "/settings", "/record", "/events", "/alerts", "/jobs", "/slowest", "/audit"}

func TestEachSectionIsShownAndLeadsToTheOthers(t *testing.T) {
	o := open(t, kept(t), nil)
	for _, path := range sections {
		d := o.get("/admin" + path)
		if n := d.Find("nav.sections a").Length(); n != len(sections) {
			t.Errorf("/admin%s leads to %d sections, want %d", path, n, len(sections))
		}
		if at := d.Find(`nav.sections a[aria-current="page"]`).AttrOr("href", ""); at != "/c/port/admin"+path {
			t.Errorf("/admin%s says that it is %s", path, at)
		}
		if text := d.Find("main").Text(); strings.Contains(text, "could not be read") {
			t.Errorf("/admin%s: %s", path, text)
		}
	}
}

func TestEachActionIsDescribedDoneAndNoted(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	for _, c := range []struct {
		action string
		fields url.Values
		target string
		detail string
		done   func() bool
	}{
		{"record.label", url.Values{"account": {"a"}, "label": {"Mayor " + markup}}, "account a", "Mayor", func() bool {
			return value[string](o, `SELECT label FROM accounts WHERE ref = 'a'`) == "Mayor "+markup
		}},
		{"record.label", url.Values{"account": {"a"}}, "account a", "before", func() bool {
			return value[string](o, `SELECT label FROM accounts WHERE ref = 'a'`) == ""
		}},
		{"record.rename", url.Values{"account": {"a"}, "name": {"Ada L."}}, "account a", `"Ada L."; before: "Ada"`, func() bool {
			return value[string](o, `SELECT name FROM accounts WHERE ref = 'a'`) == "Ada L." && value[int](o, `SELECT count(*) FROM account_names WHERE name = 'Ada'`) == 1
		}},
		{"record.merge", url.Values{"account": {"a"}, "into": {"b"}}, "account a", `into "b"`, func() bool {
			return value[int](o, `SELECT count(*) FROM merges`) == 1
		}},
		{"record.merge", url.Values{"account": {"a"}}, "account a", `into ""`, func() bool { return value[int](o, `SELECT count(*) FROM merges`) == 0 }},
		{"record.hide", url.Values{"holder": {"b"}}, "holder b", "", func() bool {
			return value[int](o, `SELECT count(*) FROM holders WHERE hidden AND ref = 'b'`) == 1
		}},
		{"record.show", url.Values{"holder": {"b"}}, "holder b", "", func() bool {
			return value[int](o, `SELECT count(*) FROM holders WHERE NOT hidden AND ref = 'b' AND name LIKE 'Bo %'`) == 1
		}},
		{"event.write", url.Values{"ref": {"fair"}, "at": {"2026-06-01 12:00"}, "title": {"The fair"}}, "event fair", "The fair", func() bool {
			return value[string](o, `SELECT to_char(at AT TIME ZONE 'UTC', 'HH24:MI') FROM events WHERE ref = 'fair'`) == "10:00" // of Berlin, in summer
		}},
		{"event.remove", url.Values{"ref": {"fair"}}, "event fair", "The fair", func() bool { return value[int](o, `SELECT count(*) FROM events`) == 0 }},
		{"settings.economy", url.Values{"name": {"Port Two"}, "symbol": {"¤"}}, "settings", "Port Two", func() bool {
			return value[string](o, `SELECT name || symbol FROM settings`) == "Port Two¤"
		}},
		{"cache.invalidate", url.Values{"scope": {"memo"}, "of": {"health.followed"}, "how": {"hard"}}, "memo health.followed", "hard", nil},
		{"cache.invalidate", url.Values{"scope": {"tenant"}, "how": {"soft"}}, "tenant", "soft", nil},
		{"cache.reset", nil, "", "since", nil},
		{"cache.test", nil, "", "set", nil},
	} {
		page, e := o.do(c.action, c.fields)
		if e.Subject != ann.Subject || e.Name != ann.Name || e.Role != "admin" || e.Address != "192.0.2.7" || e.Action != c.action || e.Result != audit.Done {
			t.Errorf("%s %v was noted as %+v", c.action, c.fields, e)
		}
		if c.target != "" && e.Target != c.target || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("%s %v was noted on %q with %q, want %q and %q", c.action, c.fields, e.Target, e.Detail, c.target, c.detail)
		}
		if !strings.Contains(page.Find("#entry .state").Text(), "done") || !strings.Contains(page.Find("#entry").Text(), c.target) {
			t.Errorf("%s: the page of its result has %s", c.action, page.Find("#entry").Text())
		}
		if c.done != nil && !c.done() {
			t.Errorf("%s %v is said to be done, and is not", c.action, c.fields)
		}
	}
}

func TestWhatFailsIsNotedWithItsReason(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	if _, err := db.Exec(t.Context(), `ALTER TABLE merges ADD CONSTRAINT nothing_more CHECK (account = 0)`); err != nil {
		t.Fatal(err)
	}
	page, e := o.do("record.merge", url.Values{"account": {"a"}, "into": {"b"}})
	if e.Result != audit.Failed || !strings.Contains(e.Detail, "nothing_more") || !strings.Contains(page.Find("#entry").Text(), "nothing_more") {
		t.Errorf("a merge that the database refuses was noted as %+v", e)
	}
	if n := value[int](o, `SELECT count(*) FROM merges`); n != 0 {
		t.Errorf("there are %d merges, want none", n)
	}
}

func TestAMergeIntoOneThatIsMergedItselfIsRefusedAtItsField(t *testing.T) {
	o := open(t, kept(t), nil)
	o.do("record.merge", url.Values{"account": {"a"}, "into": {"b"}})
	w := o.post("record.merge", url.Values{"account": {"c"}, "into": {"a"}})
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(document(t, w.Body.String()).Find("main").Text(), "is itself merged into b. Merge into that one.") {
		t.Errorf("%d: %s", w.Code, document(t, w.Body.String()).Find("main").Text())
	}
	if n := value[int](o, `SELECT count(*) FROM merges`); n != 1 {
		t.Errorf("there are %d merges, want 1", n)
	}
}

func TestAChangeThatCannotBeNotedIsNotMade(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	if _, err := db.Exec(t.Context(), `ALTER TABLE audit ADD CHECK (action <> 'record.label')`); err != nil {
		t.Fatal(err)
	}
	w := o.post("record.label", url.Values{"account": {"a"}, "label": {"Mayor"}, "confirm": {"yes"}})
	if w.Code != http.StatusInternalServerError || value[string](o, `SELECT label FROM accounts WHERE ref = 'a'`) != "" {
		t.Errorf("%d; the label is %q", w.Code, value[string](o, `SELECT label FROM accounts WHERE ref = 'a'`))
	}
}

func TestWhatMakesNoSenseIsRefusedBeforeItIsConfirmed(t *testing.T) {
	o := open(t, kept(t), nil)
	for _, c := range []struct {
		action string
		fields url.Values
		says   string
	}{
		{"record.label", url.Values{"account": {"nobody"}, "label": {"x"}}, "no account"},
		{"record.label", url.Values{"account": {"a"}, "label": {strings.Repeat("x", 200)}}, "128"},
		{"record.label", url.Values{"account": {"a"}, "label": {strings.Repeat("x", 6000)}}, "longer than"},
		{"record.rename", url.Values{"account": {"a"}}, "Say what"},
		{"record.merge", url.Values{"account": {"a"}}, "not merged"},
		{"record.merge", url.Values{"account": {"a"}, "into": {"a"}}, "This is the account itself."},
		{"record.merge", url.Values{"account": {"a"}, "into": {"mint"}}, "Only accounts of one kind are merged."},
		{"record.hide", url.Values{"holder": {"nobody"}}, "no holder"},
		{"record.show", url.Values{"holder": {"a"}}, "so already"},
		{"event.write", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"tomorrow"}}, "Write times as"},
		{"event.write", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"2026-01-01 00:00"}, "link": {"javascript:alert(1)"}}, "Write an address"},
		{"event.write", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"2026-01-01 00:00"}, "until": {"2025-01-01 00:00"}}, "ends before it begins"},
		{"event.write", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"1700-01-01 00:00"}}, "from 1900-01-01 on"},
		{"event.write", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"2026-01-01 00:00"}, "scope": {"item:nothing"}}, "of an item that is known here"},
		{"key.create", url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}}, "at least one thing that it may do"},
		{"key.create", url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}, "scopes": {"all"}}, "no scope"},
		{"key.create", url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}, "scopes": {"read"}, "days": {"-1"}}, "from 1 to"},
		{"key.revoke", url.Values{"id": {"nothing"}}, "no key"},
		{"cache.invalidate", url.Values{"scope": {"memo"}, "of": {"nothing"}}, "no memo"},
		{"cache.invalidate", url.Values{"scope": {"tag"}, "of": {"nothing"}}, "has the tag"},
		{"cache.invalidate", url.Values{"scope": {"all"}}, "Name what"},
		{"cache.invalidate", nil, "Name what"},
		{"job.start", url.Values{"job": {"nothing"}}, "no such job"},
		{"alert.test", url.Values{"receiver": {"nobody"}}, "no receiver"},
	} {
		if c.fields == nil {
			c.fields = url.Values{}
		}
		c.fields.Set("confirm", "yes")
		w := o.post(c.action, c.fields)
		if said := document(t, w.Body.String()).Find("#wrong").Text(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(said, c.says) {
			t.Errorf("%s %.80v = %d, %q, want 422 and %q", c.action, c.fields, w.Code, said, c.says)
		}
	}
	if all := o.entries(); len(all) != 0 {
		t.Errorf("noted: %+v", all)
	}
	for _, path := range []string{"/admin/do/nothing", "/admin/audit/17", "/admin/audit/x", "/admin/cache/memo?name=nothing", "/admin/cache/memo"} {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s = %d", path, w.Code)
		}
	}
}

func TestALinkDescribesAnActionAndDoesNothing(t *testing.T) {
	o := open(t, kept(t), nil)
	d := o.get("/admin/do/record.hide?holder=b&confirm=yes")
	if form(d).Get("holder") != "b" || value[int](o, `SELECT count(*) FROM holders`) != 0 || len(o.entries()) != 0 {
		t.Errorf("a link did more than describe: %s", d.Find("main").Text())
	}
}

func TestAKeyIsShownOnceAndMadeOnce(t *testing.T) {
	o := open(t, kept(t), nil)
	fields := url.Values{"scopes": {"read", "sales"}, "name": {"Server " + markup}, "days": {"30"}}
	fields.Set("id", o.get("/admin/keys").Find(`input[name="id"]`).AttrOr("value", ""))
	confirmed := form(document(t, o.post("key.create", fields).Body.String()))
	w := o.post("key.create", confirmed)
	secret := document(t, w.Body.String()).Find("#secret code").Text()
	if w.Code != http.StatusOK || !strings.HasPrefix(secret, "exq_"+fields.Get("id")+"_") {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	if w := o.post("key.create", confirmed); w.Code != http.StatusSeeOther || strings.Contains(w.Body.String(), "exq_") {
		t.Errorf("the same form again = %d: %s", w.Code, w.Body)
	}
	all := o.entries()
	if len(all) != 2 || all[1].Result != audit.Done || all[0].Result != audit.Failed || !strings.Contains(all[0].Detail, "made already") || value[int](o, `SELECT count(*) FROM keys`) != 1 {
		t.Errorf("noted: %+v", all)
	}
	for _, path := range append(sections, "/audit.csv") {
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin"+path, http.NoBody))
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("/admin%s has the key", path)
		}
	}
	if _, e := o.do("key.revoke", url.Values{"id": {fields.Get("id")}}); e.Result != audit.Done || value[int](o, `SELECT count(*) FROM keys WHERE revoked IS NULL`) != 0 {
		t.Errorf("revoking was noted as %+v", e)
	}
}

func TestWhatTheRoleMayNotDoIsACommand(t *testing.T) {
	db := kept(t)
	for _, statement := range []string{`DO $$ BEGIN CREATE ROLE admin_test_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO admin_test_reader`} {
		if _, err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	config := db.Config()
	config.ConnConfig.RuntimeParams["role"] = "admin_test_reader"
	reader, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	o := open(t, db, func(d *admin.Deps) { d.Owner = reader })
	for action, c := range map[string]struct {
		fields  url.Values
		command string
	}{
		"key.create":       {url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}, "scopes": {"read"}}, "exchequer keys create"},
		"settings.economy": {url.Values{"name": {"Mine"}}, "UPDATE settings"},
	} {
		c.fields.Set("confirm", "yes")
		w := o.post(action, c.fields)
		d := document(t, w.Body.String())
		if w.Code != http.StatusOK || d.Find("form[method=post] input[name=confirm]").Length() != 0 || !strings.Contains(d.Find("#confirm").Text(), c.command) {
			t.Errorf("%s = %d: %s", action, w.Code, d.Find("main").Text())
		}
	}
	if len(o.entries()) != 0 || value[int](o, `SELECT count(*) FROM keys`) != 0 {
		t.Error("something was done")
	}
}

func TestAdminsSeeWhoIsHidden(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	o.do("record.hide", url.Values{"holder": {"b"}})
	d := o.get("/admin/record?account=b")
	if !strings.Contains(d.Find("#hidden").Text(), "Bo "+markup) || !strings.Contains(d.Find("#account").Text(), "its holder is hidden") {
		t.Errorf("the record has %s", d.Find("#hidden, #account").Text())
	}
}

func TestListsGoOnWhereTheyEnd(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	b := ledger.Batch{}
	for i := range 130 {
		ref := "acc" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Kind: ledger.Personal})
		b.Labels = append(b.Labels, ledger.Label{Account: ref, Text: "label of " + ref})
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	path := "/admin/record"
	for range 5 {
		d := o.get(path)
		d.Find("#labels tbody code").Each(func(_ int, s *goquery.Selection) { seen[s.Text()] = true })
		next := d.Find("#labels nav.more a").AttrOr("href", "")
		if next == "" {
			break
		}
		path = strings.TrimPrefix(strings.TrimSuffix(next, "#labels"), "/c/port")
	}
	if len(seen) != 130 {
		t.Errorf("%d labels in all pages, want 130", len(seen))
	}
}

func TestTheCacheIsInspected(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	d := o.get("/admin/cache")
	if d.Find("#memos tbody tr").Length() != len(o.cache.Policies()) {
		t.Errorf("%d memos are listed of %d", d.Find("#memos tbody tr").Length(), len(o.cache.Policies()))
	}
	if err := o.cache.Warm(t.Context(), []string{"health.soundness"}, nil); err != nil {
		t.Fatal(err)
	}
	if row := o.get("/admin/cache").Find("#memos tbody tr:contains('health.soundness')").Text(); !strings.Contains(row, "fresh") {
		t.Errorf("a memo that was computed is %s", row)
	}
	if keys := o.get("/admin/cache/memo?name=health.soundness").Find("#keys tbody tr").Length(); keys != 1 {
		t.Errorf("%d keys, want 1", keys)
	}
	if text := o.get("/admin/cache/key?key=health.soundness").Find("#process").Text(); !strings.Contains(text, "fresh") {
		t.Errorf("the key has %s", text)
	}
	if policies := o.get("/admin/policies").Find("#policies tbody tr").Length(); policies != len(o.cache.Policies()) {
		t.Errorf("%d policies", policies)
	}
}

func TestARefusedFormKeepsWhatWasWrittenAndSaysWhichFieldIsWrong(t *testing.T) {
	o := open(t, kept(t), nil)
	for _, c := range []struct {
		action, wrong string
		fields        url.Values
	}{
		{"cache.invalidate", "of", url.Values{"scope": {"memo"}, "of": {"nothing"}, "how": {"hard"}}},
		{"record.label", "label", url.Values{"account": {"a"}, "label": {strings.Repeat("x", 200)}}},
		{"record.rename", "name", url.Values{"account": {"a"}}},
		{"record.merge", "into", url.Values{"account": {"a"}, "into": {"nobody"}}},
		{"record.merge", "into", url.Values{"account": {"a"}, "into": {"a"}}},
		{"event.write", "at", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"tomorrow"}, "text": {"A text"}, "scope": {"all"}}},
		{"record.label", "label", url.Values{"account": {"a"}, "label": {strings.Repeat("é", 100)}}},
		{"event.write", "at", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"1700-01-01 00:00"}, "scope": {"all"}}},
		{"event.write", "link", url.Values{"ref": {"e"}, "title": {"t"}, "at": {"2026-01-01 00:00"}, "link": {"javascript:alert(1)"}, "scope": {"all"}}},
		{"key.create", "scopes", url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}}},
		{"key.create", "days", url.Values{"id": {"aaaaaaaaaa"}, "name": {"x"}, "scopes": {"read"}, "days": {"-1"}}},
		{"settings.economy", "symbol", url.Values{"name": {"x"}, "symbol": {strings.Repeat("€", 17)}}},
	} {
		d := document(t, o.post(c.action, c.fields).Body.String())
		said := d.Find("#wrong .damage")
		id, _ := said.Attr("id")
		described := d.Find(`[aria-describedby="` + id + `"]`)
		if name := described.AddSelection(described.Find("input")).Filter("[name]").First().AttrOr("name", ""); said.Length() != 1 || name != c.wrong || d.Find("[autofocus]").Length() != 1 {
			t.Errorf("%s %.80v: %q is said of the field %q, want %q", c.action, c.fields, said.Text(), name, c.wrong)
		}
		written := url.Values{}
		d.Find("#wrong form").Find("input:not([type=checkbox]), input[checked], option[selected], textarea").Each(func(_ int, s *goquery.Selection) {
			name := s.AttrOr("name", s.Parent().AttrOr("name", ""))
			if _, was := c.fields[name]; was {
				written.Add(name, s.AttrOr("value", s.Text()))
			}
		})
		if diff := cmp.Diff(c.fields, written); diff != "" {
			t.Errorf("%s: what was written and what the form has: %s", c.action, diff)
		}
	}
}

func TestWhatIsBadIsTheFirstThatNeedsAttention(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	if _, err := db.Exec(t.Context(), `INSERT INTO alert_receivers (owner, name, kind, target, retry_at, failures, failing_since, off, problem) VALUES ('', 'a', 'webhook', '', now(), 1, now(), NULL, 'late'), ('', 'b', 'webhook', '', now(), 12, now(), now(), 'gone')`); err != nil {
		t.Fatal(err)
	}
	rows := o.get("/admin").Find("#attention tbody tr")
	if first := rows.First().Text(); rows.Length() != 2 || !strings.Contains(first, "Receiver b") {
		t.Errorf("%d things, first %q", rows.Length(), first)
	}
}
