package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// A pair is a primary with a replica.
type pair struct {
	primary, replica *testkit.PostgresServer
	own, its         *pgxpool.Pool
	reader           *postgres.Reader
	rows             int // that are committed
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{primary: testkit.OwnPostgres(t, "synchronous_commit=on")}
	p.replica = p.primary.Replica()
	var err error
	if p.own, err = postgres.Open(t.Context(), p.primary.URL, postgres.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.own.Close)
	if p.its, err = postgres.OpenReplica(t.Context(), p.replica.URL, postgres.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.its.Close)
	p.reader = postgres.NewReader(p.own, p.its)
	if _, err := p.own.Exec(t.Context(), `CREATE TABLE written ()`); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) write(t *testing.T) {
	t.Helper()
	if _, err := p.own.Exec(t.Context(), `INSERT INTO written DEFAULT VALUES`); err != nil {
		t.Fatal(err)
	}
	p.rows++
}

// on executes a statement on the replica.
func (p *pair) on(t *testing.T, statement string) {
	t.Helper()
	if _, err := p.its.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// read returns how many rows a read that begins now finds, and how its database was chosen.
func (p *pair) read(t *testing.T) (rows int, choice postgres.Choice, until time.Time) {
	t.Helper()
	before := map[postgres.Choice]int64{}
	for _, c := range postgres.Choices() {
		before[c] = p.reader.Chosen(c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	db, until := p.reader.Choose(ctx)
	for _, c := range postgres.Choices() {
		if p.reader.Chosen(c) > before[c] {
			choice = c
		}
	}
	if err := db.QueryRow(ctx, `SELECT count(*) FROM written`).Scan(&rows); err != nil {
		t.Fatalf("read by %s: %v", choice, err)
	}
	return rows, choice, until
}

// eventually reads until the choice is made. Each read finds all rows.
func (p *pair) eventually(t *testing.T, want postgres.Choice) (until time.Time) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		rows, choice, until := p.read(t)
		if rows != p.rows {
			t.Fatalf("by %s, a read finds %d rows of %d", choice, rows, p.rows)
		}
		if choice == want {
			return until
		}
		if time.Now().After(deadline) {
			t.Fatalf("a read is by %s, want %s", choice, want)
		}
	}
}

func TestReadsUseAReplicaThatHasAllThatIsCommitted(t *testing.T) {
	p := newPair(t)
	p.eventually(t, postgres.ReplicaReady)
	t.Run("each read sees what was committed before", func(t *testing.T) {
		began := p.reader.Chosen(postgres.ReplicaReady)
		for range 200 {
			p.write(t)
			if rows, choice, _ := p.read(t); rows != p.rows {
				t.Fatalf("by %s, a read finds %d rows of %d", choice, rows, p.rows)
			}
		}
		if n := p.reader.Chosen(postgres.ReplicaReady) - began; n < 20 {
			t.Errorf("the replica was read %d times of 200", n)
		}
	})
	t.Run("a read that has no time left tells nothing of the servers", func(t *testing.T) {
		p.eventually(t, postgres.ReplicaReady)
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
			p.reader.Choose(ctx)
			cancel()
		}
		if rows, choice, until := p.read(t); rows != p.rows || choice != postgres.ReplicaReady || !until.IsZero() {
			t.Errorf("the next read finds %d rows of %d by %s, until %v", rows, p.rows, choice, until)
		}
	})
	t.Run("a late replica is not read", func(t *testing.T) {
		p.eventually(t, postgres.ReplicaReady)
		p.on(t, `SELECT pg_wal_replay_pause()`)
		p.write(t)
		began := time.Now()
		for range 40 {
			if rows, choice, until := p.read(t); rows != p.rows || choice != postgres.PrimaryLate || !until.IsZero() {
				t.Fatalf("a read finds %d rows of %d by %s, until %v", rows, p.rows, choice, until)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("40 reads took %s: each waited for the replica", took)
		}
		if state, err := p.reader.State(t.Context()); err != nil || state.Behind <= 0 {
			t.Errorf("the state of the replica is %+v, %v", state, err)
		}
		p.on(t, `SELECT pg_wal_replay_resume()`)
		p.eventually(t, postgres.ReplicaReady)
	})
	t.Run("nor one that does not answer", func(t *testing.T) {
		p.replica.Freeze()
		p.eventually(t, postgres.PrimaryAlone)
		p.replica.Thaw()
		p.eventually(t, postgres.ReplicaReady)
	})
	t.Run("nor one that is not there", func(t *testing.T) {
		p.replica.Stop()
		p.write(t)
		p.eventually(t, postgres.PrimaryAlone)
		p.replica.Start()
		p.eventually(t, postgres.ReplicaReady)
	})
	t.Run("while the primary does not answer, it is read and says up to when", func(t *testing.T) {
		stopped := time.Now()
		p.primary.Freeze()
		if until := p.eventually(t, postgres.ReplicaAlone); until.IsZero() || until.After(stopped.Add(time.Second)) {
			t.Errorf("the primary stopped at %v; the replica is said to have all until %v", stopped, until)
		} else if said := p.reader.Until(); !said.Equal(until) {
			t.Errorf("a list would say %v, want %v", said, until)
		}
		p.primary.Thaw()
		p.eventually(t, postgres.ReplicaReady)
		if said := p.reader.Until(); !said.IsZero() {
			t.Errorf("the primary answers again, and a list would still say %v", said)
		}
	})
	t.Run("likewise while the primary is not there", func(t *testing.T) {
		p.primary.Stop()
		if until := p.eventually(t, postgres.ReplicaAlone); until.IsZero() {
			t.Error("it is not said up to when the replica has all")
		}
		p.primary.Start()
		p.eventually(t, postgres.ReplicaReady)
	})
	t.Run("one that is promoted is none", func(t *testing.T) {
		p.on(t, `SELECT pg_promote()`)
		p.on(t, `INSERT INTO written DEFAULT VALUES`)
		p.eventually(t, postgres.PrimaryAlone)
	})
}
