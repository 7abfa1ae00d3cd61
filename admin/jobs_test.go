package admin_test

import (
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"exchequer/admin"
	"exchequer/admin/audit"
)

// A breaker is an answer that breaks the audit log when its first part is written.
type breaker struct {
	*httptest.ResponseRecorder
	broken sync.Once
	o      *office
}

func (b *breaker) Write(p []byte) (int, error) {
	b.broken.Do(func() {
		if _, err := b.o.db.Exec(b.o.t.Context(), `ALTER TABLE audit RENAME TO gone`); err != nil {
			b.o.t.Error(err)
		}
	})
	return b.ResponseRecorder.Write(p)
}

func TestAnAuditLogThatIsNotReadToItsEndSaysSo(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	if _, err := db.Exec(t.Context(), `INSERT INTO audit (subject, name, role, address, action, target, detail, result) SELECT 'token', '', '', '', 'cache.test', '', '', 'done' FROM generate_series(1, 1500)`); err != nil {
		t.Fatal(err)
	}
	w := &breaker{ResponseRecorder: httptest.NewRecorder(), o: o}
	o.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/audit.csv", http.NoBody))
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 1002 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if end := strings.Join(rows[1001], ""); end != "The rest could not be read: ask for those before id "+rows[1000][0]+"." {
		t.Errorf("it ends with %q", end)
	}
}

