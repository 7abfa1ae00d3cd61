package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
// Rollups of archived months stay as they are; what is archived of balances is taken for
// right. Repair does not change the record, and cannot mend one whose transactions do not
// sum to zero: that is an error.
func (l *Ledger) Repair(ctx context.Context, r Repair) (Repaired, error) {
	lock, err := lockRepairs(ctx, l.db)
	if err != nil {
		return Repaired{}, fmt.Errorf("repair: %w", err)
	}
	defer lock.release()
	m := &mender{Repair: r, db: l.db, rollups: rollups(), done: Repaired{Rows: map[string]int{}}}
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
	if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1 # `+LockSalt+`)`, repairLock).Scan(&free); err != nil {
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
	if _, err := r.conn.Exec(ctx, `SELECT pg_advisory_unlock($1 # `+LockSalt+`)`, repairLock); err != nil {
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
	begins  time.Time       // the record; zero: nothing is archived
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
	if err := m.findBegin(ctx); err != nil {
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

// findBegin finds where the record begins. What is archived cannot be changed.
func (m *mender) findBegin(ctx context.Context) error {
	archive, err := readArchive(ctx, m.db)
	if err != nil {
		return fmt.Errorf("read what is archived: %w", err)
	}
	if m.begins = archive.Begins; m.changes() && !archive.Closed.IsZero() {
		return errors.New("this changes all of the past, of which a part is archived: bring it back first, with exchequer archive restore")
	}
	return nil
}

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
