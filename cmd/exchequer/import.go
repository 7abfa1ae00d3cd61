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
	Mapping     string   `short:"m" placeholder:"FILE" group:"import" help:"TOML file that describes the columns (docs/import.md); exchequer mapping drafts one."`
	Check       bool     `group:"import" help:"Read the mapping and the first rows, print what they would become, write nothing."`
	Oldest      string   `placeholder:"YYYY-MM-DD" group:"import" help:"The oldest date that is accepted: 1900-01-01, or csv.oldest of the mapping. An older one is an error."`
	SkipInvalid bool     `group:"import" help:"Leave bad rows out instead of stopping at the first one."`
	Rejects     string   `group:"import" default:"rejects.csv" type:"path" help:"Where the rows left out go, with line and reason."`
	Data        []string `arg:"" help:"CSV files, plain, gzip or zstd, with a mapping; without one, a folder of native files."`
	databaseFlags
	monthlyFlags
}

func (c importCommand) Run(ctx context.Context, s streams) (err error) {
	var oldest time.Time
	if c.Oldest != "" {
		if oldest, err = ledger.ParseOldest(c.Oldest); err != nil {
			return fmt.Errorf("--oldest: %w", err)
		}
	}
	for _, path := range c.Data {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: no such file", path)
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
		Between: func(ctx context.Context) { c.divide(ctx, db.Pool, true, telemetry.NewLogger(s.err, 0, true)) },
	})
	progress.end()
	if err == nil || summary.Rows > 0 {
		printSummary(s.out, summary)
	}
	if summary.Rejected > 0 {
		fmt.Fprintf(s.out, "%s left out: %s\n", count(summary.Rejected, "row"), c.Rejects)
	}
	if err := errors.Join(err, rejects.Close()); err != nil {
		return err
	}
	return c.finish(ctx, s, db)
}

// finish makes the day snapshots and prints what to do next.
func (c importCommand) finish(ctx context.Context, s streams, db *database) error {
	if err := ledger.KeepMonths(ctx, db.Pool); err != nil {
		return err
	}
	if err := snapshots(ctx, s, db); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "next:", c.next(db))
	return nil
}

// next is how to see what was imported. It names no address of a database, which may
// have a password in it.
func (c importCommand) next(db *database) string {
	const address = ", then http://" + defaultListen
	switch {
	case db.borrowed():
		return "look at the running exchequer; it shows the import by itself"
	case db.embedded != nil && c.DataDir != "" && c.DataDir != os.Getenv("EXCHEQUER_DATA_DIR"):
		return "exchequer serve --data-dir " + c.DataDir + address
	case db.embedded == nil && os.Getenv("DATABASE_URL") == "" && os.Getenv("DATABASE_URL_FILE") == "":
		return "exchequer serve with the same database" + address
	}
	return "exchequer serve" + address
}

func (c importCommand) openForImport(ctx context.Context, s streams) (*database, error) {
	return c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
}

// native imports a folder of native files, as export writes them.
func (c importCommand) native(ctx context.Context, s streams, oldest time.Time) (err error) {
	info, err := os.Stat(c.Data[0])
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%[1]s is a file: name the meaning of its columns with --mapping; exchequer mapping %[1]s > own.toml drafts one", c.Data[0])
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
	summary, err := native.Import(ctx, ledger.New(db.Pool), c.Data[0], oldest, func(p native.Progress) {
		progress.native(p)
		c.divide(ctx, db.Pool, true, telemetry.NewLogger(s.err, 0, true))
	})
	progress.end()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.out, written(summary.Transactions, summary.Postings, summary.Sales, summary.SkippedTransactions, summary.SkippedSales))
	return c.finish(ctx, s, db)
}

// check prints what the mapping makes of the first rows of each file.
func (c importCommand) check(ctx context.Context, s streams, mapping *importer.Mapping) error {
	check, err := mapping.CheckFiles(ctx, c.Data, checkedRows)
	for _, file := range check.Files {
		printCheck(s.out, file, mapping.Settings)
	}
	if err != nil {
		return err
	}
	printIssuers(s.out, check.Issuers, mapping.Settings)
	fmt.Fprintln(s.out, "nothing was written; leave out --check to import")
	return nil
}

// checkedRows is how many rows of each file --check reads.
const checkedRows = 1000

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
	fmt.Fprintf(&b, "%s of %s in %.1f s (%.0f rows/s)\n", count(sum.Rows, "row"), count(sum.Files, "file"), sum.Took.Seconds(), float64(sum.Rows)/max(sum.Took.Seconds(), 1e-3))
	fmt.Fprintln(&b, written(sum.Transactions, sum.Postings, sum.Sales, sum.SkippedTransactions, sum.SkippedSales))
	if sum.OtherRows > 0 {
		fmt.Fprintf(&b, "%s left out, as [where] of the mapping says\n", count(sum.OtherRows, "row"))
	}
	if sum.ZeroTransactions > 0 {
		fmt.Fprintf(&b, "%s without money left out\n", count(sum.ZeroTransactions, "transaction"))
	}
	if sum.NegativeRows > 0 {
		fmt.Fprintf(&b, "%s with a negative amount moved no money, as the mapping says\n", count(sum.NegativeRows, "row"))
	}
	if sum.RoundedAmounts > 0 {
		fmt.Fprintf(&b, "%s rounded, which added %s in all\n", count(sum.RoundedAmounts, "amount"), sum.Rounding)
	}
	_, _ = w.Write(b.Bytes()) // a closed terminal must not fail an import
}

// written returns what an import has written and what it has found there.
func written(transactions, postings, sales, knownTransactions, knownSales int) string {
	text := fmt.Sprintf("%s, %s and %s written", count(transactions, "transaction"), count(postings, "posting"), count(sales, "sale"))
	if knownTransactions+knownSales > 0 {
		text += fmt.Sprintf("; %s and %s were there already", count(knownTransactions, "transaction"), count(knownSales, "sale"))
	}
	return text
}

// count returns "1 row" or "2 rows".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func printCheck(w io.Writer, check importer.FileCheck, settings ledger.Settings) {
	fmt.Fprintf(w, "%s: %s read\n", check.File, count(check.Rows, "row"))
	if check.Others > 0 {
		fmt.Fprintf(w, "  %s of them left out, as [where] says\n", count(check.Others, "row"))
	}
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

// printIssuers asks for the accounts that issue money, if the rows suggest that the
// mapping does not name them.
func printIssuers(w io.Writer, check importer.IssuerCheck, settings ledger.Settings) {
	nothing := check.Moves && !check.Issued
	if nothing {
		fmt.Fprintf(w, "no account issues money, so all accounts together hold %s\n", views.Money(check.Supply, settings))
	}
	if len(check.Asked) == 0 {
		if nothing {
			fmt.Fprintln(w, "  if money comes from one of them, name it under [ledger] of the mapping: issuers = [\"its ref\"]")
		}
		return
	}
	for _, p := range check.Asked {
		fmt.Fprintf(w, "does %q issue money? It pays %s and receives nothing\n", p.Account, views.Money(p.Paid, settings))
	}
	fmt.Fprintf(w, "  if so, add under [ledger] of the mapping: %s\n", check.Setting)
}
