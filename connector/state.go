package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// A state is what is known of a source in the database of the ledger.
type state struct {
	db   *pgxpool.Pool
	name string
}

// maxRejects bounds the bad rows of a stream that are kept; more are counted.
const maxRejects = 10_000

// maxLeftOut is how many bytes of such a row are kept.
const maxLeftOut = 8 << 10

// marks returns how far each stream was read.
func (s state) marks(ctx context.Context) (map[string]*mark, error) {
	rows, _ := s.db.Query(ctx, `SELECT stream, high, settled, position FROM sync_streams WHERE source = $1`, s.name)
	marks := map[string]*mark{}
	var stream string
	var high, settled int64
	var at *position
	_, err := pgx.ForEachRow(rows, []any{&stream, &high, &settled, &at}, func() error {
		marks[stream] = newMark(high, settled)
		if at != nil {
			marks[stream].at = *at
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read marks: %w", err)
	}
	return marks, nil
}

// A progress is what a batch of a stream has come to.
type progress struct {
	stream        string
	high, settled int64
	at            *position // in a file that grows
	whole         bool      // the rows are all of the stream that is new, and not those of some ids
	rows          *importer.Rows
	rejected      []importer.Rejected
}

// save records the progress. The rows of its ids that were left out earlier are
// forgotten, unless they were left out again.
func (s state) save(ctx context.Context, p progress) error {
	var batch pgx.Batch
	batch.Queue(`INSERT INTO sync_streams AS known (source, stream, high, settled, rows, rejected, position) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (source, stream) DO UPDATE SET high = greatest(known.high, excluded.high), settled = greatest(known.settled, excluded.settled),
			rows = known.rows + excluded.rows, rejected = known.rejected + excluded.rejected, position = excluded.position`,
		s.name, p.stream, p.high, p.settled, len(p.rows.Numbers), len(p.rejected), p.at)
	if numbers := p.rows.Numbers; !p.whole && len(numbers) > 0 {
		batch.Queue(`DELETE FROM sync_rejects WHERE source = $1 AND stream = $2 AND number = ANY($3)`, s.name, p.stream, numbers)
	}
	if len(p.rejected) > 0 {
		left, err := leftOutOf(p)
		if err != nil {
			return err
		}
		batch.Queue(`INSERT INTO sync_rejects (source, stream, number, place, reason, fields)
			SELECT $1, $2, number, place, reason, fields::jsonb FROM unnest($3::bigint[], $4::int[], $5::text[], $6::text[]) AS r (number, place, reason, fields)
			WHERE `+ledger.Apart+` ORDER BY place LIMIT greatest(0, $7 - (SELECT count(*) FROM sync_rejects WHERE source = $1 AND stream = $2))
			ON CONFLICT DO NOTHING`, s.name, p.stream, left.numbers, left.places, left.reasons, left.fields, maxRejects)
	}
	if err := s.db.SendBatch(ctx, &batch).Close(); err != nil {
		return fmt.Errorf("save the mark of %s: %w", p.stream, err)
	}
	return nil
}

// leftOut are rows that were left out, by column.
type leftOut struct {
	numbers []int
	places  []int
	reasons []string
	fields  []string // JSON
}

// leftOutOf returns the rows of a batch that were left out, as many as may be kept.
func leftOutOf(p progress) (all leftOut, err error) {
	for i, r := range p.rejected[:min(len(p.rejected), maxRejects)] {
		fields, size := map[string]string{}, 0
		for at, name := range p.rows.Header[:min(len(p.rows.Header), len(r.Fields))] {
			name, field := clean(name), clean(r.Fields[at])
			if size += len(name) + len(field); size > maxLeftOut {
				break
			}
			fields[name] = field
		}
		text, err := json.Marshal(fields)
		if err != nil {
			return all, fmt.Errorf("keep a row that was left out: %w", err)
		}
		all.numbers, all.places = append(all.numbers, r.Number), append(all.places, i)
		all.reasons, all.fields = append(all.reasons, clean(r.Reason)), append(all.fields, string(text))
	}
	return all, nil
}

// clean returns text that Postgres takes, and not too much of it.
func clean(text string) string {
	const most = 1000
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}

// leftOut returns some of the ids of a stream whose rows were left out.
func (s state) leftOut(ctx context.Context, stream string, atMost int) ([]int64, error) {
	const query = `SELECT number FROM (SELECT DISTINCT number FROM sync_rejects WHERE source = $1 AND stream = $2) r ORDER BY random() LIMIT $3`
	rows, _ := s.db.Query(ctx, query, s.name, stream, atMost)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("read rows of %s that were left out: %w", stream, err)
	}
	return ids, nil
}

// forget forgets the bad rows of a stream that is read anew.
func (s state) forget(ctx context.Context, stream string) error {
	if _, err := s.db.Exec(ctx, `DELETE FROM sync_rejects WHERE source = $1 AND stream = $2`, s.name, stream); err != nil {
		return fmt.Errorf("forget rows of %s that were left out: %w", stream, err)
	}
	return nil
}

// reached records that the source has answered, and, if all was read, that the ledger is
// complete as of the time before.
func (s state) reached(ctx context.Context, secondsAgo float64, complete bool) error {
	_, err := s.db.Exec(ctx, `INSERT INTO sync_sources AS known (name, reached, complete)
		VALUES ($1, now(), CASE WHEN $2 THEN now() - make_interval(secs => $3) END)
		ON CONFLICT (name) DO UPDATE SET reached = now(), complete = coalesce(excluded.complete, known.complete),
			failing_since = NULL, failures = 0, problem = ''`, s.name, complete, secondsAgo)
	if err != nil {
		return fmt.Errorf("record that the source was reached: %w", err)
	}
	return nil
}

// failed records why a round has failed.
func (s state) failed(ctx context.Context, problem error) error {
	_, err := s.db.Exec(ctx, `INSERT INTO sync_sources AS known (name, failing_since, failures, problem) VALUES ($1, now(), 1, $2)
		ON CONFLICT (name) DO UPDATE SET failing_since = coalesce(known.failing_since, now()), failures = known.failures + 1, problem = excluded.problem`,
		s.name, clean(problem.Error()))
	if err != nil {
		return fmt.Errorf("record that the source failed: %w", err)
	}
	return nil
}
