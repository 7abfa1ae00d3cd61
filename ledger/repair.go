package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Repair describes what [Ledger.Repair] does.
type Repair struct {
	// Issuer makes an account issue money or not. Nil: no account changes.
	Issuer *IssuerChange

	// Timezone makes the days those of another time zone. Empty: they stay.
	Timezone string

	// Snapshots makes the snapshots of some days anew, from one day on, in tx, in
	// which no append runs. It returns the day with which to go on, zero if it made
	// the last one. Nil: the snapshots are deleted, to be made again later.
	Snapshots func(ctx context.Context, tx pgx.Tx, from time.Time) (next time.Time, err error)

	Progress func(RepairProgress) // may be nil
}

// An IssuerChange says whether an account issues money.
type IssuerChange struct {
	Account string // its ref
	Issuer  bool
}

// RepairProgress is how far a repair has come.
type RepairProgress struct {
	Step        string // "reading the record", or the table that is being mended
	Done, Total int64  // transactions and sales, or rows
}

// Repaired is the result of a repair.
type Repaired struct {
	Resumed bool           // it went on where an interrupted one had ended
	Rows    map[string]int // by table, how many rows were not right
}

// mended is how many rows of a rollup are replaced in one database transaction, for
// which appends wait.
const mended = 20_000

// few is how many transactions and sales may be replayed while appends wait.
const few = 2_000

// ErrRepairing is returned if another repair of the ledger is running.
var ErrRepairing = errors.New("another repair is running")

// Repair makes all rollups anew from the record, and replaces the rows that are not
// right. It may run beside readers and appends, and goes on where it was
// interrupted:
//
//  1. It reads the record in parts into tables beside the rollups, and notes with
//     each part how far it has come. Nobody waits.
//  2. It compares these tables with the rollups, as of one moment. Nobody waits
//     but for that moment.
//  3. It replaces rows that differ, some at a time, each time after it has read
//     what was appended since. Appends wait for each of these transactions;
//     readers see a row before or after.
//
// A change of an account or of the time zone is made in one database transaction
// with all that depends on it, so that readers see either all of it or nothing.
// Appends wait for that transaction, in which the rollups are compared too: its time
// follows the number of rows that the rollups have.
//
// Repair does not change the record, and cannot mend one whose transactions do not
// sum to zero: that is an error.
func (l *Ledger) Repair(ctx context.Context, r Repair) (Repaired, error) {
	lock, err := lockRepairs(ctx, l.db)
	if err != nil {
		return Repaired{}, fmt.Errorf("repair: %w", err)
	}
	defer lock.release()
	m := &mender{Repair: r, db: l.db, rollups: wideRollups(), done: Repaired{Rows: map[string]int{}}}
	if err := m.run(ctx); err != nil {
		return m.done, fmt.Errorf("repair: %w", err)
	}
	return m.done, nil
}

// repairLock is the key of the advisory lock that a running repair holds.
const repairLock = snapshotLock + 1

func lockRepairs(ctx context.Context, db *pgxpool.Pool) (*repairing, error) {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	var free bool
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, repairLock).Scan(&free); err != nil {
		conn.Release()
		return nil, err
	}
	if !free {
		conn.Release()
		return nil, ErrRepairing
	}
	return &repairing{conn}, nil
}

// repairing is the lock of a running repair.
type repairing struct{ conn *pgxpool.Conn }

// release gives the lock back, or closes the connection and with it the lock.
func (r *repairing) release() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := r.conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, repairLock); err != nil {
		_ = r.conn.Conn().Close(ctx) // an error of closing is of no use to the caller
	}
	r.conn.Release()
}

// A mender is a running repair.
type mender struct {
	Repair
	db      *pgxpool.Pool
	rollups []rollup
	done    Repaired
	account int64           // that changes; 0: none
	as      map[int64]party // the account and what it becomes
	zone    *time.Location  // of the days
	at      position        // up to which the record is in the tables
}

// prefix is that of the tables into which the record is read.
const prefix = "repair_"

func (m *mender) run(ctx context.Context) error {
	if err := m.findAccount(ctx); err != nil {
		return err
	}
	if err := m.findZone(ctx); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	if err := m.read(ctx); err != nil {
		return err
	}
	if m.changes() {
		return m.mendAtOnce(ctx)
	}
	if err := m.compare(ctx); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	return m.mendInParts(ctx)
}

// changes reports whether the repair changes an account or the time zone.
func (m *mender) changes() bool { return m.Issuer != nil || m.Timezone != "" }

