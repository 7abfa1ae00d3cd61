package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"exchequer/aggregates"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/ledger/archive"
	"exchequer/views"
)

// archiveCommand moves old months of the record into files.
type archiveCommand struct {
	Months  archiveMonthsCommand  `cmd:"" default:"withargs" help:"Move finished months into files; what archive does without another word."`
	Restore archiveRestoreCommand `cmd:"" help:"Bring months back from their files."`
	Status  archiveStatusCommand  `cmd:"" help:"Print where the record begins, and what is archived."`
}

// staysFor is how long the record stays at least: single dealings of a year are added up
// on some pages.
const staysFor = 366 * 24 * time.Hour

type archiveMonthsCommand struct {
	Before string        `required:"" placeholder:"YYYY-MM" help:"The first month that stays. All before it are archived."`
	Keep   bool          `help:"Write the files, and remove nothing."`
	Yes    bool          `help:"Remove the months when their files are written and read back."`
	Pause  time.Duration `default:"100ms" help:"Between two days that are removed, for what else the database does."`
	Dir    string        `arg:"" type:"path" help:"Folder for the months; it is made if it is not there."`
	databaseFlags
}

func (c archiveMonthsCommand) Run(ctx context.Context, s streams) (err error) {
	before, err := month("--before", c.Before)
	if err != nil {
		return err
	}
	if latest := time.Now().Add(-staysFor); before.After(latest) {
		return fmt.Errorf("--before %s: the last year of the record stays, so it is %s at most", c.Before, latest.Format("2006-01"))
	}
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	record := ledger.New(db.Pool)
	plan, err := archive.Make(ctx, record, before)
	if err != nil {
		return err
	}
	if len(plan.Months) == 0 {
		fmt.Fprintf(s.out, "the ledger has nothing before %s\n", c.Before)
		return nil
	}
	for _, m := range plan.Months {
		fmt.Fprintf(s.out, "%s: %s\n", m.Month, dealings(m.Removed))
	}
	fmt.Fprintf(s.out, "in all %s, about %.1f MB of the database\n", dealings(plan.All()), float64(plan.Room)/1e6)
	if !c.Keep && !c.Yes {
		return errors.New("nothing was changed; --yes removes these months when they are in files, --keep writes the files and removes nothing")
	}
	err = archive.Write(ctx, record, db.Pool, archive.Options{
		Before: before, Dir: c.Dir, Keep: c.Keep, Pause: c.Pause,
		Prepare: func(ctx context.Context) error {
			fmt.Fprintln(s.err, "judging sales and verifying the ledger")
			return aggregates.CatchUpOffsetting(ctx, db.Pool)
		},
		Progress: func(p archive.Progress) {
			if p.Day.IsZero() {
				fmt.Fprintf(s.out, "%s %s: %s\n", p.Month, p.Step, dealings(p.Removed))
			}
		},
	})
	if err != nil {
		return fmt.Errorf("%w (once that is mended, the same command goes on where it was)", err)
	}
	if !c.Keep {
		fmt.Fprintf(s.out, "the record begins with %s; keep %s: only it has what was before. The database reuses the room; VACUUM FULL would give it back to the disk\n", c.Before, c.Dir)
	}
	return nil
}

type archiveRestoreCommand struct {
	From string `placeholder:"YYYY-MM" help:"The first month to bring back, with all after it; without it, all."`
	Dir  string `arg:"" type:"path" help:"Folder with the months."`
	databaseFlags
}

func (c archiveRestoreCommand) Run(ctx context.Context, s streams) (err error) {
	var from time.Time
	if c.From != "" {
		if from, err = month("--from", c.From); err != nil {
			return err
		}
	}
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	err = archive.Restore(ctx, ledger.New(db.Pool), c.Dir, from, func(p archive.Progress) {
		fmt.Fprintf(s.out, "%s restored: %s\n", p.Month, dealings(p.Removed))
	})
	if err != nil {
		return fmt.Errorf("%w (once that is mended, the same command goes on where it was)", err)
	}
	return archiveStatus(ctx, s, db)
}

type archiveStatusCommand struct{ databaseFlags }

func (c archiveStatusCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	return archiveStatus(ctx, s, db)
}

func archiveStatus(ctx context.Context, s streams, db *database) error {
	a, err := ledger.New(db.Pool).Archive(ctx)
	if err != nil {
		return err
	}
	if a.Begins.IsZero() {
		fmt.Fprintln(s.out, "nothing is archived: the ledger has all of its record")
	} else {
		fmt.Fprintln(s.out, "the record begins", formatTime(a.Begins))
	}
	for _, m := range a.Months {
		fmt.Fprintf(s.out, "%s archived: %s\n", m.Month, dealings(m.Removed))
	}
	if a.Closed.After(a.Begins) {
		fmt.Fprintf(s.out, "nothing is written any more before %s, since archiving has begun: the same command goes on, archive restore opens it\n", formatTime(a.Closed))
	}
	return nil
}

// month parses a month such as 2025-01.
func month(flag, text string) (time.Time, error) {
	m, err := time.Parse("2006-01", text)
	if err != nil {
		return m, fmt.Errorf("%s is %q, want a month such as 2025-01", flag, text)
	}
	return m, nil
}

func dealings(r ledger.Removed) string {
	return views.Plural(r.Transactions, "transaction", "transactions") + ", " + views.Plural(r.Postings, "posting", "postings") + ", " + views.Plural(r.Sales, "sale", "sales")
}
