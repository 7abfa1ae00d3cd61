package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestAPoolScansInstantsInUTCAndStopsLongStatements(t *testing.T) {
	e := startEmbedded(t, EmbeddedConfig{Dir: serverDir(t)})
	pool, err := Open(t.Context(), e.URL(), Options{ApplicationName: "test", StatementTimeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()

	var at time.Time
	var all []time.Time
	var name, jit string
	const query = `SELECT now(), ARRAY[now()], current_setting('application_name'), (SELECT setting || ' by the ' || source FROM pg_settings WHERE name = 'jit')`
	err = pool.QueryRow(t.Context(), query).Scan(&at, &all, &name, &jit)
	if err != nil {
		t.Fatal(err)
	}
	if at.Location() != time.UTC || all[0].Location() != time.UTC || name != "test" || jit != "off by the client" {
		t.Errorf("zones %v and %v, name %q, compiling of statements %s, want UTC twice, test, and off by the client", at.Location(), all[0].Location(), name, jit)
	}
	_, err = pool.Exec(t.Context(), "SELECT pg_sleep(5)")
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "57014" {
		t.Errorf("5 s statement = %v, want it cancelled", err)
	}

	if err := Check(t.Context(), pool); !errors.Is(err, ErrNotMigrated) || !strings.Contains(err.Error(), "exchequer migrate") {
		t.Errorf("check of an empty database = %v, want ErrNotMigrated that names the command", err)
	}
	for range 2 {
		if err := Migrate(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	if err := Check(t.Context(), pool); err != nil {
		t.Errorf("check after migrate = %v", err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE schema_version SET version = 0"); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), pool); !errors.Is(err, ErrNotMigrated) {
		t.Errorf("check of an old schema = %v, want ErrNotMigrated", err)
	}
	if _, err := pool.Exec(t.Context(), "UPDATE schema_version SET version = 1000"); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), pool); err != nil {
		t.Errorf("check of a newer schema = %v, want none", err)
	}
}

// Each of the migrations takes longer than a statement of this pool may.
func TestAMigrationTakesAsLongAsItNeeds(t *testing.T) {
	e := startEmbedded(t, EmbeddedConfig{Dir: serverDir(t)})
	pool, err := Open(t.Context(), e.URL(), Options{StatementTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := Migrate(t.Context(), pool); err != nil {
		t.Error(err)
	}
}

func TestAURLThatCannotBeReadIsExplainedWithoutThePassword(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://me:hush@127.0.0.1:99999999/x":                  "invalid port",
		"postgres://me:hush@127.0.0.1/x?target_session_attrs=any1": "unknown target_session_attrs value",
		"postgres://me:hu`: sh@127.0.0.1:99999999/x":               "libpq",
		"host=127.0.0.1 password=hush port=0":                      "invalid port",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sh@") || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "%!") {
			t.Errorf("Open(%q) = %v, want one line with %q and without the password", url, err, want)
		}
	}
}

func TestADatabaseThatDoesNotAnswerIsOneLineWithoutThePassword(t *testing.T) {
	for _, url := range []string{
		"postgres://me:hush@127.0.0.1:1/x",
		"postgres://me:hu sh@[bad/x",
		"host=/nowhere user=me password=hush",
	} {
		_, err := Open(t.Context(), url, Options{})
		if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "hu sh") || strings.Contains(err.Error(), "\n") {
			t.Errorf("Open(%q) = %v, want one line without the password", url, err)
		}
	}
}