// findZone finds the time zone of the days, the new one if it changes.
func (m *mender) findZone(ctx context.Context) error {
	settings, known, err := readSettings(ctx, m.db)
	if err != nil {
		return err
	}
	if m.zone, err = LoadZone(cmp.Or(m.Timezone, settings.Timezone)); err != nil || m.Timezone == "" {
		return err
	}
	if !known {
		return ErrNoSettings
	}
	if err := checkZone(m.zone, time.Now()); err != nil {
		return err
	}
	return m.checkHours(ctx, m.db)
}

// checkHours returns an error if the ledger has something of a time at which the
// zone was not whole hours from UTC.
func (m *mender) checkHours(ctx context.Context, db interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}) error {
	query := `
		SELECT min(hour) FROM (
			SELECT hour FROM activity_hours UNION ALL SELECT hour FROM item_hours
			UNION ALL SELECT date_trunc('hour', archived, 'UTC') FROM accounts WHERE archived IS NOT NULL) AS hours
		WHERE extract(epoch FROM ` + LocalTime("hour") + `)::bigint % 3600 <> 0`
	var first *time.Time
	if err := db.QueryRow(ctx, query, LocalTimeArgs(m.zone, time.Time{}, time.Now())).Scan(&first); err != nil {
		return fmt.Errorf("read the hours: %w", err)
	}
	if first != nil {
		return errors.New(offHour(m.zone, *first))
	}
	return nil
}

// findAccount finds the account that changes.
func (m *mender) findAccount(ctx context.Context) error {
	if m.Issuer == nil {
		return nil
	}
	var kind Kind
	err := m.db.QueryRow(ctx, `SELECT id, kind FROM accounts WHERE ref = $1`, m.Issuer.Account).Scan(&m.account, &kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("account %s is unknown", quote(m.Issuer.Account))
	}
	m.as = map[int64]party{m.account: partyOf(kind, m.Issuer.Issuer)}
	return err
}

// unbounded are the settings of a transaction that may take as long as it needs.
const unbounded = `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;`

// tx runs f in a read committed transaction without timeouts.
func (m *mender) tx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, m.db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded); err != nil {
			return err
		}
		return f(tx)
	})
}

// what describes the repair: only one that does the same to the same tables may be
// resumed.
func (m *mender) what(ctx context.Context, tx pgx.Tx) (string, error) {
	var tables []string
	for _, r := range m.rollups {
		tables = append(tables, r.table)
	}
	const columns = `
		SELECT string_agg(concat(attrelid::regclass, '.', attname, ' ', atttypid::regtype), ', ' ORDER BY attrelid, attnum)
		FROM pg_attribute WHERE attrelid = ANY($1::text[]::regclass[]) AND attnum > 0 AND NOT attisdropped`
	var what string
	if err := tx.QueryRow(ctx, columns, tables).Scan(&what); err != nil {
		return "", err
	}
	what = fmt.Sprintf("days of %s; ", m.zone) + what
	if m.Issuer != nil {
		what = fmt.Sprintf("issuer of account %d becomes %t; ", m.account, m.Issuer.Issuer) + what
	}
	return what, nil
}

