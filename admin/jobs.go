package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/admin/audit"
	"exchequer/ledger"
	"exchequer/views"
)

// A Job is work that an admin can start. Of all jobs of a ledger one runs at a time, in the
// process that was asked; any process shows how far it has come.
type Job struct {
	Name  string // "verify"
	Title string
	Text  string // what it does
	// Missing is what keeps it from running here, with the command that does the same.
	// Nil: nothing does.
	Missing func(ctx context.Context) string
	// Run does it. It calls progress as often as it likes; a total of 0 is not known.
	Run func(ctx context.Context, progress func(step string, done, total int64)) (outcome string, err error)
}

func (j Job) missing(ctx context.Context) string {
	if j.Missing == nil {
		return ""
	}
	return j.Missing(ctx)
}

// JobWarm is the name of the job that warms the cache.
const JobWarm = "warm"

// jobsLock is the advisory lock of who runs a job, in two parts.
const (
	jobsLock    = 0x6a6f6273 // "jobs"
	jobsLockSub = 1
)

// beats is how often the progress of a job is written. It is written on the connection that
// holds the lock, so that a job whose lock is lost ends.
const beats = time.Second

// errBusy is the reason why a job does not start.
var errBusy = errors.New("another job is running; one runs at a time, and this one was not started")

// process returns the name of this process, for people.
func process() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}

// begin starts a job, and returns the id of its entry. A job that cannot be started is
// noted as failed.
func (p *Pages) begin(ctx context.Context, job Job, e audit.Entry) (int64, error) {
	conn, err := p.lockJobs(ctx)
	if err != nil {
		e.Result, e.Detail = audit.Failed, reason(err)
		p.log(ctx, e)
		return audit.Write(ctx, p.DB, e)
	}
	e.Result = audit.Begun
	id, err := audit.Write(ctx, conn, e)
	if err == nil {
		err = p.claim(ctx, conn, job, id)
	}
	if err != nil {
		closeConn(conn)
		return 0, err
	}
	p.log(ctx, e)
	p.jobsRun.Add(1)
	p.running.Go(func() {
		defer p.jobsRun.Add(-1)
		p.work(conn, job, id, e)
	})
	return id, nil
}

// lockJobs returns a connection that holds the lock of jobs. It is not of the pool, whose
// connections readers need.
func (p *Pages) lockJobs(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, p.DB.Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connect for a job: %w", err)
	}
	var free bool
	err = conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1::int, $2::int # `+ledger.LockSalt32+`)`, jobsLock, jobsLockSub).Scan(&free)
	if err == nil && !free {
		err = errBusy
	}
	if err != nil {
		closeConn(conn)
		return nil, err
	}
	return conn, nil
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // it is of no more use
}

// claim notes that a job begins, and that those which are said to run have ended: their
// lock is free.
func (p *Pages) claim(ctx context.Context, conn *pgx.Conn, job Job, id int64) error {
	rows, _ := conn.Query(ctx, `
		UPDATE jobs SET ended = beat, failed = true, outcome = $1 WHERE ended IS NULL RETURNING audit`, textKilled)
	killed, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return fmt.Errorf("note jobs that have ended: %w", err)
	}
	for _, opening := range killed {
		if err := audit.End(ctx, conn, opening, audit.Entry{Action: "job.start", Detail: textKilled, Result: audit.Failed}); err != nil {
			return err
		}
	}
	const write = `
		INSERT INTO jobs (name, audit, process, began, beat) VALUES ($1, $2, $3, now(), now())
		ON CONFLICT (name) DO UPDATE SET audit = excluded.audit, process = excluded.process, began = excluded.began, beat = excluded.beat,
			step = '', done = 0, total = 0, ended = NULL, failed = false, outcome = ''`
	if _, err := conn.Exec(ctx, write, job.Name, id, process()); err != nil {
		return fmt.Errorf("note that a job begins: %w", err)
	}
	return nil
}

const textKilled = "its process ended before it was done"

// work runs a job to its end, or until the process leaves or the lock is lost.
func (p *Pages) work(conn *pgx.Conn, job Job, id int64, e audit.Entry) {
	defer closeConn(conn)
	ctx, cancel := context.WithCancelCause(p.Leaving)
	defer cancel(nil)
	var mu sync.Mutex
	var now struct {
		step        string
		done, total int64
	}
	done := make(chan struct{})
	var outcome string
	var failed error
	go func() {
		defer close(done)
		defer func() {
			if caught := recover(); caught != nil {
				failed = fmt.Errorf("it panicked: %v", caught)
			}
		}()
		outcome, failed = job.Run(ctx, func(step string, done, total int64) {
			mu.Lock()
			defer mu.Unlock()
			now.step, now.done, now.total = step, done, total
		})
	}()
	tick := time.NewTicker(beats)
	defer tick.Stop()
	for working := true; working; {
		select {
		case <-done:
			working = false
		case <-tick.C:
			mu.Lock()
			at := now
			mu.Unlock()
			writing, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			_, err := conn.Exec(writing, `UPDATE jobs SET beat = now(), step = $2, done = $3, total = $4 WHERE name = $1`, job.Name, at.step, at.done, at.total)
			stop()
			if err != nil {
				cancel(fmt.Errorf("the connection that held the lock of jobs is lost: %w", err))
				<-done
				working = false
			}
		}
	}
	if failed != nil && ctx.Err() != nil {
		failed = fmt.Errorf("%w: %w", context.Cause(ctx), failed)
	}
	p.end(job, id, e, outcome, failed)
}

