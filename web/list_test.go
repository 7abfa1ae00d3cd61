package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/ledger"
)

func TestAListIsReadToItsEnd(t *testing.T) {
	tn := newTown()
	tn.statement = lines(120)
	server := tn.start(t)
	seen, address := 0, server.URL+"/accounts/ada"
	for range 3 {
		_, body := ask(t, "GET", address)
		doc := parse(t, body)
		seen += doc.Find("#statement tbody tr").Length()
		href, more := doc.Find("#statement nav a[rel~=next]").Attr("href")
		if !more {
			break
		}
		if doc.Find("#folio").AttrOr("data-window", "") != "" && strings.Contains(address, "after=") {
			t.Error("a page of older rows is asked for again")
		}
		address = server.URL + href
	}
	if seen != 120 {
		t.Errorf("following the links shows %d rows, want all 120", seen)
	}
	seen = 0
	for after := ""; ; {
		_, body := ask(t, "GET", server.URL+"/accounts/ada/statement.json?after="+after)
		var d listDocument
		if err := json.Unmarshal([]byte(body), &d); err != nil {
			t.Fatal(err)
		}
		if seen += len(d.Rows); d.Next == "" {
			break
		}
		after = d.Next
	}
	if seen != 120 {
		t.Errorf("following next shows %d rows, want all 120", seen)
	}
	_, body := ask(t, "GET", server.URL+"/accounts/ada/statement.csv")
	if rows, err := csv.NewReader(strings.NewReader(body)).ReadAll(); err != nil || len(rows) != 121 {
		t.Errorf("the file has %d rows, %v, want 121", len(rows), err)
	}
	if response, _ := ask(t, "GET", server.URL+"/accounts/nobody"); response.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown account: status %d", response.StatusCode)
	}
	for _, odd := range []string{"?after=x", "?after=1.2", "?before=yesterday", "?after=99999999999999999999.1.1"} {
		if response, _ := ask(t, "GET", server.URL+"/accounts/ada"+odd); response.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", odd, response.StatusCode)
		}
	}
}

func TestAFileThatEndsEarlySaysSo(t *testing.T) {
	tn := newTown()
	whole := lines(3 * listFetch)
	var reads atomic.Int64
	tn.statement = func(ctx context.Context, account string, before ledger.Cursor, limit int) ([]ledger.Line, error) {
		if reads.Add(1) > 1 {
			return nil, errors.New("the server closed the connection")
		}
		return whole(ctx, account, before, limit)
	}
	response, body := ask(t, "GET", tn.start(t).URL+"/accounts/ada/statement.csv")
	if !strings.HasSuffix(body, "incomplete: the rows that follow could not be read\r\n") {
		t.Errorf("the file ends with %q", body[max(0, len(body)-80):])
	}
	if response.Trailer.Get(incomplete) == "" {
		t.Errorf("the trailer is %v", response.Trailer)
	}
}

func TestAnAccountThatIsHiddenIsNotFound(t *testing.T) {
	tn := newTown()
	tn.account = func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.Account, error) {
		return nil, nil
	}
	tn.statement = lines(0)
	server := tn.start(t)
	answer := func(ref, rest string) (int, string) {
		address := server.URL + "/accounts/" + ref + rest
		if rest == "api" {
			address = server.URL + "/api/v1/accounts/" + ref
		}
		response, body := ask(t, "GET", address, "Accept", "text/html")
		return response.StatusCode, fmt.Sprint(response.Header["Cache-Control"], response.Header["Content-Type"], requestID.ReplaceAllString(body, ""))
	}
	for _, rest := range []string{"", "/moves", "/moves.json", "/moves.csv", "/moves.meta.json", "/statement.json", "/statement.csv", "api"} {
		status, body := answer("ada", rest)
		if status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", rest, status)
		}
		if _, unknown := answer("nobody", rest); body != unknown {
			t.Errorf("%s of a hidden account differs from that of none:\n%s\n%s", rest, body, unknown)
		}
	}
}