// begin makes the tables beside the rollups, or finds those of an interrupted
// repair.
func (m *mender) begin(ctx context.Context) error {
	return m.tx(ctx, func(tx pgx.Tx) error {
		what, err := m.what(ctx, tx)
		if err != nil {
			return err
		}
		var known string
		err = tx.QueryRow(ctx, `SELECT what, transaction, sale FROM repairs`).Scan(&known, &m.at.transaction, &m.at.sale)
		if err == nil && known == what {
			m.done.Resumed = true
			return nil
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		m.at = position{}
		if err := m.forget(ctx, tx); err != nil {
			return err
		}
		var create strings.Builder
		for _, r := range m.rollups {
			fmt.Fprintf(&create, "CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS, PRIMARY KEY (%s));", prefix+r.table, r.table, r.keys)
		}
		create.WriteString("ALTER TABLE " + prefix + "balances ALTER balance TYPE numeric;") // see queueWideBalances
		if _, err := tx.Exec(ctx, create.String()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO repairs (id, what, transaction, sale, began) VALUES (1, $1, 0, 0, now())`, what)
		return err
	})
}

// forget drops the tables and the note of a repair.
func (m *mender) forget(ctx context.Context, tx pgx.Tx) error {
	drop := "DELETE FROM repairs;"
	for _, r := range m.rollups {
		drop += "DROP TABLE IF EXISTS " + prefix + r.table + ", " + differing(r) + ";"
	}
	_, err := tx.Exec(ctx, drop)
	return err
}

// differing is the table with the keys of the rows that are not right.
func differing(r rollup) string { return prefix + r.table + "_differing" }

// read reads the record into the tables, until little of it is missing.
func (m *mender) read(ctx context.Context) error {
	for {
		to, err := m.settled(ctx)
		if err != nil {
			return err
		}
		if to.transaction-m.at.transaction+to.sale-m.at.sale <= few {
			return nil
		}
		for m.at != to {
			err := m.tx(ctx, func(tx pgx.Tx) error { return m.readPart(ctx, tx, to) })
			if err != nil {
				return fmt.Errorf("read the record: %w", err)
			}
			m.report("reading the record", m.at.transaction+m.at.sale, to.transaction+to.sale)
		}
	}
}

// settled returns a position up to which no append will write any more. It waits
// for the appends that run.
func (m *mender) settled(ctx context.Context) (to position, err error) {
	err = m.tx(ctx, func(tx pgx.Tx) error {
		if err := LockSnapshots(ctx, tx); err != nil {
			return err
		}
		to, err = end(ctx, tx)
		return err
	})
	return to, err
}

// readPart reads a part of the record into the tables, and notes it.
func (m *mender) readPart(ctx context.Context, tx pgx.Tx, to position) error {
	d, reached, broken, err := replay(ctx, tx, m.zone, m.at, to, m.as)
	if err != nil {
		return err
	}
	if broken > 0 {
		return errors.New("a transaction does not sum to zero, so the record itself is damaged: see what exchequer verify reports, and restore a backup")
	}
	var batch pgx.Batch
	d.queue(&batch, prefix, m.rollups)
	batch.Queue(`UPDATE repairs SET transaction = $1, sale = $2`, reached.transaction, reached.sale)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	m.at = reached
	return nil
}

// catchUp locks out appends until the end of tx, and reads what is still missing.
func (m *mender) catchUp(ctx context.Context, tx pgx.Tx) error {
	if err := LockSnapshots(ctx, tx); err != nil {
		return err
	}
	to, err := end(ctx, tx)
	for err == nil && m.at != to {
		err = m.readPart(ctx, tx, to)
	}
	return err
}

// compare lists the keys of the rows that are not right, as of one moment at which
// the tables have all of the record.
func (m *mender) compare(ctx context.Context) error {
	// The lock is held from before the tables are complete until the moment is
	// fixed, by a transaction of its own.
	lock, err := m.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer lock.Rollback(context.WithoutCancel(ctx))
	if _, err := lock.Exec(ctx, unbounded); err != nil {
		return err
	}
	if err := LockSnapshots(ctx, lock); err != nil {
		return err
	}
	to, err := end(ctx, lock)
	if err != nil {
		return err
	}
	for m.at != to {
		if err := m.tx(ctx, func(tx pgx.Tx) error { return m.readPart(ctx, tx, to) }); err != nil {
			return err
		}
	}
	return pgx.BeginTxFunc(ctx, m.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, unbounded+`SELECT count(*) FROM repairs`); err != nil {
			return err
		}
		if err := lock.Commit(ctx); err != nil {
			return err
		}
		return m.list(ctx, tx)
	})
}

// list lists the keys of the rows that are not right.
func (m *mender) list(ctx context.Context, tx pgx.Tx) error {
	for _, r := range m.rollups {
		m.report("comparing "+r.table, 0, 0)
		if r.queue == nil {
			if err := m.rescan(ctx, tx, r); err != nil {
				return err
			}
		}
		query := `
			DROP TABLE IF EXISTS ` + differing(r) + `;
			CREATE TABLE ` + differing(r) + ` AS
			SELECT ` + r.keys + `, row_number() OVER (ORDER BY ` + r.keys + `) AS nr
			FROM ` + r.table + ` AS kept FULL JOIN ` + made(r) + ` USING (` + r.keys + `)
			WHERE kept IS DISTINCT FROM made`
		if _, err := tx.Exec(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// rescan fills the table beside a rollup that is no sum of deltas.
func (m *mender) rescan(ctx context.Context, tx pgx.Tx, r rollup) error {
	if _, err := tx.Exec(ctx, `DELETE FROM `+prefix+r.table); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO `+prefix+r.table+` `+r.scan, LocalTimeArgs(m.zone, time.Time{}, time.Now()))
	return err
}
