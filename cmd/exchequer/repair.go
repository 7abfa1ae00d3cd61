package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/admin/audit"
	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/telemetry"
	"exchequer/ledger"
	"exchequer/views"
)

// repairCommand makes everything anew that follows from the record.
type repairCommand struct {
	databaseFlags
	Issuer   string `placeholder:"REF=true|false" help:"Make an account issue money or not, for all of the past too. Needs --yes."`
	Timezone string `placeholder:"ZONE" help:"Count all days by another time zone, such as Europe/Berlin. Needs --yes."`
	Yes      bool   `help:"Do it, without asking."`
	Tenant   string `default:"default" env:"TENANT" group:"cache" help:"Name of the deployment whose cache must not show the old numbers."`
}

func (c repairCommand) Run(ctx context.Context, s streams) (err error) {
	change, err := parseIssuer(c.Issuer)
	if err != nil {
		return err
	}
	log := telemetry.NewLogger(s.err, 0, true)
	db, err := c.open(ctx, log, access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	record := ledger.New(db.Pool)
	if change != nil {
		needed, err := c.announce(ctx, s, record, *change)
		if err != nil || !needed {
			return err
		}
		log.InfoContext(ctx, "changing whether an account issues money", "account", change.Account, "issuer", change.Issuer)
	}
	if c.Timezone != "" {
		needed, err := c.announceZone(ctx, s, record)
		if err != nil || !needed {
			return err
		}
		log.InfoContext(ctx, "changing the time zone of the ledger", "timezone", c.Timezone)
	}
	began := time.Now()
	steps := &steps{out: s.err}
	noted := inShell("job.start", "repair", c.changes())
	noted.Result = audit.Begun
	entry, err := audit.Write(ctx, db.Pool, noted)
	if err != nil {
		return err
	}
	done, err := record.Repair(ctx, ledger.Repair{
		Issuer:   change,
		Timezone: c.Timezone,
		Progress: steps.show,
		Snapshots: func(ctx context.Context, tx pgx.Tx, from time.Time) (time.Time, error) {
			return aggregates.RemakeSnapshots(ctx, tx, from, began)
		},
	})
	if noted.Result = audit.Done; err != nil {
		noted.Result, noted.Detail = audit.Failed, err.Error()
	}
	if unnoted := audit.End(context.WithoutCancel(ctx), db.Pool, entry, noted); unnoted != nil {
		log.WarnContext(ctx, "the end of the repair could not be noted", "error", unnoted)
	}
	if err != nil {
		if change != nil || c.Timezone != "" {
			return err
		}
		return fmt.Errorf("%w (the same command goes on where it was)", err)
	}
	if change != nil || c.Timezone != "" {
		if err := c.forbid(ctx, db, log); err != nil {
			return fmt.Errorf("the ledger is changed, but the cache may show old numbers once more (exchequer cache invalidate --tenant --hard forbids them): %w", err)
		}
	}
	wrong := 0
	for table, rows := range sorted(done.Rows) {
		wrong += rows
		fmt.Fprintf(s.out, "%s: %s\n", table, views.Plural(int64(rows), "row replaced", "rows replaced"))
	}
	if wrong == 0 {
		fmt.Fprintln(s.out, "all rows of all rollups were right; day snapshots that differed were made anew")
	}
	fmt.Fprintf(s.out, "repaired in %.1f s\n", time.Since(began).Seconds())
	return nil
}

// changes returns what a repair changes, for the audit log.
func (c repairCommand) changes() string {
	return strings.TrimSpace(c.Issuer + " " + c.Timezone)
}

// forbid records in the database that nothing may be shown which was computed
// before. Processes that serve know it from the change itself; this is for those
// that do not listen now, and find old numbers in Redis later.
func (c repairCommand) forbid(ctx context.Context, db *database, log *slog.Logger) (err error) {
	memos, err := sharedCache{tenant: c.Tenant}.open(ctx, db.Pool, cache.Deps{Log: log}, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memos.close(ctx)) }()
	return memos.Invalidate(ctx, cache.Hard, cache.Tenant())
}

// parseIssuer parses REF=true or REF=false; a ref may contain equals signs.
func parseIssuer(text string) (*ledger.IssuerChange, error) {
	if text == "" {
		return nil, nil
	}
	i := strings.LastIndexByte(text, '=')
	issuer, err := strconv.ParseBool(text[i+1:])
	if i <= 0 || err != nil {
		return nil, fmt.Errorf("--issuer is %q, want REF=true or REF=false", text)
	}
	return &ledger.IssuerChange{Account: text[:i], Issuer: issuer}, nil
}

// announce prints what a change would do. It reports whether there is something to
// do, and returns an error without --yes.
func (c repairCommand) announce(ctx context.Context, s streams, record *ledger.Ledger, change ledger.IssuerChange) (needed bool, err error) {
	account, err := record.Issuer(ctx, change.Account)
	if err != nil {
		return false, err
	}
	if account.Issuer == change.Issuer {
		fmt.Fprintf(s.out, "account %q is so already: issuer is %t; nothing was changed\n", change.Account, change.Issuer)
		return false, nil
	}
	money, err := record.Settings(ctx)
	if err != nil {
		return false, err
	}
	becomes, moves := "becomes an issuer", "leaves the supply"
	if !change.Issuer {
		becomes, moves = "is no issuer any more", "becomes part of the supply"
	}
	fmt.Fprintf(s.out, "account %q (%s) %s: its balance of %s %s, and activity, flows and day snapshots of all of the past change\n",
		change.Account, account.Kind, becomes, views.Money(account.Balance, money), moves)
	if !c.Yes {
		return false, errors.New("nothing was changed; if that is what you want, add --yes")
	}
	return true, nil
}

// announceZone prints what a change of the time zone would do. It reports whether
// there is something to do, and returns an error without --yes.
func (c repairCommand) announceZone(ctx context.Context, s streams, record *ledger.Ledger) (needed bool, err error) {
	settings, err := record.Settings(ctx)
	if err != nil {
		return false, err
	}
	if settings.Timezone == c.Timezone {
		fmt.Fprintf(s.out, "the days of the ledger are those of %s already; nothing was changed\n", c.Timezone)
		return false, nil
	}
	fmt.Fprintf(s.out, "the days of the ledger are those of %s and become those of %s: days of accounts and day snapshots of all of the past change\n",
		settings.Timezone, c.Timezone)
	if !c.Yes {
		return false, errors.New("nothing was changed; if that is what you want, add --yes")
	}
	return true, nil
}

// steps prints the progress of a repair: a line for each step, and every few seconds.
type steps struct {
	out  io.Writer
	step string
	last time.Time
}

func (p *steps) show(now ledger.RepairProgress) {
	if now.Step == p.step && time.Since(p.last) < 3*time.Second {
		return
	}
	p.step, p.last = now.Step, time.Now()
	if now.Total == 0 {
		fmt.Fprintln(p.out, now.Step)
		return
	}
	fmt.Fprintf(p.out, "%s: %d of %d (%d %%)\n", now.Step, now.Done, now.Total, 100*now.Done/now.Total)
}
