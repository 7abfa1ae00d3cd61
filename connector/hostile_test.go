//go:build unix

package connector_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// A preset of shops in files; %s is the engine.
const shopFiles = `origin = "own"
engines = ["%s"]
[ledger]
name = "Own"
decimals = 2
[[streams]]
name = "shops"
read = { format = "csv", files = "*.csv" }
[streams.columns]
shop = "shop"
owner = "owner"
ask = "ask"
[[streams.accounts]]
role = "owner"
ref = "{owner}"
kind = "personal"
[streams.shop]
ref = "own:shop:{shop}"
owner = "owner"
offer = "sign"
item = "bread"
ask = "ask"
`

// put writes a file, whose size or time is another one then.
func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestShopsAreClosedWhenTwoReadingsLackThem(t *testing.T) {
	db, folder := testkit.Postgres(t), t.TempDir()
	file := filepath.Join(folder, "shops.csv")
	f := follower(t, db, newPreset(t, fmt.Sprintf(shopFiles, "file")), "file:"+file)
	const open = `SELECT ref FROM shops WHERE active ORDER BY ref`
	const all = "own:shop:1\nown:shop:2"
	for _, step := range []struct{ name, text, want string }{
		{"all", "shop,owner,ask\n1,ada,1\n2,bert,2\n", all},
		{"half of the file is written", "shop,owner,ask\n", all},
		{"all of it is", "shop,owner,ask\n1,ada,1\n2,bert,3\n", all},
		{"a row cannot be read", "shop,owner,ask\n1,ada,1\n\"2\"x,bert,3\n", all},
		{"it still cannot", "shop,owner,ask\n1,ada,1\n\"2\"x,bert,3\n", all},
		{"one is deleted", "shop,owner,ask\n2,bert,3\n", all},
		{"it still is", "shop,owner,ask\n2,bert,3\n", "own:shop:2"},
		{"all are deleted", "shop,owner,ask\n", "own:shop:2"},
		{"they still are", "shop,owner,ask\n", ""},
		{"they are made again", "shop,owner,ask\n1,ada,1\n2,bert,3\n", all},
	} {
		if old, _ := os.ReadFile(file); string(old) != step.text {
			put(t, file, step.text)
		}
		if err := f.Round(context.Background()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := lines(t, db, open); got != step.want {
			t.Errorf("%s: shops %q, want %q", step.name, got, step.want)
		}
	}
}

func TestNothingOutsideAFolderIsRead(t *testing.T) {
	db, folder, outside := testkit.Postgres(t), t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret.csv")
	put(t, secret, "shop,owner,ask\n9,secret,9\n")
	put(t, filepath.Join(folder, "a.csv"), "shop,owner,ask\n1,ada,1\n")
	put(t, filepath.Join(folder, "long.csv"), "shop,owner,ask\n"+strings.Repeat("x", 5<<20))
	for name, to := range map[string]string{"link.csv": secret, "up.csv": "../" + filepath.Base(outside) + "/secret.csv", "self.csv": "self.csv", "folder.csv": ".", "environ.csv": "/proc/self/environ"} {
		if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(folder, "pipe.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	syncOnce(t, db, newPreset(t, fmt.Sprintf(shopFiles, "folder")), "dir:"+folder)
	if got := lines(t, db, `SELECT ref FROM shops`) + " " + lines(t, db, `SELECT reason FROM sync_rejects`); got != "own:shop:1 file long.csv: it is longer than 4 MB" {
		t.Errorf("shops and what was left out: %s", got)
	}
}

func TestASourceOfAPipeFails(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.csv")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, preset := range map[string]string{"whole": fmt.Sprintf(shopFiles, "file"), "growing": fmt.Sprintf(payments, asCSV)} {
		err := follower(t, testkit.Postgres(t), newPreset(t, preset), "file:"+pipe).Once(t.Context())
		if err == nil || !strings.Contains(err.Error(), "is not a file") {
			t.Errorf("%s: %v, want that it is not a file", name, err)
		}
	}
}

// A line that does not end is looked at again only when there is more of it.
func TestALineWithoutAnEndIsWaitedFor(t *testing.T) {
	db, log := testkit.Postgres(t), filepath.Join(t.TempDir(), "trade.log")
	f := follower(t, db, newPreset(t, fmt.Sprintf(payments, asLines)), "file:"+log)
	line := paid(1, "ann", "bob", "1.50")
	for _, step := range []struct{ text, want string }{{line[:10], ""}, {"", ""}, {line[10:30], ""}, {line[30:], "00:01 ann -150 bob 150"}, {"", "00:01 ann -150 bob 150"}} {
		appendTo(t, log, step.text)
		if err := f.Round(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, db, allPayments); got != step.want {
			t.Errorf("payments %q, want %q", got, step.want)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	appendTo(t, log, strings.Repeat("x", 1<<20))
	if err := f.Round(stopped); err == nil {
		t.Error("it was read although it was to stop")
	}
}

func TestRowsThatCannotBeReadAreKeptInBounds(t *testing.T) {
	db, file := testkit.Postgres(t), filepath.Join(t.TempDir(), "shops.csv")
	put(t, file, "shop,owner,ask,"+strings.Repeat("n,", 900)+"n\n"+strings.Repeat("1,ada,\xff\x00bad"+strings.Repeat(","+strings.Repeat("z", 50), 901)+"\n", 3)+strings.Repeat("\"2\"x,bert,3\n", 12_000))
	f := follower(t, db, newPreset(t, fmt.Sprintf(shopFiles, "file")), "file:"+file)
	for range 2 {
		if err := f.Round(context.Background()); err != nil {
			t.Fatal(err)
		}
		const kept = `SELECT concat_ws(' ', count(*), count(*) FILTER (WHERE number <= 3), max(pg_column_size(fields::text)) < 10000) FROM sync_rejects`
		if got := lines(t, db, kept); got != "10000 3 t" {
			t.Errorf("rows that are kept, of the first three, in bounds: %s", got)
		}
	}
}

func TestAHostThatSendsMoreThanWasAskedIsReadInBatches(t *testing.T) {
	var a api
	server := a.serve(t, func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		for id := after + 1; id <= 9000; id++ {
			fmt.Fprintln(w, payment(id))
		}
	})
	db, preset := testkit.Postgres(t), newPreset(t, fmt.Sprintf(asked, "mark = \"id\"\nread = { format = \"ndjson\", http = { after = \"after\", limit = \"limit\" } }"))
	syncOnce(t, db, preset, sourceOf(t, server, "/list"))
	if got := lines(t, db, `SELECT count(*)::text FROM transactions`); got != "9000" {
		t.Errorf("%s transactions, want 9000", got)
	}
	if len(a.asked) < 3 || !strings.HasPrefix(a.asked[1], "GET /list?after=4000") {
		t.Errorf("requests %.300q, want the second one after 4000", a.asked)
	}
}

func TestWhatAHostSaysIsNotRepeated(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		want   string
	}{
		"a long address": {func(w http.ResponseWriter) {
			fmt.Fprint(w, payments1(1, 1)+`, "next": "/`+strings.Repeat("a", 9000)+`"}`)
		}, "longer than 8192 bytes"},
		"a status of its own": {func(w http.ResponseWriter) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 403 s3cret "+strings.Repeat("x", 1000)+"\r\nContent-Length: 0\r\n\r\n")
		}, "it answers 403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			var a api
			server := a.serve(t, func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			preset := newPreset(t, fmt.Sprintf(asked, `read = { format = "json", each = "data", http = { next = "next" } }`))
			f := follower(t, testkit.Postgres(t), preset, sourceOf(t, server, "/"))
			f.Hurry(2 * time.Second)
			err := f.Once(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error %.600v, want %q alone", err, c.want)
			}
		})
	}
}
