package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/klauspost/compress/zstd"

	"exchequer/ledger"
)

// ManifestName is the name of the manifest in the folder of a month.
const ManifestName = "manifest.json"

// format is that of the folders. It counts up when files of before cannot be restored.
const format = 1

// A Manifest describes the files of a month.
type Manifest struct {
	Format       int       `json:"format"`
	Schema       int       `json:"schema"` // of the database from which they are
	Ledger       string    `json:"ledger"`
	Month        string    `json:"month"`
	Starts       time.Time `json:"starts"`
	Ends         time.Time `json:"ends"`
	Transactions int64     `json:"transactions"`
	Postings     int64     `json:"postings"`
	Sales        int64     `json:"sales"`
	Files        []File    `json:"files"`
}

// A File is one of them.
type File struct {
	Path    string `json:"path"`
	Rows    int64  `json:"rows"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	Content string `json:"content"` // SHA-256 of what is compressed
}

func (m *Manifest) holds() ledger.Removed {
	return ledger.Removed{Transactions: m.Transactions, Postings: m.Postings, Sales: m.Sales}
}

func (m *Manifest) file(name string) (File, error) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == name+suffix })
	if i < 0 {
		return File{}, fmt.Errorf("the manifest names no %s%s", name, suffix)
	}
	return m.Files[i], nil
}

const (
	suffix  = ".csv.zst"
	partial = ".partial"
	stamp   = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`
)

// queries are the files of a month, with its beginning and end in the place of @starts
// and @ends. Names are of those who are named in it; a sale names its transaction only if
// that is of the same month, since a ledger that imports the month knows no other.
var queries = []struct{ name, query string }{
	{"settings", `SELECT name, symbol, decimals, timezone FROM settings`},
	{"accounts", `
		SELECT ref, kind, issuer::text AS issuer, name, holder, to_char(opened, ` + stamp + `) AS opened, to_char(archived, ` + stamp + `) AS archived
		FROM accounts WHERE id IN (
			SELECT account FROM transactions t JOIN postings p ON p.transaction = t.id AND p.at = t.at WHERE p.at >= @starts AND p.at < @ends AND t.at >= @starts AND t.at < @ends
			UNION SELECT seller ` + sold + ` UNION SELECT buyer ` + sold + `
			UNION SELECT owner FROM shops WHERE id IN (SELECT shop ` + sold + `))
		ORDER BY ref COLLATE "C"`},
	{"items", `SELECT ref, name, grouping AS "group" FROM items WHERE id IN (SELECT item ` + sold + `) ORDER BY ref COLLATE "C"`},
	{"shops", `
		SELECT s.ref, s.place, a.ref AS owner, s.world, s.x, s.y, s.z, s.active::text AS active, to_char(s.seen, ` + stamp + `) AS seen
		FROM shops s JOIN accounts a ON a.id = s.owner WHERE s.id IN (SELECT shop ` + sold + `) ORDER BY s.ref COLLATE "C"`},
	{transactions, `
		SELECT id, origin, ref, to_char(at, ` + stamp + `) AS at, source, message FROM transactions WHERE at >= @starts AND at < @ends ORDER BY id`},
	{postings, `
		SELECT t.origin, t.ref AS transaction, a.ref AS account, p.amount, t.id AS transaction_id, p.seq
		FROM transactions t JOIN postings p ON p.transaction = t.id AND p.at = t.at JOIN accounts a ON a.id = p.account
		WHERE t.at >= @starts AND t.at < @ends AND p.at >= @starts AND p.at < @ends ORDER BY t.id, p.seq`},
	{sales, `
		SELECT s.id, s.origin, s.ref, to_char(s.at, ` + stamp + `) AS at, i.ref AS item, h.ref AS shop, seller.ref AS seller,
			buyer.ref AS buyer, s.direction, s.quantity, s.total, s.tax, t.ref AS transaction, s.transaction AS transaction_id
		FROM (SELECT sold.* ` + sold + `) AS s JOIN items i ON i.id = s.item LEFT JOIN shops h ON h.id = s.shop
			LEFT JOIN accounts seller ON seller.id = s.seller LEFT JOIN accounts buyer ON buyer.id = s.buyer
			LEFT JOIN transactions t ON t.id = s.transaction AND t.at >= @starts AND t.at < @ends
		ORDER BY s.id`},
}

// The files of the record.
const (
	transactions = "transactions"
	postings     = "postings"
	sales        = "sales"
)

// sold is SQL for the sales of the month, by their primary key.
const sold = `FROM items all_items CROSS JOIN LATERAL (SELECT * FROM sales WHERE sales.item = all_items.id AND at >= @starts AND at < @ends) AS sold`

