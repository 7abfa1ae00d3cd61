package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"exchequer/ledger"
	"exchequer/ledger/importer/csvfile"
)

// Options are the parameters of [Run].
type Options struct {
	Ledger      *ledger.Ledger
	Mapping     *Mapping
	Files       []string
	SkipInvalid bool           // leave out bad rows and count them
	Rejects     io.Writer      // receives the rows left out as CSV; may be nil
	Progress    func(Progress) // called after each batch, from one goroutine; may be nil
	BatchRows   int            // rows in a batch; 0: the default

	// Between is called after every 50 batches, while none is being written; it may be nil.
	Between func(context.Context)
}

// Progress is how far an import has come.
type Progress struct {
	File     string // that is being read
	Rows     int64  // written, skipped or rejected
	Postings int64
	Bytes    int64 // read of all files, as stored on disk
	Total    int64 // their size; 0 if one of them is a pipe
}

// A Summary counts what an import did, even if it failed.
type Summary struct {
	Files, Rows                   int
	Transactions, Postings, Sales int // written
	SkippedTransactions           int // already in the ledger
	SkippedSales                  int
	Rejected                      int // rows left out by SkipInvalid
	OtherRows                     int // that do not meet the mapping's conditions; not in Rows
	NegativeRows                  int // moved no money, by the rule negative = "skip"
	ZeroTransactions              int // moved no money, since their amounts sum to zero
	RoundedAmounts                int
	Rounding                      string // what rounding added, exactly, in whole units: "-0.0035"
	Took                          time.Duration
}

const (
	defaultBatchRows = 10_000
	maxBatchBytes    = 16 << 20
	clockSkew        = 5 * time.Second
	betweenBatches   = 50
)

// Run imports files in the given order. While one batch is committed, the next one
// is begun, and one more is read and parsed. Batches are committed in their order:
// what was written before an error stays written, and the summary counts it.
func Run(ctx context.Context, o Options) (Summary, error) {
	start := time.Now()
	if o.BatchRows <= 0 {
		o.BatchRows = defaultBatchRows
	}
	w := &writer{options: o, sent: newSent(), rounding: new(big.Rat)}
	if err := w.prepare(); err != nil {
		return Summary{}, err
	}
	err := w.run(ctx, w.read)
	if failure := w.rejects.flush(); err == nil {
		err = failure
	}
	w.summary.Rounding = exact(w.rounding)
	w.summary.Took = time.Since(start)
	if err == nil && w.summary.Rows == 0 && w.summary.OtherRows > 0 {
		err = o.Mapping.nothing(w.summary.OtherRows)
	}
	return w.summary, err
}

// nothing returns the error of files in which no row meets the mapping's conditions.
func (m *Mapping) nothing(rows int) error {
	var conditions []string
	for _, c := range m.where {
		conditions = append(conditions, fmt.Sprintf("%s = %s", c.name, tomlTexts(c.values)))
	}
	return fmt.Errorf("none of the %d rows is as [where] says: %s", rows, strings.Join(conditions, ", "))
}

// prepare detects errors of the options before anything is written.
func (w *writer) prepare() error {
	seen := map[string]string{}
	for _, path := range w.options.Files {
		base := csvfile.BaseName(path)
		if first, twice := seen[base]; twice && w.options.Mapping.namesFile() {
			return fmt.Errorf("import: %s and %s have the same name, which this mapping's refs are made of: rename one", first, path)
		}
		seen[base] = path
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: no such file", path)
		}
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		if !info.Mode().IsRegular() {
			w.piped = true
		}
		w.total += info.Size()
	}
	if w.piped {
		w.total = 0
	}
	if len(w.options.Files) == 0 {
		return errors.New("import: no files are named")
	}
	if w.options.Rejects != nil {
		w.rejects = newRejects(w.options.Rejects, w.options.Mapping)
	}
	return nil
}

// A chunk is the entries of one batch.
type chunk struct {
	file     string
	files    int // finished
	entries  []*entry
	rows     *Rows      // that they were made of, if not of a file
	rejected []Rejected // of rows
	others   int        // rows that the mapping is not about
}

// run writes the chunks that read sends, until it returns.
func (w *writer) run(ctx context.Context, read func(context.Context, chan<- chunk) error) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	chunks := make(chan chunk, 1)
	var readErr error
	go func() {
		defer close(chunks)
		readErr = read(reading, chunks)
	}()
	var writeErr error
	nothing := func() error { return nil }
	finish := nothing // waits until the chunk before is committed
	batches := 0
	for c := range chunks { // until the reader has returned
		if writeErr != nil {
			continue
		}
		if batches++; w.options.Between != nil && batches%betweenBatches == 0 {
			writeErr, finish = finish(), nothing
			if writeErr != nil {
				stop()
				continue
			}
			w.options.Between(ctx)
		}
		begun, err := w.begin(ctx, c)
		if writeErr = cmp.Or(finish(), err); writeErr == nil {
			finish = w.commit(ctx, begun)
			continue
		}
		begun.rollback(ctx)
		finish = nothing
		stop()
	}
	return cmp.Or(writeErr, finish(), readErr)
}

