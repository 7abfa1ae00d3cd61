package e2e_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"exchequer/admin"
	"exchequer/alerts"
	"exchequer/claims"
	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/web"
)

// TestAnAdminGoesThroughTheirPages opens all pages of who has signed in, and does one thing.
func TestAnAdminGoesThroughTheirPages(t *testing.T) {
	axe, err := os.ReadFile("testdata/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := signin.HashPassword("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteIn(t, "UTC", ofHome, func(s *site, d *web.Deps) {
		log := slog.New(slog.DiscardHandler)
		d.BaseURL = ""
		d.SignIn, err = signin.New(signin.Deps{
			Config: signin.Config{LocalHash: hash, Idle: time.Hour, Lifetime: time.Hour}, DB: func() *pgxpool.Pool { return s.db }, Log: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		d.Claims, d.OwnAlerts = claims.NewStore(s.db), alerts.NewOwn(s.db, d.Settings)
		leaving, leave := context.WithCancel(context.WithoutCancel(t.Context()))
		d.Admin = admin.New(admin.Deps{
			DB: s.db, Record: ledger.New(s.db), Cache: d.Cache, Soundness: d.Soundness, Settings: d.Settings, Requests: prometheus.NewRegistry(), Log: log, Leaving: leaving,
			Configured: []admin.Configured{{What: "Who sees what", Variable: "EXCHEQUER_PRIVACY", Value: "open"}},
		})
		t.Cleanup(leave)
	})
	b := newTab(t)
	b.open(s.URL + "/sign-in?next=/me")
	b.script(string(axe))
	b.violations("/sign-in", state{390, "light", false})
	b.script(`document.querySelector("#sign-in-name").value = "admin"; document.querySelector("#sign-in-password").value = "correct horse battery"`)
	b.do(chromedp.Click(chromedp.CSS("main form button")))
	b.within(patience, `location.pathname === "/me"`, "the page of who has signed in opens")

	b.open(s.URL + "/admin")
	paths := value(b, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".sections a")].map((a) => a.pathname)`))
	if len(paths) < 12 {
		t.Fatalf("the pages of admins are %v", paths)
	}
	const narrow = 320
	for i, path := range append([]string{"/me", "/sign-in"}, paths...) {
		b.open(s.URL + path)
		b.script(string(axe))
		theme := []string{"light", "dark"}[i%2]
		b.violations(path, state{narrow, theme, false})
		if wide := value(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > narrow {
			t.Errorf("at %d px %s is %d px wide", narrow, path, wide)
		}
		if !b.truth(`[...document.querySelectorAll(".scroll")].every((s) => s.scrollWidth <= s.clientWidth)`) {
			t.Errorf("at %d px a table of %s scrolls sideways", narrow, path)
		}
	}
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	lines := value(b, chromedp.Evaluate[[]string](`[".sections a[aria-current]", ".sections a:not([aria-current])"].map((a) => getComputedStyle(document.querySelector(a)).borderBottomColor)`))
	if lines[0] == lines[1] {
		t.Errorf("in forced colours all sections look like the current one: %v", lines)
	}
	b.refused.Store(true)
	b.open(s.URL + "/nothing")
	b.script(string(axe))
	b.violations("/nothing", state{1440, "light", false})

	b.open(s.URL + "/admin/cache")
	b.do(chromedp.Click(chromedp.CSS("form[action='/admin/do/cache.invalidate'] button")))
	b.within(patience, `document.activeElement?.name === "of" && document.getElementById(document.activeElement.getAttribute("aria-describedby"))?.textContent.includes("Name what") === true`, "what is missing is said of its field, which has the focus")
	b.open(s.URL + "/me")
	b.script(`document.querySelector("#alerts [name=thing]").value = "nothing"`)
	b.do(chromedp.Click(chromedp.CSS("#alerts form:has([name=thing]) button")))
	b.within(patience, `document.activeElement?.name === "thing" && document.activeElement.value === "nothing" && document.getElementById("rule-wrong") !== null`, "a rule that is refused is still in its form")
	b.refused.Store(false)
	b.open(s.URL + "/admin/cache")
	b.script(`document.querySelector("input[name=of]").value = "economy.overview"`)
	b.do(chromedp.Click(chromedp.CSS("form[action='/admin/do/cache.invalidate'] button")))
	b.within(patience, `document.querySelector("#confirm button") !== null`, "what will happen is said")
	b.do(chromedp.Click(chromedp.CSS("#confirm button")))
	b.within(patience, `location.pathname.startsWith("/admin/audit/") && document.querySelector("#entry .state.good")?.textContent.includes("done") === true`, "the result is shown")
	b.open(s.URL + "/admin/audit")
	if row := value(b, chromedp.Evaluate[string](`document.querySelector("#entries tbody tr").innerText`)); !strings.Contains(row, "cache.invalidate") || !strings.Contains(row, "economy.overview") || !strings.Contains(row, "admin") {
		t.Errorf("the newest entry of the log is %q", row)
	}
}
