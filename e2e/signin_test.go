package e2e_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/signin"
	"exchequer/web"
)

func TestAnAdminSignsInAndOut(t *testing.T) {
	hash, err := signin.HashPassword("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteIn(t, "UTC", ofHome, func(s *site, d *web.Deps) {
		d.BaseURL = ""
		d.SignIn, err = signin.New(signin.Deps{
			Config: signin.Config{LocalHash: hash, Idle: time.Hour, Lifetime: time.Hour},
			DB:     func() *pgxpool.Pool { return s.db }, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	b := newTab(t)
	b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.URL+"/accounts"))
	b.do(chromedp.Click(chromedp.CSS("header.site .wrap > .reader a")))
	b.within(patience, `location.pathname === "/sign-in" && document.querySelector("#sign-in-password") !== null`, "the page to sign in opens")
	b.script(`document.querySelector("#sign-in-name").value = "admin"; document.querySelector("#sign-in-password").value = "correct horse battery"`)
	b.do(chromedp.Click(chromedp.CSS("main form button")))
	b.within(patience, `location.pathname === "/accounts" && document.querySelector("header.site .reader bdi")?.innerText === "admin"`, "the reader is back, signed in")
	if b.truth(`document.cookie.includes("exchequer")`) {
		t.Error("a script can read the session")
	}
	for _, width := range []int64{320, 390, 1239, 1240, 1440} {
		b.do(chromedp.EmulateViewport(width, 900))
		if wide := value(b, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`)); wide > width {
			t.Errorf("at %d px the page is %d px wide", width, wide)
		}
		high := int64(47)
		if width >= 1240 {
			high = 85
		}
		if got := value(b, chromedp.Evaluate[int64](`document.querySelector("header.site").offsetHeight`)); got != high {
			t.Errorf("at %d px the head is %d px high, want %d", width, got, high)
		}
	}
	// In a narrow window the way out is in the menu.
	b.do(chromedp.EmulateViewport(390, 900), chromedp.Click(chromedp.CSS(".menu summary")), chromedp.Click(chromedp.CSS(".sheet .reader button")))
	b.within(patience, `location.pathname === "/" && document.querySelector("header.site .reader bdi") === null && document.querySelector("header.site .reader a").textContent === "Sign in"`, "the reader is signed out")
}