// waiting is a job that runs until it is let go, or ends.
func waiting(runs *atomic.Int64, free <-chan struct{}) admin.Job {
	return admin.Job{Name: "wait", Title: "Wait", Text: "Waits.", Run: func(ctx context.Context, progress func(string, int64, int64)) (string, error) {
		runs.Add(1)
		progress("halfway", 1, 2)
		select {
		case <-free:
			return "waited enough", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}
}

func TestOneProcessOfTheFleetRunsAJob(t *testing.T) {
	db := kept(t)
	var runs atomic.Int64
	free := make(chan struct{})
	job := waiting(&runs, free)
	set := func(d *admin.Deps) { d.Jobs = []admin.Job{job} }
	here, there := open(t, db, set), open(t, db, set)
	_, first := here.do("job.start", url.Values{"job": {"wait"}})
	_, second := there.do("job.start", url.Values{"job": {"wait"}})
	if first.Result != audit.Begun || second.Result != audit.Failed || !strings.Contains(second.Detail, "another job is running") {
		t.Errorf("the first was noted as %+v, the second as %+v", first, second)
	}
	until(t, "the other process shows how far it has come", func() bool {
		return strings.Contains(there.get("/admin/jobs").Find("#jobs .state").Text(), "halfway, 1 of 2 (50 %)")
	})
	close(free)
	until(t, "the other process shows that it is done", func() bool {
		return strings.Contains(there.get("/admin/jobs").Find("#jobs .state").Text(), "done")
	})
	e, _, err := audit.Find(t.Context(), db, first.ID)
	if err != nil || e.Result != audit.Done || e.Detail != "waited enough" || e.Target != "wait" || e.Subject != ann.Subject {
		t.Errorf("its end was noted as %+v, %v", e, err)
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("it ran %d times", n)
	}
	if _, again := there.do("job.start", url.Values{"job": {"wait"}}); again.Result != audit.Begun && again.Result != audit.Done {
		t.Errorf("once it is done, another start was noted as %+v", again)
	}
}

func TestAJobWhoseProcessIsKilledIsShownAsEnded(t *testing.T) {
	db := kept(t)
	// What a process leaves that is killed: its connection, and the lock with it, is gone.
	id, err := audit.Write(t.Context(), db, audit.Entry{Action: "job.start", Target: "wait", Result: audit.Begun})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO jobs (name, audit, process, began, beat, step) VALUES ('wait', $1, 'gone:1', now(), now(), 'halfway')`, id); err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{})
	close(free)
	var runs atomic.Int64
	o := open(t, db, func(d *admin.Deps) { d.Jobs = []admin.Job{waiting(&runs, free)} })
	if row := o.get("/admin/jobs").Find("#jobs tbody").Text(); !strings.Contains(row, "failed") || !strings.Contains(row, "its process ended before it was done") {
		t.Errorf("the job is shown as %s", row)
	}
	if text := o.get("/admin").Find("#attention").Text(); !strings.Contains(text, "its process ended") {
		t.Errorf("what needs attention: %s", text)
	}
	o.do("job.start", url.Values{"job": {"wait"}})
	if e, _, err := audit.Find(t.Context(), db, id); err != nil || e.Result != audit.Failed || !strings.Contains(e.Detail, "its process ended") {
		t.Errorf("its start is noted as %+v, %v", e, err)
	}
	until(t, "the next one is done", func() bool {
		return strings.Contains(o.get("/admin/jobs").Find("#jobs .state").Text(), "done")
	})
}

func TestAJobThatLosesItsLockEnds(t *testing.T) {
	db := kept(t)
	var runs atomic.Int64
	o := open(t, db, func(d *admin.Deps) { d.Jobs = []admin.Job{waiting(&runs, nil)} })
	_, e := o.do("job.start", url.Values{"job": {"wait"}})
	value[int](o, `SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = 1785684595`)
	until(t, "its end is noted", func() bool {
		ended, _, err := audit.Find(t.Context(), db, e.ID)
		return err == nil && ended.Result == audit.Failed && strings.Contains(ended.Detail, "lock of jobs is lost")
	})
}

func TestAJobThatPanicsFails(t *testing.T) {
	o := open(t, kept(t), func(d *admin.Deps) {
		d.Jobs = []admin.Job{
			{Name: "panics", Title: "Panics", Run: func(context.Context, func(string, int64, int64)) (string, error) { panic("oh " + markup) }},
			{Name: "fails", Title: "Fails", Run: func(context.Context, func(string, int64, int64)) (string, error) { return "", errors.New("no room") }},
			{Name: "elsewhere", Title: "Elsewhere", Missing: func(context.Context) string { return "run exchequer repair" }},
		}
	})
	for job, why := range map[string]string{"panics": "it panicked", "fails": "no room"} {
		o.do("job.start", url.Values{"job": {job}})
		until(t, job+" is shown with its reason", func() bool {
			return strings.Contains(o.get("/admin/jobs").Find("#jobs tbody").Text(), why)
		})
	}
	w := o.post("job.start", url.Values{"job": {"elsewhere"}, "confirm": {"yes"}})
	if text := document(t, w.Body.String()).Find("#confirm").Text(); w.Code != http.StatusOK || !strings.Contains(text, "run exchequer repair") {
		t.Errorf("a job that cannot run here: %d, %s", w.Code, text)
	}
}

func TestTheAuditLogIsFilteredPagedAndSafeInSpreadsheets(t *testing.T) {
	db := kept(t)
	o := open(t, db, nil)
	for i := range 250 {
		who := "local:ann"
		if i%2 == 1 {
			who = "token"
		}
		if _, err := audit.Write(t.Context(), db, audit.Entry{Subject: who, Name: "=cmd()", Action: "cache.test", Target: markup, Detail: strings.Repeat("long ", 1000), Result: audit.Done}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := audit.Write(t.Context(), db, audit.Entry{Subject: "local:bo", Action: "key.revoke", Target: "x\x00\xff", Result: audit.Begun}); err != nil {
		t.Fatal(err)
	}
	seen, path := 0, "/admin/audit?who=token"
	for range 5 {
		d := o.get(path)
		d.Find("#entries tbody tr").Each(func(_ int, s *goquery.Selection) {
			seen++
			if !strings.Contains(s.Find("td:nth-child(2) a").AttrOr("href", ""), "who=token") {
				t.Errorf("an entry of another: %s", s.Text())
			}
		})
		next := d.Find("#entries nav.more a:contains('older')").AttrOr("href", "")
		if next == "" {
			break
		}
		path = strings.TrimPrefix(next, "/c/port")
	}
	if seen != 125 {
		t.Errorf("%d entries of one, want 125", seen)
	}
	d := o.get("/admin/audit?action=key.revoke")
	if rows := d.Find("#entries tbody tr"); rows.Length() != 1 || !strings.Contains(rows.Text(), "begun") {
		t.Errorf("entries of an action: %s", rows.Text())
	}
	if n := d.Find("#filter option").Length(); n != 3 {
		t.Errorf("%d actions to choose from, want all and two", n)
	}
	w := httptest.NewRecorder()
	o.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/audit.csv", http.NoBody))
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 252 || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if name := rows[2][3]; name != "'=cmd()" {
		t.Errorf("a spreadsheet would run %q", name)
	}
}
