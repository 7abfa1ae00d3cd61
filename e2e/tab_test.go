package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A tab is one page in a browser of its own. Errors and warnings of the page fail the
// test.
type tab struct {
	t   *testing.T
	ctx context.Context
	// offline is set while the site is down: the browser then reports failed
	// requests.
	offline atomic.Bool
	// refused is set while forms are sent that the site refuses, and pages are opened that
	// it has not.
	refused atomic.Bool
}

// newTab starts Chromium with a width of 1440 px.
func newTab(t *testing.T) *tab {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed; on Debian: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1440, 900),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true),
	)
	allocated, stop := chromedp.NewExecAllocator(t.Context(), options...)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Log("close browser:", err)
		}
		cancel()
		stop()
	})
	return listening(t, ctx)
}

// another opens another tab in the same browser.
func (b *tab) another() *tab {
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	return listening(b.t, ctx)
}

// listening returns the tab of a context, which fails the test when the page
// complains.
func listening(t *testing.T, ctx context.Context) *tab {
	t.Helper()
	b := &tab{t: t, ctx: ctx}
	// The first call starts the browser, so it must not have a deadline.
	if err := chromedp.Listen(ctx, b.complaints); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, runtime.Enable, cdp.Empty{})
	call(b, cdplog.Enable, cdp.Empty{})
	return b
}

func (b *tab) complaints(event any) {
	if b.offline.Load() {
		return
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.t.Errorf("the page threw: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			b.t.Errorf("the page logged an error: %s", e.Args[0].Value)
		}
	case *cdplog.EventEntryAdded: // messages of the browser itself, such as of the content policy
		if e.Entry.Level == "error" && !(b.refused.Load() && strings.Contains(e.Entry.Text, "Failed to load resource")) {
			b.t.Errorf("the browser complained: %s", e.Entry.Text)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && !(b.refused.Load() && e.Response.Status < 500) {
			b.t.Errorf("%s was answered %d", e.Response.URL, e.Response.Status)
		}
	}
}

// patience is the timeout of one action of the browser.
const patience = 30 * time.Second

// do runs actions and fails the test with the first one that fails.
func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// open navigates to an address.
func (b *tab) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address))
}

// script runs statements without a result.
func (b *tab) script(statements string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](statements))
}

// call calls a command of the protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		b.t.Fatalf("in the browser: %s: %v", command.Method, err)
	}
}

// value runs an action with a result.
func value[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return v
}

// truth evaluates a boolean expression.
func (b *tab) truth(expression string) bool {
	b.t.Helper()
	return value(b, chromedp.Evaluate[bool](expression))
}

// asOf returns the window that the page shows.
func (b *tab) asOf() string {
	b.t.Helper()
	return value(b, chromedp.Evaluate[string](`document.getElementById("folio").dataset.asOf`))
}

// within waits until an expression is true, at most for limit. A page that is being left
// has no answer.
func (b *tab) within(limit time.Duration, expression, what string) {
	b.t.Helper()
	var failed error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		var holds bool
		holds, failed = chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		cancel()
		if holds {
			return
		}
	}
	b.t.Fatalf("not within %s: %s (%v)", limit, what, failed)
}

// newWindow waits until the page shows another window than this one.
func (b *tab) newWindow(old string, limit time.Duration) {
	b.t.Helper()
	b.within(limit, fmt.Sprintf(`document.getElementById("folio").dataset.asOf !== %q`, old), "a new window")
}

// shown reports whether the page contains a text.
func shown(text string) string {
	return fmt.Sprintf(`document.body.innerText.toLowerCase().includes(%q)`, strings.ToLower(text))
}
