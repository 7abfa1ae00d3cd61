// Package hostile_test sends the built program what no browser sends.
package hostile_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/testkit"
	"exchequer/ledger"
	"exchequer/signin"
)

const (
	adminPassword = "correct horse battery"
	operatorToken = "0123456789abcdef"
)

var builds = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "exchequer-hostile-") })

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := builds(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// binary is the program, without the race detector, as it is released.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := builds()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "exchequer")
	// As the Makefile builds it, so that both share what is compiled.
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/exchequer")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if cmd.Dir, err = filepath.Abs("../.."); err != nil {
		return "", err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// A program is a process that serves a small ledger.
type program struct {
	t              *testing.T
	cmd            *exec.Cmd
	said           *testkit.Buffer
	address, admin string // of the pages, and of operators
}

// traded fills a database with a dozen accounts and some trade.
func traded(t *testing.T) string {
	t.Helper()
	db := testkit.Postgres(t)
	now := time.Now().UTC().Truncate(time.Hour)
	b := ledger.Batch{
		Accounts: []ledger.Account{{Ref: "mint", Kind: ledger.System}},
		Items:    []ledger.Item{{Ref: "bread", Name: "Bread"}},
		Shops:    []ledger.Shop{{Ref: "stall", Place: "Market stall", Owner: "a0", World: "town", Active: true, Seen: now}},
	}
	for i := range 12 {
		ref := fmt.Sprint("a", i)
		b.Accounts = append(b.Accounts, ledger.Account{Ref: ref, Name: fmt.Sprint("Account ", i), Kind: ledger.Personal})
		b.Transactions = append(b.Transactions, ledger.Transaction{Origin: "town", Ref: ref, At: now.AddDate(0, 0, -2), Source: "grant",
			Postings: []ledger.Posting{{Account: "mint", Amount: -100_000}, {Account: ref, Amount: 100_000}}})
	}
	if _, err := ledger.New(db).Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return db.Config().ConnString()
}

// start starts the program with people who may sign in, and operators with an address of
// their own.
func start(t *testing.T, flags ...string) *program {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := signin.HashPassword(adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, said: &testkit.Buffer{}}
	p.cmd = exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json", "--log-level", "debug"}, flags...)...)
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "DATABASE_URL=" + traded(t), "EXCHEQUER_ADMIN_PASSWORD_HASH=" + hash, "EXCHEQUER_OPERATOR_TOKEN=" + operatorToken, "EXCHEQUER_LINGER=0s", "EXCHEQUER_VERIFY=off", "EXCHEQUER_RUM_SAMPLE=1"}
	p.cmd.Stdout, p.cmd.Stderr = io.Discard, p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { _ = p.cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			_ = p.cmd.Process.Kill()
			t.Error("the program does not end")
		}
	})
	named := func(name string) string {
		_, rest, _ := strings.Cut(p.said.String(), `"`+name+`":"127.0.0.1:`)
		port, _, found := strings.Cut(rest, `"`)
		if !found {
			return ""
		}
		return "127.0.0.1:" + port
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if p.address, p.admin = named("address"), named("admin"); p.address != "" && p.admin != "" {
			if response, err := http.Get("http://" + p.address + "/readyz"); err == nil {
				response.Body.Close()
				if response.StatusCode == http.StatusOK {
					return p
				}
			}
		}
		if time.Now().After(end) {
			t.Fatalf("the program does not serve; it said:\n%s", p.said)
		}
	}
}

// answers asks for a page as another reader does, and fails unless it comes.
func (p *program) answers(when string) {
	p.t.Helper()
	began := time.Now()
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: from("127.9.9.9").DialContext}}
	response, err := client.Get("http://" + p.address + "/economy")
	if err != nil {
		p.t.Errorf("%s, the page does not come: %v", when, err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "</html>") {
		p.t.Errorf("%s, the page is %s, %v", when, response.Status, err)
	}
	p.t.Logf("%s, the page took %s", when, time.Since(began).Round(time.Millisecond))
}

// from returns what dials from an address of this machine.
func from(address string) *net.Dialer {
	return &net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
}

// dial opens a connection that ends with the test.
func (p *program) dial(local string) net.Conn {
	p.t.Helper()
	conn, err := from(local).DialContext(context.WithoutCancel(p.t.Context()), "tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	return conn
}

// resident returns the memory of the program, in MiB.
func (p *program) resident() int {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Skip("the memory of a process is read from /proc")
	}
	var kib int
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		p.t.Fatal(err)
	}
	return kib >> 10
}

// signedIn returns a browser of the admin, at one of the addresses.
func (p *program) signedIn(at string) *http.Client {
	p.t.Helper()
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.PostForm("http://"+at+"/sign-in", url.Values{"name": {"admin"}, "password": {adminPassword}})
	if err != nil {
		p.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusSeeOther {
		p.t.Fatalf("signing in = %s", response.Status)
	}
	return browser
}
