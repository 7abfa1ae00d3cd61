package admin

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
	"exchequer/views"
)

// A source is another program's record that is followed.
type source struct {
	Name         string
	Reached      *time.Time
	Complete     *time.Time
	Compared     *time.Time
	Accounts     int64
	Drifting     int64
	FailingSince *time.Time
	Failures     int
	Problem      string
}

// followed returns the sources.
func (p *Pages) followed(ctx context.Context) ([]source, error) {
	const query = `
		SELECT name, reached, complete, compared, accounts, drifting, failing_since, failures, problem FROM sync_sources ORDER BY name LIMIT 100`
	rows, _ := p.DB.Query(ctx, query)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[source])
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return all, nil
}

// trouble returns what is wrong with a source, and how bad that is; empty if nothing is.
func (s source) trouble() (is, why string) {
	switch {
	case s.FailingSince != nil:
		return "bad", fmt.Sprintf("failing for %s: %s", ago(*s.FailingSince), s.Problem)
	case s.Complete == nil:
		return "watch", "it was not read to its end yet"
	case time.Since(*s.Complete) > lateAfter:
		return "bad", "late by " + ago(*s.Complete)
	case s.Drifting > 0:
		return "watch", views.Plural(s.Drifting, "account has", "accounts have") + " another balance here"
	}
	return "", ""
}

// sources is the page about what is followed.
func (p *Pages) sources(ctx context.Context, q url.Values) ([]block, error) {
	all, err := p.followed(ctx)
	if err != nil {
		return nil, err
	}
	b := block{ID: "sources", Title: "Sources that are followed", Columns: []string{"Source", "State", "All of it is here as of", "Reached", "Balances compared", "Accounts", "With another balance", "Failures in a row"},
		Empty: "None. EXCHEQUER_SYNC names the sources."}
	for _, s := range all {
		is := state("good", "in step")
		if bad, why := s.trouble(); bad != "" {
			is = state(bad, why)
		}
		b.Rows = append(b.Rows, []text{plain(s.Name), is, p.at(s.Complete, "never"), p.at(s.Reached, "never"), p.at(s.Compared, "never"), number(s.Accounts), number(s.Drifting), number(s.Failures)})
	}
	return []block{b, p.streams(ctx), p.drift(ctx, q), p.rejects(ctx, q)}, nil
}

// streams is how far each query of a source has been read.
func (p *Pages) streams(ctx context.Context) block {
	const query = `SELECT source, stream, high, settled, rows, rejected FROM sync_streams ORDER BY source, stream LIMIT 500`
	rows, _ := p.DB.Query(ctx, query)
	b := block{ID: "streams", Title: "How far they are read", Columns: []string{"Source", "Query", "Last id", "Nothing comes late up to", "Rows read", "Rows left out"}, Empty: "Nothing was read yet."}
	var name, stream string
	var high, settled, read, rejected int64
	_, err := pgx.ForEachRow(rows, []any{&name, &stream, &high, &settled, &read, &rejected}, func() error {
		b.Rows = append(b.Rows, []text{plain(name), plain(stream), {Text: strconv.FormatInt(high, 10), Number: true}, {Text: strconv.FormatInt(settled, 10), Number: true}, number(read), number(rejected)})
		return nil
	})
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return b
}

// drift lists accounts with another balance here, by source and ref.
func (p *Pages) drift(ctx context.Context, q url.Values) block {
	const query = `
		SELECT source, account, ours, theirs, since FROM sync_drift WHERE (source, account) > ($1, $2) ORDER BY source, account LIMIT $3`
	rows, _ := p.DB.Query(ctx, query, pick(q, "source", 200), pick(q, "account", 512), rowsShown+1)
	b := block{ID: "drift", Title: "Accounts with another balance here", Columns: []string{"Source", "Account", "Here", "There", "Since"}, Empty: "None."}
	var name, account string
	var ours, theirs ledger.Sum
	var since time.Time
	var last [2]string
	_, err := pgx.ForEachRow(rows, []any{&name, &account, &ours, &theirs, &since}, func() error {
		if len(b.Rows) == rowsShown {
			b.More = []text{link("further accounts", address(pathSources, "source", last[0], "account", last[1]))}
			return nil
		}
		last = [2]string{name, account}
		b.Rows = append(b.Rows, []text{plain(name), code(account), {Text: views.Money(ours, p.Settings()), Number: true}, {Text: views.Money(theirs, p.Settings()), Number: true}, p.at(&since, "")})
		return nil
	})
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return b
}

// mostFields is how much of a rejected row is shown, in bytes.
const mostFields = 300

// rejects lists rows that were left out, by source, query and number.
func (p *Pages) rejects(ctx context.Context, q url.Values) block {
	after, _ := strconv.ParseInt(pick(q, "number", 20), 10, 64)
	place, _ := strconv.ParseInt(pick(q, "place", 10), 10, 32)
	const query = `
		SELECT source, stream, number, place, at, reason, fields::text FROM sync_rejects
		WHERE (source, stream, number, place) > ($1, $2, $3, $4) ORDER BY source, stream, number, place LIMIT $5`
	rows, _ := p.DB.Query(ctx, query, pick(q, "from", 200), pick(q, "stream", 200), after, place, rowsShown+1)
	b := block{ID: "rejects", Title: "Rows that were left out", Columns: []string{"Source", "Query", "Number", "When", "Why", "What it had"}, Empty: "None."}
	var name, stream, why, fields string
	var nr int64
	var in int32
	var when time.Time
	var last []string
	_, err := pgx.ForEachRow(rows, []any{&name, &stream, &nr, &in, &when, &why, &fields}, func() error {
		if len(b.Rows) == rowsShown {
			b.More = []text{link("further rows", address(pathSources, last...))}
			return nil
		}
		last = []string{"from", name, "stream", stream, "number", strconv.FormatInt(nr, 10), "place", strconv.FormatInt(int64(in), 10)}
		b.Rows = append(b.Rows, []text{plain(name), plain(stream), {Text: strconv.FormatInt(nr, 10), Number: true}, p.at(&when, ""), plain(why), plain(cutText(fields, mostFields))})
		return nil
	})
	if err != nil {
		return p.broken(b.ID, b.Title, err)
	}
	return b
}
