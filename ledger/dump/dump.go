package dump

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// settle is how long after its end a month is published: days of any time zone have
// ended by then, and what arrived late is most often there.
const settle = 24 * time.Hour

// ErrLocked means that another process writes a dump to the folder.
var ErrLocked = errors.New("another process writes a dump there")

// Written says what a call of Write did.
type Written struct {
	Files int   // files written, and different from what was there
	Kept  int   // files that were there already
	Bytes int64 // of all files of the dump
}

// Write brings the dump in a folder up to date, as of now: it writes each finished
// month of UTC and each whole table, unless the folder has its rows already. It returns
// [ErrLocked] if another process does it.
//
// Each file takes the place of the one before it when it is complete, and the manifest
// follows at once, so that a dump that was broken off can be read, and the next one
// goes on where it ended.
//
// Without whole, the tables with single dealings are left out, and their files are removed
// from the folder: see [HasDealings].
func Write(ctx context.Context, db *pgxpool.Pool, dir, licence string, whole bool, now time.Time) (Written, error) {
	w := writer{dir: dir, whole: whole, now: now.UTC().Truncate(time.Second)}
	err := w.write(ctx, db, licence)
	if err != nil {
		err = fmt.Errorf("dump: %w", err)
	}
	return w.sum, err
}

type writer struct {
	dir      string
	whole    bool // with single dealings
	now      time.Time
	manifest Manifest
	sum      Written
	whence   string // the first month of which all is in the ledger; empty: all are
}

// A part is the rows of one file.
type part struct {
	table  *table
	month  string // 2026-10; empty: all of the table
	rows   int64
	digest string // of the rows, in any order
}

func (p part) name() string { return filepath.ToSlash(filepath.Join(p.table.name, p.month)) }

func (w *writer) write(ctx context.Context, db *pgxpool.Pool, licence string) (err error) {
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	unlock, err := lock(w.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock(err == nil)) }()
	if err := w.read(); err != nil {
		return err
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db, snapshot, func(tx pgx.Tx) error {
		const session = `SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC'; SET LOCAL max_parallel_workers_per_gather = 0`
		if _, err := tx.Exec(ctx, session); err != nil {
			return err
		}
		if err := w.describe(ctx, tx, licence); err != nil {
			return err
		}
		if err := w.begin(ctx, tx); err != nil {
			return fmt.Errorf("where the record begins: %w", err)
		}
		var names []string
		for i := range tables {
			if !w.writes(&tables[i]) {
				continue
			}
			parts, err := w.parts(ctx, tx, &tables[i])
			if err != nil {
				return fmt.Errorf("%s: %w", tables[i].name, err)
			}
			if slices.Contains(leaving, tables[i].name) {
				parts = slices.DeleteFunc(parts, func(p part) bool { return p.month < w.whence })
				names = append(names, w.archived(tables[i].name)...)
			}
			for _, p := range parts {
				names = append(names, p.name()+suffixParquet, p.name()+suffixCSV)
				if err := w.part(ctx, tx, p); err != nil {
					return fmt.Errorf("%s: %w", p.name(), err)
				}
			}
		}
		return w.drop(names)
	})
	for _, f := range w.manifest.Files {
		w.sum.Bytes += f.Bytes
	}
	return err
}

// begin finds the first month of UTC that begins with the record or later.
func (w *writer) begin(ctx context.Context, tx pgx.Tx) error {
	var begins *time.Time
	if err := tx.QueryRow(ctx, `SELECT nullif(begins, '-infinity') FROM archive`).Scan(&begins); err != nil || begins == nil {
		return err
	}
	month := time.Date(begins.Year(), begins.Month(), 1, 0, 0, 0, 0, time.UTC)
	if month.Before(*begins) {
		month = month.AddDate(0, 1, 0)
	}
	w.whence = month.Format("2006-01")
	return nil
}

// archived returns the files of months that were published before they were archived:
// nothing can take their place.
func (w *writer) archived(table string) (names []string) {
	for _, f := range w.manifest.Files {
		if f.Table == table && f.Month < w.whence {
			names = append(names, f.Path)
		}
	}
	return names
}

