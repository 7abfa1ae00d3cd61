package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/views"
)

// verifyCommand compares everything that follows from the record with the record.
type verifyCommand struct {
	databaseFlags
	JSON bool `name:"json" help:"Print the result as JSON."`
}

// snapshotsCheck is the check that the ledger cannot make by itself.
const snapshotsCheck = "day_snapshots have the measures of their days"

func (c verifyCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	show := func(check ledger.Check) { printCheckResult(s.out, check) }
	if c.JSON {
		show = func(ledger.Check) {}
	}
	report, err := ledger.New(db.Pool).Verify(ctx, show)
	if err != nil {
		return err
	}
	snapshots := ledger.Check{Name: snapshotsCheck}
	show(snapshots)
	began := time.Now()
	differing, unread := aggregates.VerifySnapshots(ctx, db.Pool, began)
	snapshots.Done, snapshots.Took = true, time.Since(began)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if unread != nil { // of a ledger that is so wrong that they cannot be made
		differing = append(differing, ledger.Difference{Table: "day_snapshots", Key: "all", Text: unread.Error()})
	}
	for _, d := range differing {
		snapshots.Found++
		report.Add(d)
	}
	show(snapshots)
	report.Checks = append(report.Checks, snapshots)

	if c.JSON {
		err = printReportJSON(s.out, report)
	} else {
		printReport(s.out, report)
	}
	if err == nil && !report.OK() {
		err = fmt.Errorf("the ledger is wrong in %s", views.Plural(int64(len(report.Differences)+report.More), "place", "places"))
	}
	return err
}

// printCheckResult prints the name of a check when it begins, and its result on the
// same line when it is done.
func printCheckResult(w io.Writer, c ledger.Check) {
	if !c.Done {
		fmt.Fprintf(w, "%-52s ", c.Name)
		return
	}
	result := "ok"
	if c.Found > 0 {
		result = fmt.Sprintf("WRONG, %d found", c.Found)
	}
	fmt.Fprintf(w, "%s (%.1f s)\n", result, c.Took.Seconds())
}

func printReport(w io.Writer, r *ledger.Report) {
	fmt.Fprintf(w, "%d transactions, %d postings and %d sales read\n", r.Transactions, r.Postings, r.Sales)
	for _, d := range r.Differences {
		fmt.Fprintln(w, d)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "and %d more\n", r.More)
	}
	if !r.OK() {
		fmt.Fprintln(w, "exchequer repair makes balances, rollups and day snapshots anew; what is wrong with transactions, postings, sales and refs it cannot mend")
	}
}

func printReportJSON(w io.Writer, r *ledger.Report) error {
	type check struct {
		Name    string  `json:"name"`
		OK      bool    `json:"ok"`
		Found   int     `json:"found"`
		Seconds float64 `json:"seconds"`
	}
	type difference struct {
		Table string `json:"table"`
		Key   string `json:"key"`
		Text  string `json:"text"`
	}
	out := struct {
		OK           bool         `json:"ok"`
		Transactions int64        `json:"transactions"`
		Postings     int64        `json:"postings"`
		Sales        int64        `json:"sales"`
		Checks       []check      `json:"checks"`
		Differences  []difference `json:"differences"`
		More         int          `json:"more"`
	}{r.OK(), r.Transactions, r.Postings, r.Sales, []check{}, []difference{}, r.More}
	for _, c := range r.Checks {
		out.Checks = append(out.Checks, check{c.Name, c.Found == 0, c.Found, c.Took.Seconds()})
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, difference(d))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
