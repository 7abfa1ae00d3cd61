// Package admin is the pages of those who run the site: what needs attention, the cache, the
// sources, keys, settings, what people wrote into the record, alerts, jobs, and the log of
// all that was done.
//
// It does not decide who an admin is: who mounts the pages serves them to admins alone. Each
// action is described before it is done, is noted in the audit log with who, what, from
// where and what became of it, and its result is read from there. What the database roles of
// this process may not do, a page does not offer: it shows the command that does it.
package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"exchequer/admin/audit"
	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/ledger"
	"exchequer/signin"
	"exchequer/views"
	"exchequer/vitals"
)

// Deps are the dependencies of the pages.
type Deps struct {
	// DB is by the role that serves: it reads, and writes the audit log, the progress of
	// jobs and the state of receivers.
	DB *pgxpool.Pool
	// Record writes what people know of accounts, by the role that may.
	Record *ledger.Ledger
	// Owner is by a role that may make keys and change settings. DB if nil; then what
	// its role may not do is not offered.
	Owner *pgxpool.Pool

	Cache     *cache.Cache
	Policies  map[string]cache.Policy // those that were configured
	Soundness *aggregates.SoundnessMemos
	Settings  func() ledger.Settings

	Configured []Configured
	Thresholds aggregates.Thresholds // of the signs of health that were configured
	Jobs       []Job

	// Alerts is the file of rules of this process, by which a receiver is tested. Nil:
	// there is none.
	Alerts  *alerts.Config
	Sender  *alerts.Sender
	BaseURL string

	// Replica says how far the replica of the database is, and what was read from it. Nil:
	// there is none.
	Replica func(context.Context) []Fact

	// Vitals is what readers' browsers measured. Nil: they measure nothing.
	Vitals *vitals.Store
	// Requests has the metrics of the requests that this process answered.
	Requests prometheus.Gatherer

	Log *slog.Logger
	// Leaving ends when the process begins to shut down. Jobs end with it.
	Leaving context.Context
}

// A Fact is a thing that is known, and what is known of it.
type Fact struct{ Name, Value string }

// Configured is something that was set when the program was started.
type Configured struct {
	What     string // "Who sees what"
	Variable string // EXCHEQUER_PRIVACY
	Value    string // never a secret
}

// A Site is what the pages are a part of.
type Site struct {
	// Shell returns what is around a page.
	Shell func(context.Context) views.Site
	// Client returns the address of who asks.
	Client func(*http.Request) string
}

// Pages are the pages of the admins of one ledger.
type Pages struct {
	Deps
	sections []section
	actions  map[string]*action
	forms    map[string]func(in url.Values) form // of actions for which one writes something
	places   *semaphore.Weighted                 // for drawing pages
	running  sync.WaitGroup
	jobsRun  atomic.Int32
}

// A section is one page, with the blocks that it has.
type section struct {
	path, name string
	draw       func(ctx context.Context, q url.Values) ([]block, error)
	above      string // the path of the page that leads to it; empty: it is in the menu
}

// What admins ask for is bounded too: so many pages are read at once, each for so long.
const (
	pagesAtOnce = 2
	pageLasts   = 10 * time.Second
	rowsShown   = 100
)

// ErrUnknown means that there is nothing at an address.
var ErrUnknown = errors.New("there is nothing at this address")

// A mistake is what is wrong with what an admin asked for, in words for them.
type mistake string

func (m mistake) Error() string { return string(m) }

// A fieldMistake is a mistake in one field of a form.
type fieldMistake struct {
	mistake
	field string
}

func (m fieldMistake) Unwrap() error { return m.mistake }

// New returns the pages. Their jobs end with Leaving; Close waits for them.
func New(d Deps) *Pages {
	if d.Owner == nil {
		d.Owner = d.DB
	}
	p := &Pages{Deps: d, places: semaphore.NewWeighted(pagesAtOnce), actions: map[string]*action{}}
	p.sections = []section{
		{views.AdminPath, "Overview", p.overview, ""},
		{pathCache, "Cache", p.memos, ""},
		{pathPolicies, "Policies", p.policies, ""},
		{pathSources, "Sources", p.sources, ""},
		{pathKeys, "Keys", p.programs, ""},
		{pathSettings, "Settings", p.settings, ""},
		{pathRecord, "Record", p.record, ""},
		{pathEvents, "Events", p.events, ""},
		{pathAlerts, "Alerts", p.alerts, ""},
		{pathJobs, "Jobs", p.jobs, ""},
		{pathSlowest, "Slowest pages", p.slowest, ""},
		{pathAudit, "Audit log", p.journal, ""},
		{pathCache + "/memo", "Memo", p.memo, pathCache},
		{pathCache + "/key", "Key", p.key, pathCache},
	}
	for _, list := range [][]*action{p.cacheActions(), p.keyActions(), p.settingsActions(), p.recordActions(), p.eventActions(), p.alertActions(), p.jobActions()} {
		for _, a := range list {
			p.actions[a.name] = a
		}
	}
	p.forms = map[string]func(url.Values) form{
		"cache.invalidate": invalidateForm, "event.write": eventForm(p), "key.create": keyForm,
		"record.label": labelForm, "record.rename": renameForm, "record.merge": mergeForm, "settings.economy": economyForm,
	}
	return p
}

