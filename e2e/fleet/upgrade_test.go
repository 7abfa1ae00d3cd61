package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/client"
	"exchequer/internal/testkit"
)

// nextMigration is what a release may do to tables that are read and written meanwhile.
const nextMigration = `
ALTER TABLE accounts ADD COLUMN note text NOT NULL DEFAULT '';
ALTER TABLE transactions ADD COLUMN reviewed timestamptz;
CREATE TABLE account_notes (account bigint PRIMARY KEY, note text NOT NULL);
INSERT INTO account_notes SELECT id, name FROM accounts;
CREATE INDEX transactions_reviewed ON transactions (reviewed) WHERE reviewed IS NOT NULL;

---- create above / drop below ----

DROP INDEX transactions_reviewed;
DROP TABLE account_notes;
ALTER TABLE transactions DROP COLUMN reviewed;
ALTER TABLE accounts DROP COLUMN note;
`

// nextRelease is the program with one migration more.
var nextRelease = sync.OnceValues(func() (string, error) {
	migrations, err := filepath.Glob("../../migrations/*.sql")
	if err != nil {
		return "", err
	}
	return buildWith("next", fmt.Sprintf("migrations/%03d_next.sql", len(migrations)+1), nextMigration)
})

// As docs/upgrade.md does it, behind the proxy of deploy/Caddyfile: the next release
// migrates while three processes of this one serve, which are then replaced one after the
// other, while pages are read and transactions written.
func TestAnUpgradeAcrossAMigrationLosesNoRequest(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("caddy"); err != nil {
		t.Skip("there is no caddy: install it (Debian: apt-get install caddy)")
	}
	next, err := nextRelease()
	if err != nil {
		t.Fatal(err)
	}
	this, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, sharedDatabase(t), "window:3s")
	f.env = append(f.env, "EXCHEQUER_LINGER=1s")
	var addresses []string
	var processes []*process
	for range 3 {
		addresses = append(addresses, testkit.FreeAddr(t))
		processes = append(processes, f.launch(this, "--listen", addresses[len(addresses)-1]))
	}
	for _, p := range processes {
		p.serves()
	}
	site := behindProxy(t, addresses)
	key := strings.TrimSpace(f.tool(this, "keys", "create", "--name", "test", "--scopes", "transactions"))

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	var visits, writes atomic.Int64
	for i := range 6 {
		clients.Go(func() {
			browser := newBrowser(t)
			for ; ctx.Err() == nil; i++ {
				path := []string{"/economy", "/market", "/accounts", "/transactions", "/api/v1/stats"}[i%5]
				v := fetch(t.Context(), browser, site+path)
				if path == "/economy" && v.err == nil {
					v.err = v.whole()
				}
				if v.err != nil || v.status != 200 {
					t.Errorf("%s = %d, %v", path, v.status, v.err)
					return
				}
				visits.Add(1)
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	clients.Go(func() {
		program := client.New(site, key)
		for n := 0; ctx.Err() == nil; n++ {
			payment := client.Transaction{Origin: "upgrade", Ref: fmt.Sprint(n), At: time.Now(), Source: "grant",
				Postings: []client.Posting{{Account: "sys:mint", Amount: -5}, {Account: "sys:sink", Amount: 5}}}
			if _, err := program.Transactions(t.Context(), []client.Transaction{payment}); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			writes.Add(1)
			time.Sleep(50 * time.Millisecond)
		}
	})

	time.Sleep(time.Second)
	f.tool(next, "migrate")
	time.Sleep(4 * time.Second) // a window of the old processes on the new schema
	replace := func(i int, path string) {
		processes[i].terminate()
		processes[i] = f.launch(path, "--listen", addresses[i])
		processes[i].serves()
		time.Sleep(2 * time.Second) // until the proxy has seen that it is ready
	}
	replace(0, this) // as after a crash: it starts on the newer schema
	for i := range processes {
		replace(i, next)
	}
	time.Sleep(time.Second)
	stop()
	clients.Wait()
	t.Logf("%d visits, %d writes", visits.Load(), writes.Load())
	if writes.Load() < 10 || visits.Load() < 100 {
		t.Errorf("only %d visits and %d writes", visits.Load(), writes.Load())
	}
	var written int64
	if err := connect(t, f.db).QueryRow(t.Context(), `SELECT count(*) FROM transactions WHERE origin = 'upgrade'`).Scan(&written); err != nil || written != writes.Load() {
		t.Errorf("%d of %d writes are in the ledger, %v", written, writes.Load(), err)
	}
	f.tool(next, "verify")
}

// tool runs another command of a binary, to its end, and returns what it prints.
func (f *fleet) tool(path string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = f.env
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		errors.As(err, &failed)
		f.t.Fatalf("%s %v: %v\n%s%s", filepath.Base(path), args, err, out, failed.Stderr)
	}
	return string(out)
}

// behindProxy runs the proxy of the compose file before processes, and returns the
// address of the site.
func behindProxy(t *testing.T, upstreams []string) string {
	t.Helper()
	site := "http://" + testkit.FreeAddr(t)
	cmd := exec.Command("caddy", "run", "--config", "../../deploy/Caddyfile", "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "EXCHEQUER_SITE="+site, "EXCHEQUER_UPSTREAMS="+strings.Join(upstreams, " "),
		"XDG_CONFIG_HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir())
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the proxy said:\n%s", said.String())
		}
	})
	browser := newBrowser(t)
	eventually(t, "the proxy passes requests on", func() error {
		if v := fetch(t.Context(), browser, site+"/healthz"); v.err != nil || v.status != 200 {
			return fmt.Errorf("%d, %w", v.status, v.err)
		}
		return nil
	})
	return site
}