// writeMonth writes the files of a month as tx sees it, in the place of those that are
// there, and reads them back.
func writeMonth(ctx context.Context, tx pgx.Tx, dir string, m ledger.Month) (*Manifest, error) {
	to := filepath.Join(dir, m.String())
	if err := os.RemoveAll(to + partial); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(to+partial, 0o700); err != nil {
		return nil, err
	}
	manifest := &Manifest{Format: format, Month: m.String(), Starts: m.Starts, Ends: m.Ends}
	const about = `SELECT (SELECT version FROM schema_version), coalesce((SELECT name FROM settings), '')`
	if err := tx.QueryRow(ctx, about).Scan(&manifest.Schema, &manifest.Ledger); err != nil {
		return nil, err
	}
	literal := func(t time.Time) string { return `'` + t.UTC().Format(time.RFC3339) + `'::timestamptz` }
	times := strings.NewReplacer("@starts", literal(m.Starts), "@ends", literal(m.Ends))
	for _, q := range queries {
		f, err := writeFile(ctx, tx, filepath.Join(to+partial, q.name+suffix), times.Replace(q.query))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		manifest.Files = append(manifest.Files, f)
		switch q.name {
		case transactions:
			manifest.Transactions = f.Rows
		case postings:
			manifest.Postings = f.Rows
		case sales:
			manifest.Sales = f.Rows
		}
	}
	text, err := json.MarshalIndent(manifest, "", "\t")
	if err != nil {
		return nil, err
	}
	if err := writeSynced(filepath.Join(to+partial, ManifestName), text); err != nil {
		return nil, err
	}
	if err := errors.Join(syncFolder(to+partial), check(to+partial, manifest)); err != nil {
		return nil, err
	}
	// What is there is of a month that is still in the ledger.
	if err := os.RemoveAll(to); err != nil {
		return nil, err
	}
	if err := os.Rename(to+partial, to); err != nil {
		return nil, err
	}
	return manifest, syncFolder(dir)
}

// A measure counts and hashes what is written to it.
type measure struct {
	to    io.Writer
	sum   hash.Hash
	bytes int64
}

func newMeasure(to io.Writer) *measure { return &measure{to: to, sum: sha256.New()} }

func (m *measure) Write(b []byte) (int, error) {
	n, err := m.to.Write(b)
	m.sum.Write(b[:n])
	m.bytes += int64(n)
	return n, err
}

func (m *measure) hex() string { return hex.EncodeToString(m.sum.Sum(nil)) }

func writeFile(ctx context.Context, tx pgx.Tx, path, query string) (f File, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	stored := newMeasure(file)
	packed, err := zstd.NewWriter(stored, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return f, err
	}
	content := newMeasure(packed)
	done, err := tx.Conn().PgConn().CopyTo(ctx, content, "COPY ("+query+") TO STDOUT (FORMAT csv, HEADER)")
	if err := errors.Join(err, packed.Close()); err != nil {
		return f, err
	}
	return File{filepath.Base(path), done.RowsAffected(), stored.bytes, stored.hex(), content.hex()}, file.Sync()
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// check reads all files of a month and compares them with the manifest.
func check(dir string, m *Manifest) error {
	for _, f := range m.Files {
		from, err := open(dir, f)
		if err != nil {
			return err
		}
		if err := errors.Join(from.verify(), from.Close()); err != nil {
			return err
		}
	}
	return nil
}

// A content is what is compressed in a file, with what is known of it.
type content struct {
	mu     sync.Mutex // a COPY whose connection is lost may still read while it is closed
	closed bool
	from   io.Reader
	file   *os.File
	unpack *zstd.Decoder
	stored *measure
	plain  *measure
	want   File
}

func open(dir string, f File) (*content, error) {
	if !filepath.IsLocal(f.Path) {
		return nil, fmt.Errorf("the manifest names %q", f.Path)
	}
	path := filepath.Join(dir, f.Path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != f.Bytes { // a pipe would never end, nor what is packed very small
		return nil, fmt.Errorf("%s is not what was written: it has %d bytes, not %d", path, info.Size(), f.Bytes)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &content{file: file, stored: newMeasure(io.Discard), plain: newMeasure(io.Discard), want: f}
	c.unpack, err = zstd.NewReader(io.TeeReader(file, c.stored), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	c.from = io.TeeReader(c.unpack, c.plain)
	return c, nil
}

// Read implements io.Reader. At the end it returns an error unless all that was read is
// what the manifest says, so that a file that changes between two readings is found too.
func (c *content) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, os.ErrClosed
	}
	n, err := c.from.Read(b)
	if err == io.EOF && (c.stored.bytes != c.want.Bytes || c.stored.hex() != c.want.SHA256 || c.plain.hex() != c.want.Content) {
		err = errors.New("it is not what was written: its checksum is another one")
	}
	return n, err
}

// verify reads all of it.
func (c *content) verify() error {
	if _, err := io.Copy(io.Discard, c); err != nil {
		return fmt.Errorf("%s: %w", c.file.Name(), err)
	}
	return nil
}

// Close closes the file.
func (c *content) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.unpack.Close()
	return c.file.Close()
}