// An account that is hidden is looked up as one that never was, so that both take as long.
func TestAnAccountThatIsHiddenSinceIsLookedUpAgain(t *testing.T) {
	tn := newTown()
	var hidden atomic.Bool
	var lookedUp atomic.Int64
	account := tn.account
	tn.account = func(ctx context.Context, w cache.Window, q aggregates.AccountQuery) (*aggregates.Account, error) {
		if hidden.Load() {
			return nil, nil
		}
		return account(ctx, w, q)
	}
	tn.known = func(context.Context, string) (bool, error) {
		lookedUp.Add(1)
		return !hidden.Load(), nil
	}
	server := tn.start(t)
	for _, path := range []string{"/accounts/ada?days=7", "/accounts/ada/moves.json?days=90", "/api/v1/accounts/ada?days=365"} {
		hidden.Store(false)
		ask(t, "GET", server.URL+"/accounts/ada/parties") // its ref is known now, and the account is not
		hidden.Store(true)
		for i, want := range []int64{0, 1, 1} {
			before := lookedUp.Load()
			if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusNotFound {
				t.Errorf("%s: status %d", path, response.StatusCode)
			}
			if n := lookedUp.Load() - before; n != want {
				t.Errorf("%s: request %d looks %d refs up, want %d", path, i+1, n, want)
			}
		}
	}
}

var requestID = regexp.MustCompile(`"request":"[^"]*"`)

func TestAListThatPanicsCostsItsOwnReaders(t *testing.T) {
	tn := newTown()
	tn.statement = func(context.Context, string, ledger.Cursor, int) ([]ledger.Line, error) { panic("a bad row") }
	server := tn.start(t)
	for _, path := range []string{"/accounts/ada", "/accounts/ada/statement.json", "/accounts/ada/statement.csv"} {
		if response, _ := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d, want 500", path, response.StatusCode)
		}
	}
}

func TestSlowReadersOfFilesAreFewAndLeaveOthersTheirPlaces(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.TrustedProxies = []string{"127.0.0.0/8"} }
	tn.statement = lines(100 * listFetch)
	server := tn.start(t)
	var open []*http.Response
	statuses := map[int]int{}
	from := func(client string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/accounts/ada/statement.csv", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", client)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		statuses[response.StatusCode]++
		open = append(open, response) // and does not read
	}
	for i := range 2 * ownFiles {
		from(fmt.Sprintf("2001:db8:0:1::%x", i+1)) // one client has all these addresses
	}
	if statuses[http.StatusOK] != ownFiles || statuses[http.StatusTooManyRequests] != ownFiles {
		t.Errorf("statuses %v, want %d files under way to one client", statuses, ownFiles)
	}
	for i := range listFiles {
		from(fmt.Sprintf("192.0.2.%d", i+1))
	}
	if statuses[http.StatusOK] != listFiles || statuses[http.StatusServiceUnavailable] != ownFiles {
		t.Errorf("statuses %v, want %d files under way and all others told to come again", statuses, listFiles)
	}
	for _, response := range open {
		response.Body.Close()
	}
	within(t, "places are free again", func() bool {
		response, _ := ask(t, "GET", server.URL+"/accounts/ada/statement.csv")
		return response.StatusCode == http.StatusOK
	})
}

func TestAPageThatLacksAPanelIsKeptByNobody(t *testing.T) {
	tn := newTown()
	tn.change = func(d *Deps) { d.SharedCache = true }
	tn.account = func(context.Context, cache.Window, aggregates.AccountQuery) (*aggregates.Account, error) {
		return nil, errors.New("the database is locked")
	}
	response, body := ask(t, "GET", tn.start(t).URL+"/accounts/ada")
	if response.StatusCode != http.StatusOK || response.Header.Get("Cache-Control") != "no-store" || parse(t, body).Find("#statement tbody tr").Length() != 3 {
		t.Errorf("status %d, Cache-Control %q, want the statement, kept by nobody", response.StatusCode, response.Header.Get("Cache-Control"))
	}
}

func TestListsLeaveTheDatabaseToTheProducers(t *testing.T) {
	tn := newTown()
	wait := make(chan struct{})
	var reading, most, reads atomic.Int64
	few := lines(3)
	tn.statement = func(ctx context.Context, account string, before ledger.Cursor, limit int) ([]ledger.Line, error) {
		reads.Add(1)
		now := reading.Add(1)
		defer reading.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		select {
		case <-wait:
		case <-ctx.Done():
		}
		return few(ctx, account, before, limit)
	}
	server := tn.start(t)
	var running sync.WaitGroup
	busy := atomic.Int64{}
	for _, ref := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		for range 3 {
			running.Go(func() {
				response, err := http.Get(server.URL + "/accounts/" + ref)
				if err != nil {
					t.Error(err)
					return
				}
				body, _ := io.ReadAll(response.Body)
				response.Body.Close()
				// The page shows its panels without the list.
				if response.StatusCode == http.StatusOK && strings.Contains(string(body), "could not be read just now") && strings.Contains(string(body), `id="figures"`) {
					busy.Add(1)
				}
			})
		}
	}
	time.Sleep(listWait + 300*time.Millisecond)
	if response, _ := ask(t, "GET", server.URL+"/economy"); response.StatusCode != http.StatusOK {
		t.Errorf("the economy while lists are read: status %d", response.StatusCode)
	}
	close(wait)
	running.Wait()
	if most.Load() > listPlaces || reads.Load() > 8 {
		t.Errorf("%d lists were read at once, %d in all, want at most %d, and each once for all its readers", most.Load(), reads.Load(), listPlaces)
	}
	if busy.Load() == 0 {
		t.Error("nobody was told to come again")
	}
}