// Busy reports whether a job runs in this process.
func (p *Pages) Busy() bool { return p.jobsRun.Load() > 0 }

// Close waits for the jobs to end.
func (p *Pages) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { p.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("jobs of admins have not ended: %w", ctx.Err())
	}
}

// The addresses of the sections.
const (
	pathCache    = views.AdminPath + "/cache"
	pathPolicies = views.AdminPath + "/policies"
	pathSources  = views.AdminPath + "/sources"
	pathKeys     = views.AdminPath + "/keys"
	pathSettings = views.AdminPath + "/settings"
	pathRecord   = views.AdminPath + "/record"
	pathEvents   = views.AdminPath + "/events"
	pathAlerts   = views.AdminPath + "/alerts"
	pathJobs     = views.AdminPath + "/jobs"
	pathSlowest  = views.AdminPath + "/slowest"
	pathAudit    = views.AdminPath + "/audit"
	pathDo       = views.AdminPath + "/do/"
)

// A Route is an address of the pages. Handle is for admins alone.
type Route struct {
	Method, Pattern string
	Handle          func(http.ResponseWriter, *http.Request) error
}

// Routes returns all addresses, as parts of a site. A POST has read its form.
func (p *Pages) Routes(site Site) []Route {
	var all []Route
	for _, s := range p.sections {
		var above []views.MenuEntry
		if s.above != "" {
			above = p.toward(s.above)
		}
		info := infoOf(s.path, s.name, above)
		all = append(all, Route{http.MethodGet, s.path, func(w http.ResponseWriter, r *http.Request) error {
			return p.page(site, w, r, info, http.StatusOK, s.draw)
		}})
	}
	return append(all,
		Route{http.MethodGet, pathAudit + ".csv", p.journalCSV},
		Route{http.MethodGet, pathAudit + "/{id}", func(w http.ResponseWriter, r *http.Request) error { return p.entry(site, w, r) }},
		Route{http.MethodGet, pathDo + "{action}", func(w http.ResponseWriter, r *http.Request) error { return p.do(site, w, r) }},
		Route{http.MethodPost, pathDo + "{action}", func(w http.ResponseWriter, r *http.Request) error { return p.do(site, w, r) }},
	)
}

// infoOf returns what a page is, below others.
func infoOf(path, heading string, above []views.MenuEntry) views.PageInfo {
	return views.PageInfo{Path: path, Name: "Admin: " + strings.ToLower(heading[:1]) + heading[1:], Heading: heading, Above: above}
}

// toward returns the way to a section.
func (p *Pages) toward(path string) []views.MenuEntry {
	i := slices.IndexFunc(p.sections, func(s section) bool { return s.path == path })
	return []views.MenuEntry{{Name: "Admin", Path: views.AdminPath}, {Name: p.sections[i].name, Path: path}}
}

// place waits for a place to read in. Who has it calls free.
func (p *Pages) place(ctx context.Context) (free func(), err error) {
	if err := p.places.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("a place for a page of admins: %w", err)
	}
	return func() { p.places.Release(1) }, nil
}

// page draws a page for who asks alone.
func (p *Pages) page(site Site, w http.ResponseWriter, r *http.Request, info views.PageInfo, status int, draw func(context.Context, url.Values) ([]block, error)) error {
	ctx, cancel := context.WithTimeout(r.Context(), pageLasts)
	defer cancel()
	free, err := p.place(ctx)
	if err != nil {
		return err
	}
	defer free()
	blocks, err := draw(ctx, r.URL.Query())
	if wrong := mistake(""); errors.As(err, &wrong) {
		b := notPossible(wrong)
		if n := len(info.Above); n > 1 {
			b.More = []text{link("Back", info.Above[n-1].Path)}
		}
		blocks, err, status = append([]block{b}, blocks...), nil, http.StatusUnprocessableEntity
	}
	if err != nil {
		return err
	}
	view := views.AdminPage{Page: views.Page{Site: site.Shell(ctx), Info: info}, Blocks: blocks}
	view.Sheet = view.Assets.Admin
	for _, s := range p.sections {
		if s.above == "" {
			view.Sections = append(view.Sections, views.MenuEntry{Name: s.name, Path: s.path})
		}
	}
	var b bytes.Buffer
	if err := views.AdminShow(view).Render(context.WithoutCancel(ctx), &b); err != nil {
		return fmt.Errorf("draw a page of admins: %w", err)
	}
	h := w.Header()
	forAdmins(h)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.Bytes()) // the reader may have left
	}
	return nil
}

// forAdmins sets the headers of an answer that nobody keeps and no engine lists.
func forAdmins(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex, nofollow")
}

// by returns an entry of the audit log by who asks.
func (s Site) by(r *http.Request) audit.Entry {
	who := signin.Who(r.Context())
	return audit.Entry{Subject: who.Subject, Name: who.Name, Role: who.Role.String(), Address: s.Client(r)}
}
