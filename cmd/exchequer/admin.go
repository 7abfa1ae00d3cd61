package main

import (
	"context"
	"fmt"
	"log/slog"
	"os/user"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/time/rate"

	"exchequer/admin"
	"exchequer/admin/audit"
	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/cache"
	"exchequer/internal/postgres"
	"exchequer/ledger"
	"exchequer/ledger/dump"
	"exchequer/signin"
	"exchequer/views"
)

// adminFlags are about what admins may change by pages.
type adminFlags struct {
	AdminDatabaseURL     string `name:"admin-database-url" env:"EXCHEQUER_ADMIN_DATABASE_URL" placeholder:"URL" help:"The database by the role that owns it, for admins who make keys, change settings and repair by pages; set it in the environment. Without it, and without the right, the pages say which command to run."`
	AdminDatabaseURLFile string `name:"admin-database-url-file" env:"EXCHEQUER_ADMIN_DATABASE_URL_FILE" type:"path" placeholder:"FILE" help:"File that holds that URL."`
}

// adminConns is enough for what admins change; jobs have connections of their own.
const adminConns = 2

// owner returns the connections by the owner's role, nil if none is named, and what closes
// them.
func (f adminFlags) owner(ctx context.Context) (*pgxpool.Pool, func(), error) {
	url, err := secret("EXCHEQUER_ADMIN_DATABASE_URL", f.AdminDatabaseURL, f.AdminDatabaseURLFile)
	if err != nil || url == "" {
		return nil, func() {}, err
	}
	pool, err := postgres.Open(ctx, url, postgres.Options{ApplicationName: "exchequer admin", MaxConns: adminConns})
	if err != nil {
		return nil, nil, fmt.Errorf("EXCHEQUER_ADMIN_DATABASE_URL: %w", err)
	}
	return pool, pool.Close, nil
}

// admin returns the pages of admins.
func (f serverFlags) admin(ctx context.Context, p *parts) *admin.Pages {
	return admin.New(admin.Deps{
		DB: p.db.Pool, Owner: p.owner, Record: p.record, Cache: p.memos.Cache, Policies: f.Policies, Soundness: p.soundness, Settings: p.settings.get,
		Configured: f.configured(p), Thresholds: f.Signs.of, Jobs: f.jobs(p), Alerts: p.rules, Sender: alerts.NewSender(f.Allow, version), BaseURL: p.url(f.URL),
		Replica: p.db.replicaFacts(), Vitals: p.vitals, Requests: p.registry, Log: p.log, Leaving: ctx,
	})
}

// configured lists what was set at the start, without secrets.
func (f serverFlags) configured(p *parts) []admin.Configured {
	isSet := func(is bool) string {
		if is {
			return "set"
		}
		return "not set"
	}
	return []admin.Configured{
		{What: "Who sees what (privacy)", Variable: "EXCHEQUER_PRIVACY", Value: string(f.Privacy)},
		{What: "Thresholds of the signs of health", Variable: "EXCHEQUER_SIGNS", Value: f.Signs.of.String()},
		{What: "Policies of memos", Variable: "EXCHEQUER_POLICIES", Value: f.Policies.text()},
		{What: "The whole ledger is verified", Variable: "EXCHEQUER_VERIFY", Value: f.Verify},
		{What: "Name of this deployment in the shared cache", Variable: "TENANT", Value: f.Tenant},
		{What: "Shared cache", Variable: "REDIS_URL", Value: p.memos.redis},
		{What: "Address of the site", Variable: "EXCHEQUER_URL", Value: string(f.URL)},
		{What: "Licence of the data", Variable: "EXCHEQUER_LICENCE", Value: f.Licence},
		{What: "Dump", Variable: "EXCHEQUER_DUMP", Value: f.Dump},
		{What: "Sources that are followed", Variable: "EXCHEQUER_SYNC", Value: "as Sources lists them"},
		{What: "Rules of alerts", Variable: "EXCHEQUER_ALERTS", Value: f.Alerts},
		{What: "Networks that alerts may be sent to", Variable: "EXCHEQUER_ALERTS_ALLOW", Value: strings.Join(addresses(f.Allow), ", ")},
		{What: "Requests of a client to the API a minute", Variable: "EXCHEQUER_API_RATE", Value: fmt.Sprint(f.APIRate)},
		{What: "Requests of a key to write a minute", Variable: "EXCHEQUER_INGEST_RATE", Value: fmt.Sprint(f.IngestRate)},
		{What: "Proxies that are trusted", Variable: "EXCHEQUER_TRUSTED_PROXIES", Value: strings.Join(addresses(f.TrustedProxies), ", ")},
		{What: "Map to which shops link", Variable: "EXCHEQUER_MAP_URL", Value: string(f.Map)},
		{What: "Sites that may show panels", Variable: "EXCHEQUER_EMBED_ANCESTORS", Value: string(f.Ancestors)},
		{What: "Operators' token", Variable: "EXCHEQUER_OPERATOR_TOKEN", Value: isSet(f.OperatorToken+f.OperatorTokenFile != "")},
		{What: "Database of what programs write", Variable: "EXCHEQUER_INGEST_DATABASE_URL", Value: isSet(f.IngestDatabaseURL+f.IngestDatabaseURLFile != "")},
		{What: "Replica of the database", Variable: "DATABASE_READ_URL", Value: isSet(p.db.reader != nil)},
		{What: "Database of admins", Variable: "EXCHEQUER_ADMIN_DATABASE_URL", Value: isSet(p.owner != nil)},
	}
}