// Readers of lists that have to be looked through wait for each other, and nobody
// waits for them.
func TestListsThatAreLookedThroughLeaveTheOthersTheirPlaces(t *testing.T) {
	tn := newTown()
	wait := make(chan struct{})
	few := lines(3)
	started := make(chan struct{}, 100)
	tn.statement = func(ctx context.Context, account string, before ledger.Cursor, limit int) ([]ledger.Line, error) {
		if account == "slow" {
			started <- struct{}{}
			select {
			case <-wait:
			case <-ctx.Done():
			}
		}
		return few(ctx, account, before, limit)
	}
	server := tn.start(t)
	var running sync.WaitGroup
	for i := range 4 * listPlaces {
		running.Go(func() {
			if response, err := http.Get(server.URL + "/accounts/slow/statement.json?text=q" + strconv.Itoa(i)); err == nil {
				response.Body.Close()
			}
		})
	}
	<-started
	for _, path := range []string{"/accounts/ada", "/accounts/ada/statement.json", "/accounts/ada/statement.csv"} {
		if response, body := ask(t, "GET", server.URL+path); response.StatusCode != http.StatusOK || strings.Contains(body, "could not be read") {
			t.Errorf("%s while others look through statements: status %d", path, response.StatusCode)
		}
	}
	close(wait)
	running.Wait()
}

func TestAProgramIsToldOfAFilterThatCannotBe(t *testing.T) {
	server := newTown().start(t)
	for address, want := range map[string]int{
		"/transactions/list.json?account=" + strings.Repeat("a", 9000): http.StatusBadRequest,
		"/transactions/list.csv?source=a%00b":                          http.StatusBadRequest,
		"/transactions/list.json?least=much":                           http.StatusBadRequest,
		"/transactions/list.json?from=alien":                           http.StatusBadRequest,
		"/accounts/ada/statement.json?least=0&since=2026-13-40":        http.StatusOK, // no filter of that name
		"/transactions/list.json?least=0&account=&from=personal":       http.StatusOK,
	} {
		if response, body := ask(t, "GET", server.URL+address); response.StatusCode != want {
			t.Errorf("%.60s: status %d, want %d: %.200s", address, response.StatusCode, want, body)
		}
	}
}

// What a list reads from memory may take long to be computed for the first time.
// Meanwhile the other lists are read.
func TestAListThatWaitsForItsNumbersHoldsNoPlace(t *testing.T) {
	for name, files := range map[string][]string{
		"items": {"/market/items/list.json", "/market/items/list.csv", "/market/items"},
		"shops": {"/market/shops/found.json", "/market/shops/found.csv", "/market/shops"},
	} {
		t.Run(name, func(t *testing.T) {
			computed := make(chan struct{})
			tn := newTown()
			tn.budget = 20 * time.Second
			items, shops := tn.items, tn.shops
			tn.items = func(ctx context.Context, w cache.Window, d aggregates.Days) (*aggregates.Items, error) {
				<-computed
				return items(ctx, w, d)
			}
			tn.shops = func(ctx context.Context, w cache.Window, n aggregates.NoParams) (*aggregates.Shops, error) {
				<-computed
				return shops(ctx, w, n)
			}
			server := tn.start(t)
			var waiting sync.WaitGroup
			for i, file := range files {
				for j := range max(listPlaces, ownFiles) {
					waiting.Go(func() {
						// Each its own address.
						response, err := http.Get(server.URL + file + "?q=" + string(rune('a'+j)) + "&owner=" + string(rune('a'+j)))
						if err != nil {
							t.Error(err)
							return
						}
						response.Body.Close()
						if response.StatusCode != http.StatusOK {
							t.Errorf("reader %d of %s: status %d after its numbers were computed", j, files[i], response.StatusCode)
						}
					})
				}
			}
			time.Sleep(100 * time.Millisecond)
			for _, file := range []string{"/accounts/ada/statement.json", "/accounts/ada/statement.csv"} {
				if response, _ := ask(t, "GET", server.URL+file); response.StatusCode != http.StatusOK {
					t.Errorf("%s meanwhile: status %d", file, response.StatusCode)
				}
			}
			close(computed)
			waiting.Wait()
		})
	}
}
