package native

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/klauspost/compress/zstd"
)

// A Compression is how the files of an export are compressed. Import recognises
// all of them.
type Compression string

// The compressions, named by the suffix of the file's name.
const (
	Plain Compression = ""
	Gzip  Compression = ".gz"
	Zstd  Compression = ".zst"
)

const stamp = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`

// files are the files of an export, in the order in which an import reads them.
// Accounts, holders, items and shops are in byte order of their refs, offers in the order of
// time, all else in the order in which it was written.
var files = []struct{ name, query string }{
	{"settings", `SELECT name, symbol, decimals, timezone FROM settings`},
	{"accounts", `SELECT ref, kind, issuer::text AS issuer, name, holder, to_char(opened, ` + stamp + `) AS opened, to_char(archived, ` + stamp + `) AS archived
		FROM accounts ORDER BY ref COLLATE "C"`},
	{"former_names", `SELECT ref AS account, n.name, to_char(until, ` + stamp + `) AS until
		FROM account_names n JOIN accounts ON id = account ORDER BY ref COLLATE "C", n.name COLLATE "C"`},
	{"holders", `SELECT ref, name, kind, link, label, hidden::text AS hidden FROM holders ORDER BY ref COLLATE "C"`},
	{"labels", `SELECT ref AS account, label FROM accounts WHERE label <> '' ORDER BY ref COLLATE "C"`},
	{"merges", `SELECT a.ref AS account, t.ref AS into FROM merges JOIN accounts a ON a.id = account JOIN accounts t ON t.id = target
		ORDER BY a.ref COLLATE "C"`},
	{"items", `SELECT ref, name, grouping AS "group" FROM items ORDER BY ref COLLATE "C"`},
	{"events", `SELECT ref, to_char(at, ` + stamp + `) AS at, to_char(until, ` + stamp + `) AS until, title, text, link, scope
		FROM events ORDER BY at, ref COLLATE "C"`},
	{"places", `SELECT world, name, x, z, kind FROM places ORDER BY world COLLATE "C", name COLLATE "C"`},
	{"shops", `SELECT s.ref, s.place, a.ref AS owner, s.world, s.x, s.y, s.z, s.active::text AS active, to_char(s.seen, ` + stamp + `) AS seen
		FROM shops s JOIN accounts a ON a.id = s.owner ORDER BY s.ref COLLATE "C"`},
	// Every change, and the latest sighting of an offer that changed nothing.
	{"offers", `SELECT s.ref AS shop, o.ref, i.ref AS item, c.ask, c.bid, p.ref AS priced_in, c.batch, c.stock, c.capacity,
			c.active::text AS active, to_char(c.at, ` + stamp + `) AS seen
		FROM (
			SELECT offer, at, ask, bid, priced_in, batch, stock, capacity, active FROM offer_changes
			UNION ALL
			SELECT id, seen, ask, bid, priced_in, batch, stock, capacity, active FROM offers o
			WHERE seen > (SELECT max(at) FROM offer_changes c WHERE c.item = o.item AND c.offer = o.id)) c
		JOIN offers o ON o.id = c.offer JOIN shops s ON s.id = o.shop JOIN items i ON i.id = o.item
			LEFT JOIN items p ON p.id = c.priced_in
		ORDER BY c.at, s.ref COLLATE "C", o.ref COLLATE "C", i.ref COLLATE "C"`},
	{"transactions", `SELECT origin, ref, to_char(at, ` + stamp + `) AS at, source, message FROM transactions ORDER BY id`},
	{"postings", `SELECT t.origin, t.ref AS transaction, a.ref AS account, p.amount
		FROM postings p JOIN transactions t ON t.id = p.transaction AND t.at = p.at JOIN accounts a ON a.id = p.account
		ORDER BY p.transaction, p.seq`},
	{"sales", `SELECT s.origin, s.ref, to_char(s.at, ` + stamp + `) AS at, i.ref AS item, h.ref AS shop, seller.ref AS seller,
			buyer.ref AS buyer, s.direction, s.quantity, s.total, s.tax, t.ref AS transaction
		FROM sales s JOIN items i ON i.id = s.item LEFT JOIN shops h ON h.id = s.shop
			LEFT JOIN accounts seller ON seller.id = s.seller LEFT JOIN accounts buyer ON buyer.id = s.buyer
			LEFT JOIN transactions t ON t.id = s.transaction
		ORDER BY s.id`},
}

// partial is the suffix of a file that is not complete.
const partial = ".partial"

// Export writes the ledger to a folder. It creates the folder if necessary, and
// returns an error if it already contains a set. The files get their final names
// when all are written.
func Export(ctx context.Context, db *pgxpool.Pool, dir string, c Compression) error {
	if err := export(ctx, db, dir, c); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func export(ctx context.Context, db *pgxpool.Pool, dir string, c Compression) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		switch path, _, err := find(dir, f.name); {
		case err != nil:
			return err
		case path != "":
			return fmt.Errorf("%s is there already: choose an empty folder", path)
		}
	}
	var written []string
	defer func() {
		for _, path := range written {
			if err != nil {
				_ = os.Remove(path + partial) // the first error is the one to return
			}
		}
	}()
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		const session = `SET LOCAL statement_timeout = 0; SET LOCAL TimeZone = 'UTC'`
		if _, err := tx.Exec(ctx, session); err != nil {
			return err
		}
		for _, f := range files {
			path := filepath.Join(dir, f.name+".csv"+string(c))
			written = append(written, path)
			if err := copyTo(ctx, tx, f.query, path+partial, c); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, path := range written {
		if err := os.Rename(path+partial, path); err != nil {
			return err
		}
	}
	return nil
}

// copyTo streams a query into a file.
func copyTo(ctx context.Context, tx pgx.Tx, query, path string, c Compression) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out, err := compressor(file, c)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	_, err = tx.Conn().PgConn().CopyTo(ctx, out, "COPY ("+query+") TO STDOUT WITH (FORMAT csv, HEADER)")
	if out != io.WriteCloser(file) {
		err = errors.Join(err, out.Close())
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func compressor(file *os.File, c Compression) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriter(file), nil
	case Zstd:
		return zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
	case Plain:
		return file, nil
	}
	return nil, fmt.Errorf("unknown compression %q", c)
}

// find returns the path and size of a file of the set, in any compression. The path
// is empty if there is none.
func find(dir, name string) (path string, size int64, err error) {
	for _, c := range []Compression{Plain, Gzip, Zstd} {
		candidate := filepath.Join(dir, name+".csv"+string(c))
		info, err := os.Stat(candidate)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return "", 0, err
		case path != "":
			return "", 0, fmt.Errorf("%s and %s are both there: which one is meant?", path, candidate)
		default:
			path, size = candidate, info.Size()
		}
	}
	return path, size, nil
}
