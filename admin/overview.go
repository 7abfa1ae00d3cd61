package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/views"
)

// lateAfter is when a source that is followed is late.
const lateAfter = 5 * time.Minute

// overview is what needs attention now, and how large the database is.
func (p *Pages) overview(ctx context.Context, _ url.Values) ([]block, error) {
	attention := block{ID: "attention", Title: "What needs attention", Columns: []string{"What", "Why", "Where"}, Empty: "Nothing. Cache, sources, alerts, books and jobs are as they should be."}
	add := func(is, what, why string, where text) {
		attention.Rows = append(attention.Rows, []text{state(is, what), plain(why), where})
	}
	for _, why := range p.Cache.Health().Reasons() {
		add("bad", "Cache", why, link("Cache", pathCache))
	}
	sources, err := p.followed(ctx)
	if err != nil {
		add("bad", "Sources", reason(err), link("Sources", pathSources))
	}
	for _, s := range sources {
		if is, why := s.trouble(); is != "" {
			add(is, "Source "+s.Name, why, link("Sources", pathSources))
		}
	}
	p.alertTrouble(ctx, add)
	p.bookTrouble(add)
	runs, running, err := p.runs(ctx)
	if err != nil {
		add("bad", "Jobs", reason(err), link("Jobs", pathJobs))
	}
	for _, job := range p.Jobs {
		if r, known := runs[job.Name]; known && r.Failed {
			add("watch", job.Title, cmp.Or(r.Outcome, "it failed"), link("Jobs", pathJobs))
		}
	}
	// What is bad stands before what is to be watched, as the words do.
	slices.SortStableFunc(attention.Rows, func(a, b []text) int { return cmp.Compare(a[0].State, b[0].State) })
	now := block{ID: "now", Title: "Now", Half: true, Facts: []fact{
		{Name: "Process", Value: code(process())}, {Name: "Shared level", Value: sharedState(p.Cache.Health().Shared)},
		{Name: "Connections to the database", Value: plain(fmt.Sprintf("%d in use, %d open, %d at most", p.DB.Stat().AcquiredConns(), p.DB.Stat().TotalConns(), p.DB.Stat().MaxConns()))},
		{Name: "Job", Value: plain(jobNow(p.Jobs, runs, running))},
	}}
	if p.Replica != nil {
		for _, f := range p.Replica(ctx) {
			now.Facts = append(now.Facts, fact{Name: f.Name, Value: plain(f.Value)})
		}
	}
	return []block{attention, now, p.recent(ctx), p.size(ctx)}, nil
}

func jobNow(jobs []Job, runs map[string]run, running bool) string {
	for _, job := range jobs {
		if r := runs[job.Name]; running && r.Name != "" && r.Ended == nil {
			return joined(job.Title, r.Step)
		}
	}
	return "none is running"
}

func (p *Pages) alertTrouble(ctx context.Context, add func(is, what, why string, where text)) {
	status, err := alerts.ReadStatus(ctx, p.DB)
	if err != nil {
		add("bad", "Alerts", reason(err), link("Alerts", pathAlerts))
		return
	}
	for _, r := range status.Receivers {
		if is := receiverState(r); is.State != "good" {
			add(is.State, "Receiver "+r.Name, is.Text, link("Alerts", pathAlerts))
		}
	}
	for _, r := range status.Rules {
		if r.Problem != "" {
			add("watch", "Rule "+r.Rule.Name, r.Problem, link("Alerts", pathAlerts))
		}
	}
}

// bookTrouble adds the checks of the books that found something, as far as they are known
// without waiting.
func (p *Pages) bookTrouble(add func(is, what, why string, where text)) {
	res, err := p.Soundness.Soundness.Peek(aggregates.NoParams{})
	if err != nil {
		return
	}
	for _, c := range res.Value.Books.Checks {
		if found := c.Now.Found + c.Night.Found; found > 0 {
			add("bad", "Books: "+c.Title, views.Plural(int64(found), "place", "places")+" where it is not so", link("Health", "/economy/health"))
		}
	}
}

// recent is the newest entries of the audit log.
func (p *Pages) recent(ctx context.Context) block {
	entries, err := p.entries(ctx, url.Values{}, 6)
	if err != nil {
		return p.broken("recent", "Latest actions", err)
	}
	b := block{ID: "recent", Title: "Latest actions", Half: true, Columns: []string{"When", "Who", "What", "On", "Result"}, Empty: "Nothing yet.", More: []text{link("All of them", pathAudit)}}
	for _, e := range entries {
		b.Rows = append(b.Rows, []text{plain(ago(e.At) + " ago"), plain(e.Name), link(e.Action, fmt.Sprint(pathAudit, "/", e.ID)), plain(cmp.Or(e.Target, "–")), result(e.Result)})
	}
	return b
}

// A tableSize is how large a table is, with its indexes.
type tableSize struct {
	Name  string
	Rows  *int64 // as the database estimates them; nil: it has not looked yet
	Bytes int64
}

// mostTables is how many tables are listed.
const mostTables = 60

// size is how large the database is.
func (p *Pages) size(ctx context.Context) block {
	const query = `
		SELECT coalesce(inhparent, oid)::regclass::text AS name, sum(reltuples) FILTER (WHERE reltuples >= 0)::bigint AS rows, sum(pg_total_relation_size(oid))::bigint AS bytes
		FROM pg_class LEFT JOIN pg_inherits ON inhrelid = oid
		WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'accounts'::regclass) AND relkind = 'r'
		GROUP BY name ORDER BY bytes DESC, name LIMIT $1`
	rows, _ := p.DB.Query(ctx, query, mostTables)
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tableSize])
	var all int64
	if err == nil {
		err = p.DB.QueryRow(ctx, `SELECT pg_database_size(current_database())`).Scan(&all)
	}
	if err != nil {
		return p.broken("size", "The database", err)
	}
	b := block{ID: "size", Title: "The database", Text: said(views.Bytes(all) + " in all. Rows are the database's own estimates."), Columns: []string{"Table", "Rows, about", "Size with indexes"}}
	for _, t := range tables {
		rows := text{Text: "–", Number: true}
		if t.Rows != nil {
			rows = number(*t.Rows)
		}
		b.Rows = append(b.Rows, []text{code(t.Name), rows, {Text: views.Bytes(t.Bytes), Number: true}})
	}
	return b
}