// jobs are what admins can start. Those that read the whole ledger have connections of
// their own, without the limits of pages.
func (f serverFlags) jobs(p *parts) []admin.Job {
	owner := p.owner
	if owner == nil {
		owner = p.db.Pool
	}
	count := func(n int, one string) string { return count(n, one) }
	return []admin.Job{
		{
			Name: "verify", Title: "Verify the ledger", Text: "Compares all that follows from the record with the record, gently: a check that takes longer than 10 minutes is given up. It changes nothing.",
			Run: unhurried(p.db.Pool, func(ctx context.Context, db *pgxpool.Pool, progress func(string, int64, int64)) (string, error) {
				progress("reading the record", 0, 0)
				report, err := ledger.New(db).VerifyGently(ctx, 10*time.Minute, 2*time.Hour)
				if err != nil {
					return "", err
				}
				undone := 0
				for _, c := range report.Checks {
					if c.Undone != "" {
						undone++
					}
				}
				said := count(len(report.Checks), "check")
				if undone > 0 {
					said += fmt.Sprintf(", of which %d took too long", undone)
				}
				if report.OK() {
					return said + "; nothing differs", nil
				}
				return said, fmt.Errorf("it is wrong in %s, such as %s", views.Plural(int64(len(report.Differences)+report.More), "place", "places"), report.Differences[0])
			}),
		},
		{
			Name: "repair", Title: "Repair the rollups", Text: "Makes balances, rollups and day snapshots anew from the record, beside readers and appends, and goes on where it was interrupted.",
			Missing: func(ctx context.Context) string {
				var may bool
				err := owner.QueryRow(ctx, `SELECT has_schema_privilege(relnamespace, 'CREATE') AND pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'balances'::regclass`).Scan(&may)
				if err != nil || !may {
					return "It needs the role that owns the tables: set EXCHEQUER_ADMIN_DATABASE_URL, or run exchequer repair."
				}
				return ""
			},
			Run: unhurried(owner, func(ctx context.Context, db *pgxpool.Pool, progress func(string, int64, int64)) (string, error) {
				began := time.Now()
				done, err := ledger.New(db).Repair(ctx, ledger.Repair{
					Progress: func(now ledger.RepairProgress) { progress(now.Step, now.Done, now.Total) },
					Snapshots: func(ctx context.Context, tx pgx.Tx, from time.Time) (time.Time, error) {
						return aggregates.RemakeSnapshots(ctx, tx, from, began)
					},
				})
				if err != nil {
					return "", err
				}
				var replaced []string
				for table, rows := range sorted(done.Rows) {
					if rows > 0 {
						replaced = append(replaced, table+": "+count(rows, "row"))
					}
				}
				if replaced == nil {
					return "all rows of all rollups were right", nil
				}
				return "replaced in " + strings.Join(replaced, ", "), nil
			}),
		},
		{
			Name: "snapshots", Title: "Make day snapshots", Text: "Makes those that are missing; the program does so by itself every five minutes.",
			Run: unhurried(p.db.Pool, func(ctx context.Context, db *pgxpool.Pool, _ func(string, int64, int64)) (string, error) {
				made, err := aggregates.UpdateSnapshots(ctx, db, time.Now(), aggregates.ExactUpTo(f.ExactHolders))
				return count(made, "day snapshot") + " made", err
			}),
		},
		{
			Name: "reports", Title: "Make monthly reports", Text: "Makes the reports of months that are over, and corrects those into which something was written since.",
			Run: unhurried(p.db.Pool, func(ctx context.Context, db *pgxpool.Pool, _ func(string, int64, int64)) (string, error) {
				done, err := aggregates.Reporter{DB: db, Version: version, Settled: aggregates.SettledAfter}.Update(ctx, time.Now(), 10*time.Minute)
				return fmt.Sprintf("%d made, %d errata", done.Made, done.Errata), err
			}),
		},
		{
			Name: "dump", Title: "Bring the dump up to date", Text: "Writes the files below /data/ that have changed; the program does so by itself every night.",
			Missing: func(context.Context) string {
				if f.Dump == "" {
					return "No folder is named: set EXCHEQUER_DUMP, or run exchequer dump DIR."
				}
				return ""
			},
			Run: unhurried(p.db.Pool, func(ctx context.Context, db *pgxpool.Pool, _ func(string, int64, int64)) (string, error) {
				whole, err := f.whole()
				if err != nil {
					return "", err
				}
				written, err := dump.Write(ctx, db, f.Dump, f.Licence, whole, time.Now())
				return fmt.Sprintf("%s new, %d as they were, %.1f MB in all", count(written.Files, "file"), written.Kept, float64(written.Bytes)/1e6), err
			}),
		},
		{
			Name: admin.JobWarm, Title: "Warm the cache", Text: "Brings the usual numbers, and those that were asked for lately, up to date.",
			Run: func(ctx context.Context, progress func(string, int64, int64)) (string, error) {
				ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
				defer cancel()
				var of int
				err := p.memos.Warm(ctx, nil, func(now cache.Progress) {
					of = now.Of
					progress(now.Key, int64(now.Done), int64(now.Of))
				})
				return count(of, "key"), err
			},
		},
	}
}