// read reads the manifest of the folder. One that is of another version says nothing of
// the files that are to be written.
func (w *writer) read() error {
	raw, err := os.ReadFile(filepath.Join(w.dir, ManifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &w.manifest)
	}
	if err != nil {
		return fmt.Errorf("read the manifest that is there: %w", err)
	}
	if w.manifest.SchemaVersion == 0 {
		return fmt.Errorf("%s is of something else than a dump: name another folder", ManifestName)
	}
	if w.manifest.SchemaVersion != SchemaVersion {
		for i := range w.manifest.Files {
			w.manifest.Files[i].Source = ""
		}
	}
	return nil
}

// describe says in the manifest what the ledger and its tables are.
func (w *writer) describe(ctx context.Context, tx pgx.Tx, licence string) error {
	m := &w.manifest
	m.SchemaVersion, m.Licence, m.DuckDB, m.Tables = SchemaVersion, licence, DuckDB, nil
	if licence == "" {
		m.Licence = "not stated"
	}
	m.Months = "of UTC, by the column at or hour; account_days by its day, which is of the ledger's time zone; a month is published a day after its end"
	err := tx.QueryRow(ctx, `SELECT name, symbol, decimals, timezone FROM settings`).
		Scan(&m.Ledger.Name, &m.Ledger.Currency, &m.Ledger.Decimals, &m.Ledger.Timezone)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the settings: %w", err)
	}
	if !w.whole {
		m.DuckDB = DuckDBPublic
	}
	for i := range tables {
		if !w.writes(&tables[i]) {
			continue
		}
		m.Tables = append(m.Tables, Table{tables[i].name, strings.ReplaceAll(tables[i].order, ` COLLATE "C"`, ""), tables[i].columns})
	}
	return nil
}

// Lines that work in the folder of a dump, and of one without single dealings.
const (
	DuckDB       = `duckdb -c "SELECT a.kind, sum(p.amount) AS received FROM 'postings/*.parquet' p JOIN 'accounts.parquet' a ON a.id = p.account WHERE p.amount > 0 GROUP BY ALL ORDER BY ALL"`
	DuckDBPublic = `duckdb -c "SELECT source, sum(volume) AS moved FROM 'flow_hours/*.parquet' GROUP BY ALL ORDER BY ALL"`
)

// writes reports whether the rows of a table are written.
func (w *writer) writes(t *table) bool { return w.whole || !HasDealings(t.name) }

// end returns the beginning of the first month that is not finished.
func (w *writer) end() time.Time {
	settled := w.now.Add(-settle)
	return time.Date(settled.Year(), settled.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// parts returns the parts of a table, by month. The digest is of all that the rows say,
// so that a part is written again exactly when it would be another one. One scan gives
// all months.
func (w *writer) parts(ctx context.Context, tx pgx.Tx, t *table) ([]part, error) {
	month, where := "''", ""
	var args []any
	if t.month != "" {
		month, where = "to_char("+t.month+", 'YYYY-MM')", " WHERE "+t.month+" < $1"
		args = append(args, w.end())
	}
	query := "SELECT " + month + ", count(*), coalesce(sum(hashtextextended(r::text, 0)), 0)::text FROM (" + t.query + ") AS r" + where
	if t.month != "" {
		query += " GROUP BY 1 ORDER BY 1"
	}
	rows, _ := tx.Query(ctx, query, args...)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (part, error) {
		p := part{table: t}
		err := row.Scan(&p.month, &p.rows, &p.digest)
		return p, err
	})
}

// part writes the two files of a part, unless they are there.
func (w *writer) part(ctx context.Context, tx pgx.Tx, p part) error {
	if w.has(p, p.name()+suffixParquet) && w.has(p, p.name()+suffixCSV) {
		w.sum.Kept += 2
		return nil
	}
	query, args := "SELECT * FROM ("+p.table.query+") AS r", []any(nil)
	if p.month != "" {
		from, err := time.Parse("2006-01", p.month)
		if err != nil {
			return err
		}
		query += " WHERE " + p.table.month + " >= $1 AND " + p.table.month + " < $2"
		args = append(args, from, from.AddDate(0, 1, 0))
	}
	asParquet, err := w.create(p.name() + suffixParquet)
	if err != nil {
		return err
	}
	defer asParquet.abandon()
	asCSV, err := w.create(p.name() + suffixCSV)
	if err != nil {
		return err
	}
	defer asCSV.abandon()
	rows, err := tx.Query(ctx, query+" ORDER BY "+p.table.order, args...)
	if err != nil {
		return err
	}
	if err := p.table.write(rows, p.table.columns, asParquet, asCSV); err != nil {
		return err
	}
	for _, f := range []*file{asParquet, asCSV} {
		if err := w.publish(p, f); err != nil {
			return err
		}
	}
	return w.save()
}

// has reports whether a file has the rows of a part.
func (w *writer) has(p part, name string) bool {
	known := w.manifest.find(name)
	if known == nil || known.Rows != p.rows || known.Source != p.digest {
		return false
	}
	info, err := os.Stat(filepath.Join(w.dir, filepath.FromSlash(name)))
	return err == nil && info.Size() == known.Bytes
}

// A file is one that is being written, under another name.
type file struct {
	*os.File
	name string // its path in the folder
	sum  hash.Hash
	size int64
}

const partial = ".partial"

func (w *writer) create(name string) (*file, error) {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path + partial)
	if err != nil {
		return nil, err
	}
	return &file{File: f, name: name, sum: sha256.New()}, nil
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.sum.Write(b[:n])
	f.size += int64(n)
	return n, err
}

