package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"exchequer/ledger"
)

// Progress is the progress of an import.
type Progress struct {
	File  string // that is being read
	Rows  int64  // of all files
	Bytes int64  // read of all files, as stored on disk
	Total int64  // their size
}

// batchRows is how many rows are written at once.
const batchRows = 40_000

// Import reads a folder that Export or another program has written. Any file may be
// missing, except that transactions.csv and postings.csv go together. What is
// already in the ledger is skipped. The first error ends the import, and nothing of
// its batch is written. A time before oldest is an error; zero means
// [ledger.DefaultOldest]. progress may be nil.
func Import(ctx context.Context, l *ledger.Ledger, dir string, oldest time.Time, progress func(Progress)) (ledger.Written, error) {
	r := &reader{dir: dir, paths: map[string]string{}}
	var sum ledger.Written
	err := r.find()
	if err == nil {
		err = r.settings(ctx, l)
	}
	if err == nil {
		err = r.write(ctx, func(b batch) error {
			b.Oldest = oldest
			w, err := l.Append(ctx, b.Batch)
			if err != nil {
				return err
			}
			sum.Transactions += w.Transactions
			sum.Postings += w.Postings
			sum.Sales += w.Sales
			sum.SkippedTransactions += w.SkippedTransactions
			sum.SkippedSales += w.SkippedSales
			if progress != nil {
				progress(Progress{File: b.file, Rows: b.rows, Bytes: r.read.Load(), Total: r.total})
			}
			return nil
		})
	}
	if err != nil {
		return sum, fmt.Errorf("import %s: %w", dir, err)
	}
	return sum, nil
}

// A reader reads the files into batches.
type reader struct {
	dir   string
	paths map[string]string // of the files that exist, by name
	total int64
	read  atomic.Int64
	rows  int64
}

// A batch is a batch of the ledger and the position of the reader after it.
type batch struct {
	ledger.Batch
	file string
	rows int64
}

// find finds the files of the set. It returns an error for any other CSV file, which
// is most often one whose name is wrong.
func (r *reader) find() error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.name)
		path, size, err := find(r.dir, f.name)
		if err != nil {
			return err
		}
		if path != "" {
			r.paths[f.name] = path
			r.total += size
		}
	}
	for _, entry := range entries {
		name := strings.TrimSuffix(strings.TrimSuffix(entry.Name(), string(Gzip)), string(Zstd))
		if stem, isCSV := strings.CutSuffix(name, ".csv"); isCSV && !slices.Contains(names, stem) {
			return fmt.Errorf("%s is not part of the native set, which is %s.csv; other files need a mapping",
				filepath.Join(r.dir, entry.Name()), strings.Join(names, ".csv, "))
		}
	}
	if len(r.paths) == 0 {
		return fmt.Errorf("there is no native file in it: expected %s.csv", strings.Join(names, ".csv, "))
	}
	if (r.paths["transactions"] == "") != (r.paths["postings"] == "") {
		return errors.New("transactions.csv and postings.csv go together, and one is missing")
	}
	return nil
}

// settings gives the ledger its settings if it has none. With other decimals the
// amounts would mean something else, and with another time zone the days, so it
// returns an error.
func (r *reader) settings(ctx context.Context, l *ledger.Ledger) error {
	if r.paths["settings"] == "" {
		return nil
	}
	t, err := openTable(r.paths["settings"], &r.read, []string{"name", "symbol", "decimals"}, []string{"timezone"})
	if err != nil {
		return err
	}
	defer t.close()
	if !t.next() {
		return t.err // an export of a ledger without settings
	}
	s := ledger.Settings{
		Name: t.needed("name"), Symbol: t.text("symbol"), Decimals: int(t.integer("decimals")), Timezone: t.text("timezone"),
	}
	if t.err != nil {
		return t.err
	}
	known, err := l.Settings(ctx)
	if errors.Is(err, ledger.ErrNoSettings) {
		return l.SetSettings(ctx, s)
	}
	switch {
	case err != nil:
	case s.Timezone != "" && s.Timezone != known.Timezone:
		err = fmt.Errorf("%s: the days of the ledger are those of %s, of this set those of %s: leave timezone out, or %s",
			t.place(), known.Timezone, s.Timezone, ledger.HowToChangeZone(s.Timezone))
	case known.Decimals != s.Decimals:
		err = fmt.Errorf("%s: the ledger keeps money with %d decimals, this set has %d: use another ledger", t.place(), known.Decimals, s.Decimals)
	}
	return err
}

// write writes batches while another goroutine reads the next one.
func (r *reader) write(ctx context.Context, write func(batch) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan batch, 1)
	var readErr, writeErr error
	go func() {
		defer close(batches)
		readErr = r.batches(func(b batch) error {
			select {
			case batches <- b:
				return nil
			case <-reading.Done():
				return reading.Err()
			}
		})
	}()
	for b := range batches { // until the reader has returned
		if writeErr == nil {
			if writeErr = write(b); writeErr != nil {
				stop()
			}
		}
	}
	if writeErr != nil {
		return writeErr
	}
	return readErr
}