// unhurried returns what runs a job with connections that have no statement timeout, by the
// role of a pool.
func unhurried(like *pgxpool.Pool, run func(context.Context, *pgxpool.Pool, func(string, int64, int64)) (string, error)) func(context.Context, func(string, int64, int64)) (string, error) {
	return func(ctx context.Context, progress func(string, int64, int64)) (string, error) {
		db, err := postgres.Open(ctx, like.Config().ConnString(), postgres.Options{ApplicationName: "exchequer job", StatementTimeout: -1, MaxConns: 4})
		if err != nil {
			return "", err
		}
		defer db.Close()
		return run(ctx, db, progress)
	}
}

// inShell returns an entry of the audit log by who uses a shell.
func inShell(action, target, detail string) audit.Entry {
	e := audit.Entry{Subject: "shell", Name: "command line", Role: "operator", Action: action, Target: target, Detail: detail, Result: audit.Done}
	if who, err := user.Current(); err == nil {
		e.Name = who.Username + " on the command line"
	}
	return e
}

// signInNoted is how long it may take to note that somebody has signed in.
const signInNoted = 2 * time.Second

// Of those who are not let in, so many are noted at once, and then one each time.
const (
	refusedAtOnce = 60
	refusedEach   = 10 * time.Second
)

// noteSignIn returns what notes who signs in and out, in the audit log of a database that
// may be opened later. Anybody may be refused as often as they like, so of these it notes
// some, and how many it left out.
func noteSignIn(db func() *pgxpool.Pool, log *slog.Logger) func(context.Context, signin.Event) {
	refused, leftOut := rate.NewLimiter(rate.Every(refusedEach), refusedAtOnce), atomic.Int64{}
	return func(ctx context.Context, e signin.Event) {
		pool := db()
		if pool == nil {
			return // the log has it
		}
		if e.Problem != "" {
			if !refused.Allow() {
				leftOut.Add(1)
				return
			}
			if n := leftOut.Swap(0); n > 0 {
				e.Problem += fmt.Sprintf("; before it %d more, which only the program's log has", n)
			}
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signInNoted)
		defer cancel()
		entry := audit.Entry{Subject: e.Who.Subject, Name: e.Who.Name, Role: e.Who.Role.String(), Address: e.Client, Action: "sign-in", Target: string(e.What), Detail: e.Problem, Result: audit.Done}
		if e.Problem != "" {
			entry.Result = audit.Refused
		}
		if _, err := audit.Write(ctx, pool, entry); err != nil {
			log.WarnContext(ctx, "a sign-in could not be noted in the audit log", "error", err)
		}
	}
}
