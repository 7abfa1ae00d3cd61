package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// Lists are read from the database when they are asked for. All of them together
// have a few connections, so that a crawler leaves the others to the producers.
const (
	listPlaces = 3
	lookPlaces = 1               // of these, for lists for which many rows are looked through
	listWait   = time.Second     // for a place
	listGoOn   = time.Minute     // for a place to read the next rows of a file
	listRead   = 3 * time.Second // for the rows
	listRows   = 50              // a page
	listFetch  = 500             // rows at a time of a CSV file
	listFiles  = 64              // CSV files that are sent at a time
	ownFiles   = 4               // of these, to one client
	listKept   = time.Second     // how long readers of a page share one reading
)

// errBusy means that all places for lists are taken.
var errBusy = errors.New("too many lists are being read")

// errOwnFiles means that a client is being sent as many files as it may.
var errOwnFiles = &refusal{http.StatusTooManyRequests, fmt.Sprintf("At most %d lists are sent to one reader at a time. Let one of them end first.", ownFiles)}

// A readCost is what the rows of a list cost.
type readCost int

const (
	byIndex    readCost = iota // few rows are read
	looking                    // many rows are looked through for few
	fromMemory                 // the database is not asked; they are sorted
)

// A listing is the part of a page that is read exactly, some rows at a time. It reads
// by indexes only, so that the last page costs what the first one does.
type listing struct {
	views.PanelInfo
	after   *views.Param   // where the rows begin: a cursor, that of the first rows by default
	filters []*views.Param // what else the rows depend on; see [views.Field]
	// begin and further are the texts of the links to the first rows and to those
	// that follow.
	begin, further string
	leads          bool // it comes before the panels
	// record is what the rows are if they are of the record, which has a beginning where
	// what was before is archived: "Transactions".
	record string
	// memo is what read gets from memory, or nil. It is waited for before the list
	// takes a place, since computing it for the first time takes longer than reading.
	memo opener
	// cost returns what it costs to read rows. Nil: byIndex.
	cost func(p views.Params) readCost
	// read returns rows, at most limit.
	read func(ctx context.Context, p views.Params, limit int) (stretch, error)
}

// A stretch is some rows of a list.
type stretch struct {
	table aggregates.Table
	draw  func(ledger.Settings) templ.Component
	sub   string // what the rows are; may be empty
	// panel draws the list in its own way, and returns what the page may say of it.
	// Nil: as all lists.
	panel func(views.List) (templ.Component, []views.Sentence)
	next  string // the cursor of the rows that follow; empty if there are none
	// subject and note are the name of what the page is about, and what stands beside
	// it, if only the list knows them.
	subject, note string
	value         any  // what the rows are of, for programs; may be nil
	missing       bool // the rows could not be read now, which draw says
}

// ready waits within the budget until the memo of a list has a value.
func (s *server) ready(r *http.Request, l *listing, p views.Params) error {
	if l.memo == nil {
		return nil
	}
	one := []source{l.memo.open(p)}
	if !warm(one) {
		if err := s.gather(r, one); err != nil {
			return err
		}
	}
	return one[0].failure()
}

