package admin_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"exchequer/admin"
	"exchequer/admin/audit"
	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// markup is a name that must be text wherever it is shown.
const markup = `<script>alert(1)</script>`

// An office is the pages of a ledger, asked by Ann, who is an admin, from 192.0.2.7.
type office struct {
	t       *testing.T
	db      *pgxpool.Pool
	cache   *cache.Cache
	handler http.Handler
}

var ann = signin.Identity{Subject: "local:ann", Name: "Ann " + markup, Role: signin.Admin}

// kept is a ledger with a few accounts.
func kept(t *testing.T) *pgxpool.Pool {
	t.Helper()
	db := testkit.Postgres(t)
	record := ledger.New(db)
	if err := record.SetSettings(t.Context(), ledger.Settings{Name: "Port Test", Symbol: "₤", Decimals: 2, Timezone: "Europe/Berlin"}); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	_, err := record.Append(t.Context(), ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}, {Ref: "a", Name: "Ada", Kind: ledger.Personal}, {Ref: "b", Name: "Bo " + markup, Kind: ledger.Personal}, {Ref: "c", Name: "Cy", Kind: ledger.Personal}},
		Transactions: []ledger.Transaction{{Origin: "t", Ref: "1", At: at, Source: "grant", Postings: []ledger.Posting{
			{Account: "mint", Amount: -300}, {Account: "a", Amount: 100}, {Account: "b", Amount: 100}, {Account: "c", Amount: 100}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// open opens the office of a ledger. Change may change what it is made of.
func open(t *testing.T, db *pgxpool.Pool, change func(*admin.Deps)) *office {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	c := cache.New(cache.Deps{Store: cache.NewMemory(), Space: "admin:1", Log: log})
	leaving, leave := context.WithCancel(context.WithoutCancel(t.Context()))
	settings := func() ledger.Settings {
		s, err := ledger.New(db).Settings(context.WithoutCancel(t.Context()))
		if err != nil {
			t.Error(err)
		}
		return s
	}
	d := admin.Deps{
		DB: db, Record: ledger.New(db), Cache: c, Soundness: aggregates.NewSoundnessMemos(t.Context(), c, db, nil), Settings: settings,
		Configured: []admin.Configured{{What: "Who sees what", Variable: "EXCHEQUER_PRIVACY", Value: "closed"}},
		Requests:   prometheus.NewRegistry(), Log: log, Leaving: leaving,
	}
	if change != nil {
		change(&d)
	}
	pages := admin.New(d)
	router := chi.NewRouter()
	for _, route := range pages.Routes(admin.Site{
		Shell:  func(context.Context) views.Site { return views.Site{Settings: settings(), Root: "/c/port"} },
		Client: func(*http.Request) string { return "192.0.2.7" },
	}) {
		router.MethodFunc(route.Method, route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				if err := r.ParseForm(); err != nil {
					t.Error(err)
				}
			}
			switch err := route.Handle(w, r.WithContext(signin.With(r.Context(), ann))); {
			case err == admin.ErrUnknown:
				w.WriteHeader(http.StatusNotFound)
			case err != nil:
				w.WriteHeader(http.StatusInternalServerError)
				_, _ = io.WriteString(w, err.Error())
			}
		})
	}
	t.Cleanup(func() {
		leave()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := pages.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return &office{t, db, c, router}
}

// get asks for a page, which must be there.
func (o *office) get(path string) *goquery.Document {
	o.t.Helper()
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, httptest.NewRequestWithContext(o.t.Context(), http.MethodGet, path, http.NoBody))
	if w.Code != http.StatusOK {
		o.t.Fatalf("%s = %d: %.500s", path, w.Code, w.Body)
	}
	o.guarded(path, w)
	return document(o.t, w.Body.String())
}

// guarded checks what holds for every answer.
func (o *office) guarded(path string, w *httptest.ResponseRecorder) {
	o.t.Helper()
	if h := w.Header(); w.Code < http.StatusInternalServerError && (h.Get("Cache-Control") != "no-store" || !strings.Contains(h.Get("X-Robots-Tag"), "noindex")) {
		o.t.Errorf("%s: %v, want that nobody keeps or lists it", path, h)
	}
	if strings.Contains(w.Body.String(), markup) {
		o.t.Errorf("%s has markup from a name", path)
	}
}

func document(t *testing.T, text string) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// post sends a form.
func (o *office) post(action string, fields url.Values) *httptest.ResponseRecorder {
	o.t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(o.t.Context(), http.MethodPost, "/admin/do/"+action, strings.NewReader(fields.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	o.handler.ServeHTTP(w, r)
	o.guarded(action, w)
	return w
}

// form returns the fields of a description's form.
func form(d *goquery.Document) url.Values {
	fields := url.Values{}
	d.Find("#confirm form input").Each(func(_ int, s *goquery.Selection) {
		fields.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
	})
	return fields
}

// do asks for an action, confirms it as a browser would, and returns the page with its
// result, and the entry.
func (o *office) do(action string, fields url.Values) (*goquery.Document, audit.Entry) {
	o.t.Helper()
	before := o.entries()
	w := o.post(action, fields)
	if w.Code != http.StatusOK {
		o.t.Fatalf("%s %v = %d: %s", action, fields, w.Code, document(o.t, w.Body.String()).Find("main").Text())
	}
	description := document(o.t, w.Body.String())
	if after := o.entries(); len(after) != len(before) {
		o.t.Fatalf("%s was done before it was confirmed: %+v", action, after[0])
	}
	confirmed := form(description)
	if confirmed.Get("confirm") != "yes" || description.Find("#confirm .said").Length() == 0 {
		o.t.Fatalf("%s is not described: %s", action, description.Find("main").Text())
	}
	w = o.post(action, confirmed)
	if w.Code != http.StatusSeeOther {
		o.t.Fatalf("%s, confirmed = %d: %s", action, w.Code, w.Body)
	}
	to := w.Header().Get("Location")
	path, below := strings.CutPrefix(to, "/c/port")
	if !below {
		o.t.Errorf("%s leads to %s, which is not below its ledger", action, to)
	}
	return o.get(path), o.entries()[0]
}

// entries are those of the audit log.
func (o *office) entries() []audit.Entry {
	o.t.Helper()
	all, err := audit.List(o.t.Context(), o.db, audit.Filter{}, 100)
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

// value reads one value of the database.
func value[T any](o *office, query string, args ...any) (v T) {
	o.t.Helper()
	if err := o.db.QueryRow(o.t.Context(), query, args...).Scan(&v); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	return v
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
