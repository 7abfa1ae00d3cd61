package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/ledger/importer"
	"exchequer/ledger/native"
	"exchequer/views"
)

type importCommand struct {
	databaseFlags
	Mapping     string   `short:"m" type:"existingfile" help:"TOML file that describes the columns (docs/import.md)."`
	Check       bool     `help:"Read the mapping and the first rows, print what they would become, write nothing."`
	Oldest      string   `placeholder:"YYYY-MM-DD" help:"The oldest date that is accepted: 1900-01-01, or csv.oldest of the mapping. An older one is an error."`
	SkipInvalid bool     `help:"Leave bad rows out instead of stopping at the first one."`
	Rejects     string   `default:"rejects.csv" type:"path" help:"Where the rows left out go, with line and reason."`
	Data        []string `arg:"" help:"CSV files, plain, gzip or zstd, with a mapping; without one, a folder of native files."`
}

func (c importCommand) Run(ctx context.Context, s streams) (err error) {
	var oldest time.Time
	if c.Oldest != "" {
		if oldest, err = ledger.ParseOldest(c.Oldest); err != nil {
			return fmt.Errorf("--oldest: %w", err)
		}
	}
	if c.Mapping == "" {
		return c.native(ctx, s, oldest)
	}
	mapping, err := importer.Load(c.Mapping)
	if err != nil {
		return err
	}
	if c.Oldest != "" {
		mapping.Oldest = oldest
	}
	if c.Check {
		return c.check(ctx, s, mapping)
	}
	db, err := c.openForImport(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()

	rejects := &lazyFile{path: c.Rejects}
	progress := newProgress(s.err)
	summary, err := importer.Run(ctx, importer.Options{
		Ledger: ledger.New(db.Pool), Mapping: mapping, Files: c.Data,
		SkipInvalid: c.SkipInvalid, Rejects: rejects, Progress: progress.mapped,
	})
	progress.end()
	if err == nil || summary.Rows > 0 {
		printSummary(s.out, summary)
	}
	if summary.Rejected > 0 {
		fmt.Fprintf(s.out, "%d rows left out: %s\n", summary.Rejected, c.Rejects)
	}
	if err := errors.Join(err, rejects.Close()); err != nil {
		return err
	}
	return snapshots(ctx, s, db)
}

func (c importCommand) openForImport(ctx context.Context, s streams) (*database, error) {
	return c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
}

// native imports a folder of native files, as export writes them.
func (c importCommand) native(ctx context.Context, s streams, oldest time.Time) (err error) {
	info, err := os.Stat(c.Data[0])
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file: name the meaning of its columns with --mapping (docs/import.md)", c.Data[0])
	case len(c.Data) != 1:
		return errors.New("import without --mapping takes one folder of native files; for CSV files of your own name a mapping")
	case c.Check || c.SkipInvalid:
		return errors.New("--check and --skip-invalid go with --mapping")
	}
	db, err := c.openForImport(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	progress := newProgress(s.err)
	summary, err := native.Import(ctx, ledger.New(db.Pool), c.Data[0], oldest, progress.native)
	progress.end()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d transactions, %d postings, %d sales written; %d transactions and %d sales were already there\n",
		summary.Transactions, summary.Postings, summary.Sales, summary.SkippedTransactions, summary.SkippedSales)
	return snapshots(ctx, s, db)
}

// check prints what the mapping makes of the first rows of each file.
func (c importCommand) check(ctx context.Context, s streams, mapping *importer.Mapping) error {
	checks, err := mapping.CheckFiles(ctx, c.Data, 1000)
	for _, check := range checks {
		printCheck(s.out, check, mapping.Settings)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, "nothing was written; leave out --check to import")
	return nil
}

// A lazyFile is created by the first write, so that an import without rejects
// leaves no empty file.
type lazyFile struct {
	path string
	file *os.File
}

func (f *lazyFile) Write(p []byte) (int, error) {
	if f.file == nil {
		file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return 0, fmt.Errorf("write rejects: %w", err)
		}
		f.file = file
	}
	return f.file.Write(p)
}

func (f *lazyFile) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

func printSummary(w io.Writer, sum importer.Summary) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d rows of %s in %.1f s (%.0f rows/s)\n", sum.Rows, views.Plural(int64(sum.Files), "file", "files"), sum.Took.Seconds(), float64(sum.Rows)/max(sum.Took.Seconds(), 1e-3))
	fmt.Fprintf(&b, "%d transactions, %d postings, %d sales written; %d transactions and %d sales were already there\n",
		sum.Transactions, sum.Postings, sum.Sales, sum.SkippedTransactions, sum.SkippedSales)
	if sum.ZeroTransactions > 0 {
		fmt.Fprintf(&b, "%d transactions moved no money and were left out\n", sum.ZeroTransactions)
	}
	if sum.NegativeRows > 0 {
		fmt.Fprintf(&b, "%d rows with a negative amount moved no money, as the mapping says\n", sum.NegativeRows)
	}
	if sum.RoundedAmounts > 0 {
		fmt.Fprintf(&b, "%d amounts were rounded, which added %s in all\n", sum.RoundedAmounts, sum.Rounding)
	}
	_, _ = w.Write(b.Bytes()) // a closed terminal must not fail an import
}

func printCheck(w io.Writer, check importer.FileCheck, settings ledger.Settings) {
	fmt.Fprintf(w, "%s: %d rows read\n", check.File, check.Rows)
	for name, header := range sorted(check.Columns) {
		fmt.Fprintf(w, "  %-12s is column %q\n", name, header)
	}
	for _, t := range check.Example.Transactions {
		fmt.Fprintf(w, "  the first row is transaction %s at %s:\n", t.Ref, t.At.Format("2006-01-02 15:04:05"))
		for _, p := range t.Postings {
			fmt.Fprintf(w, "    %s on %s\n", views.Money(p.Amount, settings), p.Account)
		}
	}
}