// A reader splits files into chunks.
type reader struct {
	w      *writer
	m      *Mapping
	oldest time.Time
	latest time.Time
	chunk  chunk
	rows   int
	size   int
	failed *RowError // the first bad row, if bad rows end the import
}

func (w *writer) read(ctx context.Context, chunks chan<- chunk) error {
	m := w.options.Mapping
	r := &reader{w: w, m: m, oldest: m.oldest(), latest: time.Now().Add(clockSkew)}
	gather := newGatherer(r.m, closedGroups, r.take)
	send := func() error {
		r.chunk.others, gather.leftOut = gather.leftOut, 0
		select {
		case chunks <- r.chunk:
			r.chunk, r.rows, r.size = chunk{}, 0, 0
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, path := range w.options.Files {
		if err := r.file(ctx, gather, path, send); err != nil {
			return err
		}
		r.chunk.files++
	}
	return send()
}

func (r *reader) file(ctx context.Context, gather *gatherer, path string, send func() error) error {
	s, err := r.m.open(path, &r.w.bytes)
	if err != nil {
		return err
	}
	defer s.file.Close()
	keep := r.w.options.SkipInvalid && r.w.rejects != nil
	for rows := 0; ; rows++ {
		fields, line, err := s.read()
		var syntax *RowError
		switch {
		case errors.Is(err, io.EOF) && rows == 0:
			return fmt.Errorf("%s: the file has a header and no rows: leave it out if that is right", path)
		case errors.Is(err, io.EOF):
			gather.endFile()
			if r.failed != nil {
				return r.failed
			}
			return nil
		case errors.As(err, &syntax):
			e := &entry{rows: []original{{&s.source, line, slices.Clone(fields)}}, problem: syntax}
			r.take(e)
		case err != nil:
			return err
		default:
			row := &row{m: r.m, source: &s.source, line: line, fields: fields, oldest: r.oldest, latest: r.latest}
			var kept []string
			if keep {
				kept = slices.Clone(fields)
			}
			gather.add(row, kept)
		}
		if r.failed != nil {
			return r.failed
		}
		if r.rows >= r.w.options.BatchRows || r.size >= maxBatchBytes {
			r.chunk.file = path
			if err := send(); err != nil {
				return err
			}
		} else if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// take adds an entry to the chunk.
func (r *reader) take(e *entry) {
	if e.problem != nil && !r.w.options.SkipInvalid {
		if r.failed == nil {
			r.failed = e.problem
		}
		return
	}
	r.chunk.entries = append(r.chunk.entries, e)
	r.rows += len(e.rows)
	r.size += e.size
}

// A writer appends chunks to the ledger.
type writer struct {
	options Options
	rejects *rejects
	sent    *sent
	settled bool // the ledger's settings have been checked

	keepAccounts bool
	written      func(context.Context, chunk) error // called after each commit; may be nil

	piped    bool
	total    int64
	bytes    atomic.Int64
	summary  Summary
	rounding *big.Rat
}

// A begun is a chunk that is written but not committed.
type begun struct {
	chunk
	pending *ledger.Pending // nil if nothing is to be written
}

func (b begun) rollback(ctx context.Context) {
	if b.pending != nil {
		b.pending.Rollback(ctx)
	}
}

// begin writes the entries of a chunk that are right.
func (w *writer) begin(ctx context.Context, c chunk) (begun, error) {
	var entries []*entry
	for _, e := range c.entries {
		if e.problem == nil {
			entries = append(entries, e)
		} else if err := w.reject(&c, e, e.problem); err != nil {
			return begun{}, err
		}
	}
	for len(entries) > 0 {
		if err := w.settle(ctx); err != nil {
			return begun{}, err
		}
		batch := w.sent.batch(entries)
		batch.Oldest, batch.KeepAccounts = w.options.Mapping.oldest(), w.keepAccounts
		pending, err := w.options.Ledger.Begin(ctx, batch)
		if err == nil {
			w.sent.remember(entries)
			c.entries = entries
			return begun{c, pending}, nil
		}
		var refused *ledger.BatchError
		if !errors.As(err, &refused) || !w.options.SkipInvalid {
			return begun{}, fmt.Errorf("import: %w", err)
		}
		if entries, err = w.rejectRefused(&c, entries, refused); err != nil {
			return begun{}, err
		}
	}
	c.entries = nil
	return begun{c, nil}, nil
}

// commit commits a chunk in the background. The function that it returns waits for
// that, and counts what was written.
func (w *writer) commit(ctx context.Context, b begun) (finish func() error) {
	var written ledger.Written
	var err error
	var committing sync.WaitGroup
	if b.pending != nil {
		committing.Go(func() { written, err = b.pending.Commit(ctx) })
	}
	return func() error {
		committing.Wait()
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		w.count(b.entries, written)
		w.summary.Files += b.files
		w.summary.OtherRows += b.others
		if w.written != nil {
			if err := w.written(ctx, b.chunk); err != nil {
				return err
			}
		}
		if w.options.Progress != nil {
			w.options.Progress(Progress{
				File: b.file, Rows: int64(w.summary.Rows), Postings: int64(w.summary.Postings),
				Bytes: w.bytes.Load(), Total: w.total,
			})
		}
		return nil
	}
}

// settle gives the ledger the mapping's settings if it has none, and checks that its
// decimals and its time zone are those of the mapping.
func (w *writer) settle(ctx context.Context) error {
	if w.settled {
		return nil
	}
	ours := w.options.Mapping.Settings
	theirs, err := w.options.Ledger.Settings(ctx)
	if errors.Is(err, ledger.ErrNoSettings) {
		theirs, err = ours, w.options.Ledger.SetSettings(ctx, ours)
	}
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if theirs.Decimals != ours.Decimals {
		return fmt.Errorf("import: the ledger keeps money with %d decimals, the mapping has %d: use another ledger, or change ledger.decimals",
			theirs.Decimals, ours.Decimals)
	}
	if ours.Timezone != "" && theirs.Timezone != "" && theirs.Timezone != ours.Timezone {
		return fmt.Errorf("import: the days of the ledger are those of %s, of the mapping those of %s: leave ledger.timezone out, or %s",
			theirs.Timezone, ours.Timezone, ledger.HowToChangeZone(ours.Timezone))
	}
	w.settled = true
	return nil
}

func (w *writer) count(entries []*entry, written ledger.Written) {
	s := &w.summary
	s.Transactions += written.Transactions
	s.Postings += written.Postings
	s.Sales += written.Sales
	s.SkippedTransactions += written.SkippedTransactions
	s.SkippedSales += written.SkippedSales
	for _, e := range entries {
		s.Rows += len(e.rows)
		s.NegativeRows += e.negativeSkipped
		if e.zero && e.negativeSkipped == 0 {
			s.ZeroTransactions++
		}
		if e.rounding != nil {
			s.RoundedAmounts += e.rounded
			w.rounding.Add(w.rounding, e.rounding)
		}
	}
}

// rejectRefused rejects the entries that the ledger refused, and returns the
// others.
func (w *writer) rejectRefused(c *chunk, entries []*entry, refused *ledger.BatchError) ([]*entry, error) {
	byLine, byRef := map[string]ledger.Problem{}, map[string]ledger.Problem{}
	for _, p := range refused.Problems {
		if p.Line != "" {
			byLine[p.Line] = p
		} else {
			byRef[p.Ref] = p
		}
	}
	var good []*entry
	for _, e := range entries {
		problem, found := e.refusal(byLine, byRef)
		if !found {
			good = append(good, e)
			continue
		}
		if err := w.reject(c, e, problem); err != nil {
			return nil, err
		}
	}
	if len(good) == len(entries) {
		return nil, fmt.Errorf("import: %w", refused)
	}
	return good, nil
}

// refusal returns the ledger's problem with an entry, found by the line of its
// transaction or of a sale, or by an account or item that it names.
func (e *entry) refusal(byLine, byRef map[string]ledger.Problem) (*RowError, bool) {
	for _, o := range e.rows {
		place := fmt.Sprintf("%s:%d", o.source.Path, o.line)
		if p, found := byLine[place]; found {
			return &RowError{File: o.source.Path, Line: o.line, Problem: strings.TrimPrefix(p.String(), place+": ")}, true
		}
	}
	refs := make([]string, 0, len(e.accounts)+len(e.items))
	for _, a := range e.accounts {
		refs = append(refs, a.Ref)
	}
	for _, i := range e.items {
		refs = append(refs, i.Ref)
	}
	for _, ref := range refs {
		if p, found := byRef[ref]; found && len(byRef) > 0 {
			return &RowError{File: e.rows[0].source.Path, Line: e.rows[0].line, Problem: p.String()}, true
		}
	}
	return nil, false
}

func (w *writer) reject(c *chunk, e *entry, problem *RowError) error {
	w.summary.Rows += len(e.rows)
	w.summary.Rejected += len(e.rows)
	if c.rows != nil {
		for _, o := range e.rows {
			c.rejected = append(c.rejected, Rejected{o.line, o.fields, e.describe(o, problem)})
		}
	}
	if w.rejects == nil {
		return nil
	}
	for _, o := range e.rows {
		if err := w.rejects.write(o, e.describe(o, problem)); err != nil {
			return err
		}
	}
	return nil
}

// exact returns a sum of decimals with all its digits.
func exact(r *big.Rat) string {
	digits, _ := r.FloatPrec() // the denominators are powers of ten
	return r.FloatString(digits)
}
