package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
	"exchequer/ledger"
)

// newDownload is one of a minute's window that write makes.
func newDownload(write func(context.Context, io.Writer) error) *download {
	return &download{
		places: &shares{all: listFiles, own: listFiles},
		name:   "list.csv", window: time.Minute, write: write,
		now: time.Now, settings: func() ledger.Settings { return ledger.Settings{} }, leaving: context.Background(), log: slog.New(slog.DiscardHandler),
	}
}

// open reports how many files exist.
func (d *download) open() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.files
}

func (f *downloadFile) text(t *testing.T) string {
	t.Helper()
	b := make([]byte, f.size)
	if _, err := f.file.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// countingQueries counts readings of all accounts.
type countingQueries struct{ readings atomic.Int64 }

func (c *countingQueries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "all_accounts NO SCROLL") {
		c.readings.Add(1)
	}
	return ctx
}

func (*countingQueries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestAllAccountsAreReadOnceForAllWhoDownloadThem(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	db := testkit.Postgres(t)
	if _, err := ledger.New(db).Append(t.Context(), smallLedger()); err != nil {
		t.Fatal(err)
	}
	queries := &countingQueries{}
	config := db.Config()
	config.ConnConfig.Tracer = queries
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(traced.Close)
	memos := cache.New(cache.Deps{Store: cache.NewMemory(), Policies: map[string]cache.Policy{"economy.richest": {Window: 24 * time.Hour}}})
	t.Cleanup(func() { _ = memos.Close(context.Background()) })
	tn := newTown()
	tn.change = func(d *Deps) { d.Economy = aggregates.NewEconomy(memos, traced) }
	server := tn.start(t)

	var all sync.WaitGroup
	for i := range 20 {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(10+i))}} // since a reader is sent few lists at a time
		reader := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		all.Go(func() {
			response, err := reader.Get(server.URL + "/economy/richest.csv")
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != http.StatusOK || response.ContentLength != int64(len(body)) || !strings.Contains(string(body), "\r\nann,") {
				t.Errorf("status %d, %v:\n%s", response.StatusCode, err, body)
			}
		})
	}
	all.Wait()
	if n := queries.readings.Load(); n != 1 {
		t.Errorf("20 readers made the database read all accounts %d times, want once", n)
	}

	whole, body := ask(t, "GET", server.URL+"/economy/richest.csv")
	tag := whole.Header.Get("Etag")
	if got := whole.Header.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="economy-richest-20`) {
		t.Errorf("Content-Disposition = %s", got)
	}
	if head, _ := ask(t, "HEAD", server.URL+"/economy/richest.csv"); head.ContentLength != int64(len(body)) || head.Header.Get("Etag") != tag {
		t.Errorf("HEAD has %d bytes of %s, want %d of %s", head.ContentLength, head.Header.Get("Etag"), len(body), tag)
	}
	if same, _ := ask(t, "GET", server.URL+"/economy/richest.csv", "If-None-Match", tag); same.StatusCode != http.StatusNotModified {
		t.Errorf("the same file again: status %d, want 304", same.StatusCode)
	}
	if rest, end := ask(t, "GET", server.URL+"/economy/richest.csv", "Range", "bytes=10-", "If-Range", tag); rest.StatusCode != http.StatusPartialContent || end != body[10:] {
		t.Errorf("the rest from byte 10: status %d, %q, want 206, %q", rest.StatusCode, end, body[10:])
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("there are files that a killed process would leave behind: %v", left)
	}
}

func TestSlowReadersHoldUpNobody(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	d := newDownload(func(_ context.Context, w io.Writer) error { _, err := w.Write(content); return err })
	d.window = 24 * time.Hour
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = d.serve(w, r) }))
	server.Config.ConnContext = withConn
	server.Start()
	defer server.Close()
	for range 2 {
		slow, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		if _, err := slow.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := slow.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	_, body := ask(t, "GET", server.URL)
	if body != string(content) {
		t.Errorf("a third reader got %d bytes, want %d", len(body), len(content))
	}
}

func TestAReaderWhoLeavesNeitherEndsNorRepeatsTheMaking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		d := newDownload(func(ctx context.Context, w io.Writer) error {
			made++
			select {
			case <-time.After(10 * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			_, err := io.WriteString(w, "all")
			return err
		})
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if f, err := d.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a reader who left got %v, %v", f, err)
			}
			cancel()
		}
		f, err := d.take(t.Context())
		if err != nil || f.text(t) != "all" || made != 1 {
			t.Fatalf("%v, after the file was made %d times, want once", err, made)
		}
		d.release(f)
		time.Sleep(5 * time.Minute)
		if n := d.open(); n != 0 {
			t.Errorf("%d files are left that nobody reads", n)
		}
	})
}

func TestAFailureIsAnsweredAndNotRetriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, made := true, 0
		d := newDownload(func(_ context.Context, w io.Writer) error {
			made++
			_, _ = io.WriteString(w, "half")
			if made == 2 {
				panic("half")
			}
			if down {
				return errors.New("no database")
			}
			_, err := io.WriteString(w, " and half")
			return err
		})
		for range 2 {
			for range 10 {
				if f, err := d.take(t.Context()); status(err) != http.StatusServiceUnavailable {
					t.Errorf("got %v, %v, want a failure that is 503", f, err)
				}
			}
			time.Sleep(downloadRetry)
		}
		if made != 2 || d.open() != 0 {
			t.Errorf("20 readers in two retries made it %d times, want twice; %d files are left", made, d.open())
		}
		down = false
		f, err := d.take(t.Context())
		if err != nil || f.text(t) != "half and half" {
			t.Fatalf("after the recovery: %v", err)
		}
		d.release(f)
		time.Sleep(time.Hour)
	})
}

func TestTheLastFileServesWhileTheNextIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := ""
		d := newDownload(func(_ context.Context, w io.Writer) error {
			made += "x"
			time.Sleep(2 * time.Second)
			_, err := io.WriteString(w, made)
			return err
		})
		read := func(want string, wait time.Duration) {
			t.Helper()
			began := time.Now()
			f, err := d.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer d.release(f)
			if got, took := f.text(t), time.Since(began); got != want || took != wait {
				t.Errorf("got %q after %s, want %q after %s", got, took, want, wait)
			}
		}
		read("x", 2*time.Second)
		read("x", 0)
		time.Sleep(time.Minute)
		read("x", 0)
		read("x", 0)
		time.Sleep(3 * time.Second)
		read("xx", 0)
		time.Sleep(3 * time.Minute)
		read("xxx", 2*time.Second)
		time.Sleep(time.Hour)
	})
}

func TestReadersWhoHoldFilesLeaveOthersTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		d := newDownload(func(_ context.Context, w io.Writer) error {
			made++
			_, err := io.WriteString(w, "all")
			return err
		})
		var held []*downloadFile
		for range 3 * downloadFiles {
			f, err := d.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, f)
			if d.open() > downloadFiles {
				t.Fatalf("%d files exist", d.open())
			}
			time.Sleep(3 * time.Minute)
		}
		if made != downloadFiles {
			t.Errorf("made %d files for readers who leave none, want %d", made, downloadFiles)
		}
		for _, f := range held {
			d.release(f)
		}
		if n := d.open(); n != 0 {
			t.Errorf("%d files are left that nobody reads", n)
		}
		if f, err := d.take(t.Context()); err != nil || made != downloadFiles+1 {
			t.Errorf("%v, and %d files made; want a new one", err, made)
		} else {
			d.release(f)
		}
		time.Sleep(time.Hour)
	})
}

// deadlines is an answer whose reader takes a while for each write.
type deadlines struct {
	httptest.ResponseRecorder
	takes    time.Duration
	deadline time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.deadline = t; return nil }

func (d *deadlines) Write(p []byte) (int, error) {
	time.Sleep(d.takes)
	if time.Now().After(d.deadline) {
		return 0, os.ErrDeadlineExceeded
	}
	return len(p), nil
}

func TestASteadyReaderIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := strings.NewReader(strings.Repeat("x", 32<<10*100))
		for takes, want := range map[time.Duration]int64{
			4 * time.Second:  content.Size(),                                 // 8 KB a second, for 400 s
			2 * time.Minute:  0,                                              // nothing for a minute
			50 * time.Second: 32 << 10 * int64(steadyLimit/(50*time.Second)), // for longer than anybody may
		} {
			_, _ = content.Seek(0, io.SeekStart)
			w := &deadlines{takes: takes}
			got, _ := io.CopyN(newSteadyWriter(w, httptest.NewRequest("GET", "/", http.NoBody)), content, content.Size()) // as ServeContent does
			if got != want {
				t.Errorf("a reader who takes 32 KB in %s got %d bytes, want %d", takes, got, want)
			}
		}
	})
}

// What is found in a long list may be at its beginning.
func TestAnAnswerCanEndAfterMinutesWithoutARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{}
		to := newSteadyWriter(w, httptest.NewRequest("GET", "/", http.NoBody))
		var rows bytes.Buffer
		rows.WriteString("the only row")
		for range 10 {
			if err := to.drain(&rows); err != nil || rows.Len() > 0 {
				t.Fatalf("%q is left: %v", &rows, err)
			}
			time.Sleep(20 * time.Second) // the next stretch is read
		}
		if _, err := w.Write(nil); err != nil {
			t.Errorf("the end of the answer: %v", err)
		}
	})
}

// A slow reader holds a place among the files that are sent for as long as it reads.
func TestAFileIsSentToAClientInOneOfItsPlaces(t *testing.T) {
	d := newDownload(func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, "rows"); return err })
	d.places.own, d.places.beyond = 1, errOwnFiles
	defer func() { d.newest.expired = true; d.drop(d.newest) }()
	r := httptest.NewRequest("GET", "/list.csv", nil)
	free, err := d.places.take(client(r))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.serve(httptest.NewRecorder(), r); !errors.Is(err, errOwnFiles) {
		t.Errorf("a file beside another one: %v", err)
	}
	free()
	w := httptest.NewRecorder()
	if err := d.serve(w, r); err != nil || w.Body.String() != "rows" || d.places.taken != 0 {
		t.Errorf("after it: %q, %v, %d places taken", w.Body, err, d.places.taken)
	}
}