// fetch reads rows of a list for a client and calls use with them, both while it has a
// place, for which it waits so long, or until ctx ends. It calls begin when it has the
// place. The reading goes on when ctx ends, since a query that is cancelled costs its
// connection. A panic is an error.
func (s *server) fetch(ctx context.Context, client string, wait time.Duration, begin func(), l *listing, p views.Params, limit int, use func(stretch) error) error {
	free, err := s.placeFor(ctx, client, wait, l, p)
	if err != nil {
		return err
	}
	defer free()
	begin()
	reading, cancel := context.WithTimeout(context.WithoutCancel(ctx), listRead)
	defer cancel()
	err = safely(func() error {
		rows, err := l.read(reading, p, limit)
		if err != nil {
			return err
		}
		return use(rows)
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", l.Name, err)
	}
	return nil
}

// placeFor takes the places that a reading needs, for which it waits so long, and
// returns what frees them. Lists for which many rows are looked through wait for each
// other, so that the other lists have places. What is in memory is sorted by as many at
// once as there are processors.
func (s *server) placeFor(ctx context.Context, client string, wait time.Duration, l *listing, p views.Params) (free func(), err error) {
	cost := byIndex
	if l.cost != nil {
		cost = l.cost(p)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	switch cost {
	case looking:
		return takeAll(ctx, client, s.looks, s.lists)
	case fromMemory:
		return s.sorts.take(ctx, "")
	default:
		return s.lists.take(ctx, client)
	}
}

// listed answers with a page that has a list. All who ask for the same rows within
// listKept share one reading. Draw gets the rows.
func (s *server) listed(w http.ResponseWriter, r *http.Request, p *page, params views.Params, suffix string, draw func(context.Context, stretch) (*rendering, error)) error {
	key := s.pageKey(r, p.key+" "+suffix, params)
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	got, first, err := s.readings.get(ctx, fmt.Sprint(key), func(ctx context.Context, begin func()) (any, error) {
		rendered, _, err := s.listPages.get(key, uint64(s.Now().Truncate(listKept).UnixNano()), func() (drawn *rendering, err error) {
			err = s.fetch(ctx, client(r), listWait, begin, p.list, params, listRows, func(rows stretch) (err error) {
				drawn, err = draw(context.WithoutCancel(ctx), rows)
				return err
			})
			return drawn, err
		})
		return rendered, err
	})
	if err != nil {
		return err
	}
	rendered := got.(*rendering)
	if rendered.partial {
		return s.respondUncached(w, r, rendered, true)
	}
	s.serve(w, r, rendered, first)
	return nil
}

// listPage answers with a page of panels, which have what they have, and a list.
func (s *server) listPage(w http.ResponseWriter, r *http.Request, p *page, params views.Params, sources []source) error {
	if i := slices.IndexFunc(p.readings, func(r opener) bool { return plain(r) == p.list.memo }); i >= 0 && sources[i].failure() != nil {
		return sources[i].failure()
	}
	version := versionOf(sources)
	draw := func(ctx context.Context, rows stretch) (*rendering, error) {
		view := s.viewWith(p, params, sources)
		if rows.subject != "" {
			view.Subject, view.Note = rows.subject, rows.note
		}
		if params.Get(p.list.after) != "" {
			view.Clock = views.Clock{} // older rows do not change, so the page need not be asked for again
		}
		var b bytes.Buffer
		l := views.List{
			Page: view, PanelInfo: p.list.PanelInfo, Filters: p.list.filters, After: p.list.after,
			Sub: rows.sub, Empty: len(rows.table.Rows) == 0 && !rows.missing, Rows: rows.draw(view.Settings),
			Next: rows.next, Begin: p.list.begin, Further: p.list.further,
		}
		if rows.next == "" && !rows.missing {
			l.Ends = views.RecordBegins(p.list.record, view.Settings)
		}
		l.Until = s.Until()
		drawn := drawnList{panel: views.ListPanel(l), leads: p.list.leads}
		if rows.panel != nil {
			drawn.panel, drawn.says = rows.panel(l)
		}
		if err := s.drawWhole(ctx, &b, view, p, sources, drawn); err != nil {
			return nil, fmt.Errorf("page %s: %w", p.Path, err)
		}
		rendered := newRendering(pageHeader(view), b.Bytes(), view.Clock.Next.Add(view.Clock.Lag))
		rendered.partial = rows.missing || slices.ContainsFunc(sources, func(src source) bool { return src.failure() != nil && !src.valued() })
		return rendered, nil
	}
	err := s.listed(w, r, p, params, fmt.Sprint("page ", version), draw)
	// The panels are shown without the list, except to one who has its rows.
	if !errors.Is(err, errBusy) && !errors.Is(err, errOwnWaits) && !errors.Is(err, context.DeadlineExceeded) || r.Context().Err() != nil || len(p.panels) == 0 || r.Header.Get(refreshHeader) != "" {
		return err
	}
	rendered, err := draw(r.Context(), stretch{draw: func(ledger.Settings) templ.Component { return views.RowsMissing() }, missing: true})
	if err != nil {
		return err
	}
	return s.respondUncached(w, r, rendered, true)
}

// refreshHeader is sent by the script that refreshes a page.
const refreshHeader = "X-Refresh"

// lists adds a list to the page, which then depends on the list's parameters.
func (p *page) lists(l *listing) {
	p.list = l
	for _, d := range l.declared() {
		if !slices.Contains(p.Params, d) {
			p.Params = append(p.Params, d)
		}
	}
}

// afterCursor returns the parameter after of a list whose rows begin at a cursor.
func afterCursor[C fmt.Stringer](parse func(string) (C, error)) *views.Param {
	return afterParam(func(text string) string {
		if c, err := parse(text); err == nil {
			return c.String()
		}
		return ""
	})
}

// afterRef returns the parameter after of a list whose rows begin behind that of a
// ref, which has so many bytes at most.
func afterRef(longest int) *views.Param {
	return afterParam(func(text string) string {
		if len(text) > longest || !utf8.ValidString(text) {
			return ""
		}
		return text
	})
}

func afterParam(nearest func(string) string) *views.Param {
	return &views.Param{Name: "after", Label: "Where the rows begin: next of the rows before", Nearest: nearest, Is: "what links to further rows have there"}
}

// recordBegins returns where the record begins whose rows a list has, nil if all of it
// is here.
func (s *server) recordBegins(l *listing) *time.Time {
	if begins := s.Settings().Begins; l.record != "" && !begins.IsZero() {
		return &begins
	}
	return nil
}

// dayStart returns when the day that a parameter names begins in the community's time
// zone, or one so many days later. It returns the zero time and false without a day.
func dayStart(p views.Params, d *views.Param, later int, s ledger.Settings) (time.Time, bool) {
	day, err := time.Parse(time.DateOnly, p.Get(d))
	if err != nil {
		return time.Time{}, false
	}
	return ledger.DayStart(ledger.DayNumber(day)+later, s.Zone()), true
}

// declared returns the parameters of a list.
func (l *listing) declared() []*views.Param { return append([]*views.Param{l.after}, l.filters...) }

// gather gets all sources within the budget, or returns the error of r's context.
func (s *server) gather(r *http.Request, sources []source) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.Budget)
	defer cancel()
	var running sync.WaitGroup
	getAll(ctx, &running, sources)
	running.Wait()
	return r.Context().Err()
}