// abandon removes a file that is not published.
func (f *file) abandon() {
	if f.Close() == nil { // publish has not closed it
		_ = os.Remove(f.Name()) // the first error is the one to return
	}
}

// publish gives a complete file its name, and writes it into the manifest, which the
// caller must save. A file that has become the same bytes is not new.
func (w *writer) publish(p part, f *file) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	path := strings.TrimSuffix(f.Name(), partial)
	if err := rename(f.Name(), path); err != nil {
		return err
	}
	entry := File{
		Path: f.name, Table: p.table.name, Month: p.month, Rows: p.rows, Bytes: f.size,
		SHA256: hex.EncodeToString(f.sum.Sum(nil)), Published: w.now, Made: w.now, Source: p.digest,
	}
	before := w.manifest.find(f.name)
	if before != nil {
		entry.Published = before.Published
	}
	if before != nil && before.SHA256 == entry.SHA256 {
		entry.Made = before.Made
		w.sum.Kept++
	} else {
		w.sum.Files++
	}
	w.manifest.put(entry)
	return nil
}

// drop removes the files of the manifest that are not named.
func (w *writer) drop(names []string) error {
	var gone []string
	w.manifest.Files = slices.DeleteFunc(w.manifest.Files, func(f File) bool {
		if slices.Contains(names, f.Path) {
			return false
		}
		gone = append(gone, f.Path)
		return true
	})
	if err := w.save(); err != nil {
		return err
	}
	for _, name := range gone {
		if !filepath.IsLocal(name) {
			continue
		}
		if err := os.Remove(filepath.Join(w.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// save writes the manifest, if it says anything new.
func (w *writer) save() error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(w.manifest); err != nil {
		return err
	}
	path := filepath.Join(w.dir, ManifestName)
	if before, err := os.ReadFile(path); err == nil && string(before) == b.String() {
		return nil
	}
	f, err := w.create(ManifestName)
	if err != nil {
		return err
	}
	defer f.abandon()
	if _, err := io.WriteString(f, b.String()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return rename(f.Name(), path)
}

// rename renames a file for good: also if the machine stops right after.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// lockName is the name of a file that a process locks while it writes a dump. It was
// changed when the last dump was complete.
const lockName = ".lock"

// lock locks a folder against other processes that write to it.
func lock(dir string) (unlock func(complete bool) error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func(complete bool) error {
		var err error
		if complete {
			if err = f.Truncate(0); err == nil {
				_, err = f.WriteString("complete\n") // not empty, and its time is now
			}
		}
		return errors.Join(err, f.Close())
	}, nil
}

// Completed returns when the last dump to a folder was complete, the zero time if none
// was.
func Completed(dir string) (time.Time, error) {
	info, err := os.Stat(filepath.Join(dir, lockName))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