// end notes the end of a job. It has a connection of its own, since that of the job may be
// lost; if the database cannot be reached, the next job notes it.
func (p *Pages) end(job Job, id int64, e audit.Entry, outcome string, failed error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.Leaving), 5*time.Second)
	defer cancel()
	e.Result, e.Detail = audit.Done, outcome
	if failed != nil {
		e.Result, e.Detail = audit.Failed, joined(outcome, reason(failed))
	}
	p.log(ctx, e)
	err := pgx.BeginFunc(ctx, p.DB, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE jobs SET ended = now(), beat = now(), failed = $3, outcome = $4 WHERE name = $1 AND audit = $2 AND ended IS NULL`, job.Name, id, failed != nil, e.Detail)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit.End(ctx, tx, id, e)
	})
	if err != nil {
		p.Log.ErrorContext(ctx, "the end of a job could not be noted", "job", job.Name, "error", err)
	}
}

// A run is the last run of a job.
type run struct {
	Name    string
	Audit   int64
	Process string
	Began   time.Time
	Beat    time.Time
	Step    string
	Done    int64
	Total   int64
	Ended   *time.Time
	Failed  bool
	Outcome string
}

// runs returns the last runs by name, and reports whether one is running. Of a run without
// an end whose lock is free, the process has ended.
func (p *Pages) runs(ctx context.Context) (map[string]run, bool, error) {
	const query = `
		SELECT name, audit, process, began, beat, step, done, total, ended, failed, outcome FROM jobs ORDER BY name`
	const held = `
		SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid::bigint = $1 AND objid::bigint = ($2::bigint # ` + ledger.LockSalt32 + `) & 4294967295
			AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`
	rows, _ := p.DB.Query(ctx, query)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[run])
	if err != nil {
		return nil, false, fmt.Errorf("read the jobs: %w", err)
	}
	var running bool
	if err := p.DB.QueryRow(ctx, held, int64(jobsLock), int64(jobsLockSub)).Scan(&running); err != nil {
		return nil, false, fmt.Errorf("read whether a job runs: %w", err)
	}
	by := map[string]run{}
	for _, r := range all {
		if r.Ended == nil && !running {
			r.Ended, r.Failed, r.Outcome = &r.Beat, true, textKilled
		}
		by[r.Name] = r
	}
	return by, running, nil
}

// state returns how a run stands.
func (r run) state() text {
	switch {
	case r.Ended == nil && r.Total > 0:
		return state("watch", fmt.Sprintf("running: %s, %s of %s (%d %%)", cmp.Or(r.Step, "begun"), views.Count(r.Done), views.Count(r.Total), 100*r.Done/r.Total))
	case r.Ended == nil:
		return state("watch", "running: "+cmp.Or(r.Step, "begun"))
	case r.Failed:
		return state("bad", "failed")
	}
	return state("good", "done")
}

// jobs is the page of the jobs.
func (p *Pages) jobs(ctx context.Context, _ url.Values) ([]block, error) {
	runs, running, err := p.runs(ctx)
	if err != nil {
		return nil, err
	}
	b := block{ID: "jobs", Title: "Jobs", Columns: []string{"Job", "Do", "State", "Last begun", "Took", "Result", "Process"}}
	if running {
		b.More = []text{link("Look again: how far is it?", pathJobs)}
	}
	about := block{ID: "about", Title: "What they do"}
	for _, job := range p.Jobs {
		do, does := doing("Start", "job.start", "job", job.Name), plain(job.Text)
		if why := job.missing(ctx); why != "" {
			do = plain("not from here")
			does.Also = []text{state("watch", why)}
		}
		about.Facts = append(about.Facts, fact{Name: job.Title, Value: does})
		row := []text{plain(job.Title), do}
		if r, known := runs[job.Name]; known {
			row = append(row, p.lastRun(r)...)
		} else {
			row = append(row, plain("never run"), plain("–"), plain("–"), plain("–"), plain("–"))
		}
		b.Rows = append(b.Rows, row)
	}
	return []block{b, about}, nil
}

// lastRun returns what a row says of a job's last run.
func (p *Pages) lastRun(r run) []text {
	end, outcome := time.Now(), "log entry"
	if r.Ended != nil {
		end, outcome = *r.Ended, cmp.Or(r.Outcome, "–")
	}
	return []text{r.state(), p.at(&r.Began, ""), plain(age(end.Sub(r.Began))), link(outcome, fmt.Sprint(pathAudit, "/", r.Audit)), code(r.Process)}
}

func (p *Pages) jobActions() []*action {
	return []*action{{"job.start", "Start a job", pathJobs, []string{"job"}, func(ctx context.Context, in url.Values) (plan, error) {
		for _, job := range p.Jobs {
			if job.Name == in.Get("job") {
				return plan{target: job.Name, button: "Start", start: &job, missing: job.missing(ctx),
					says: []string{job.Title + ". " + job.Text, "It runs in this process, " + process() + ", and ends with it. One job runs at a time."}}, nil
			}
		}
		return plan{}, mistake("There is no such job.")
	}}}
}