// batches reads all files, each after those whose refs it names.
func (r *reader) batches(send func(batch) error) error {
	for _, step := range []struct {
		name             string
		needed, optional []string
		read             func(*table, *ledger.Batch)
	}{
		{"accounts", []string{"ref", "kind"}, []string{"issuer", "name", "holder", "opened", "archived"}, readAccount},
		{"former_names", []string{"account", "name", "until"}, nil, readFormerName},
		{"holders", []string{"ref"}, []string{"name", "kind", "link", "label", "hidden"}, readHolder},
		{"labels", []string{"account", "label"}, nil, readLabel},
		{"merges", []string{"account", "into"}, nil, readMerge},
		{"items", []string{"ref"}, []string{"name", "group"}, readItem},
		{"events", []string{"ref", "at", "title"}, []string{"until", "text", "link", "scope"}, readEvent},
		{"places", []string{"name", "x", "z"}, []string{"world", "kind"}, readPlace},
		{"shops", []string{"ref", "owner", "active", "seen"},
			[]string{"place", "world", "x", "y", "z", "item", "buy_price", "sell_price", "batch", "stock", "capacity"}, readShop},
		{"offers", []string{"shop", "item", "batch", "active", "seen"},
			[]string{"ref", "ask", "bid", "priced_in", "stock", "capacity"}, readOffer},
		{"transactions", nil, nil, nil},
		{"sales", []string{"origin", "ref", "at", "item", "quantity", "total"},
			[]string{"shop", "seller", "buyer", "direction", "tax", "transaction", "id", "transaction_id"}, readSale},
	} {
		if r.paths[step.name] == "" {
			continue
		}
		out := &sender{reader: r, send: send, file: r.paths[step.name]}
		var err error
		if step.read == nil {
			err = r.transactions(out)
		} else {
			err = r.table(out, step.needed, step.optional, step.read)
		}
		if err == nil {
			err = out.flush()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A sender collects the rows of one file into batches.
type sender struct {
	reader *reader
	send   func(batch) error
	file   string
	batch  ledger.Batch
	rows   int
}

// wrote counts rows added to the batch, and sends it when it is full.
func (s *sender) wrote(rows int) error {
	s.rows += rows
	s.reader.rows += int64(rows)
	if s.rows < batchRows {
		return nil
	}
	return s.flush()
}

func (s *sender) flush() error {
	if s.rows == 0 {
		return nil
	}
	err := s.send(batch{s.batch, s.file, s.reader.rows})
	s.batch, s.rows = ledger.Batch{}, 0
	return err
}

func (r *reader) table(out *sender, needed, optional []string, read func(*table, *ledger.Batch)) error {
	t, err := openTable(out.file, &r.read, needed, optional)
	if err != nil {
		return err
	}
	defer t.close()
	for t.next() {
		read(t, &out.batch)
		if t.err != nil {
			break
		}
		if err := out.wrote(1); err != nil {
			return err
		}
	}
	return t.err
}

// transactions reads transactions.csv and postings.csv side by side, so that it
// holds no more than a batch. Postings must be in the order of their transactions.
func (r *reader) transactions(out *sender) error {
	t, err := openTable(out.file, &r.read, []string{"origin", "ref", "at", "source"}, []string{"message", "id"})
	if err != nil {
		return err
	}
	defer t.close()
	p, err := openTable(r.paths["postings"], &r.read, []string{"origin", "transaction", "account", "amount"}, []string{"transaction_id", "seq"})
	if err != nil {
		return err
	}
	defer p.close()
	more := p.next()
	for t.next() {
		transaction := ledger.Transaction{
			Origin: t.needed("origin"), Ref: t.needed("ref"), At: t.time("at"),
			Source: t.needed("source"), Message: t.text("message"), Line: t.place(),
		}
		for t.err == nil && more && p.text("origin") == transaction.Origin && p.text("transaction") == transaction.Ref {
			transaction.Postings = append(transaction.Postings, ledger.Posting{Account: p.needed("account"), Amount: p.integer("amount")})
			if p.err != nil {
				return p.err
			}
			more = p.next()
		}
		if err := errors.Join(t.err, p.err); err != nil {
			return err
		}
		if len(transaction.Postings) == 0 {
			return fmt.Errorf("%s: transaction %q has no postings: %s", t.place(), transaction.Ref, p.nextOne(more))
		}
		out.batch.Transactions = append(out.batch.Transactions, transaction)
		if err := out.wrote(1 + len(transaction.Postings)); err != nil {
			return err
		}
	}
	if t.err == nil && p.err == nil && more {
		return fmt.Errorf("%s: transaction %q is not the next one in %s: expected postings in the order of their transactions",
			p.place(), p.text("transaction"), t.file.Path)
	}
	return errors.Join(t.err, p.err)
}

// nextOne describes the next posting.
func (t *table) nextOne(more bool) string {
	if !more {
		return t.file.Path + " has ended"
	}
	return fmt.Sprintf("next in postings is %q (%s); they must be in the order of their transactions", t.text("transaction"), t.place())
}
