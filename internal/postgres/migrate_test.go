package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/tern/v2/migrate"

	"exchequer/migrations"
)

func TestStatements(t *testing.T) {
	const sql = "-- What it is; and why.\nCREATE TABLE a (b text); -- it; is\nCREATE FUNCTION f() RETURNS int AS $x$\nBEGIN\n\tRETURN 1;\nEND $x$;\nDO $$ BEGIN END $$;\nSELECT 1\n"
	want := []string{
		"-- What it is; and why.\nCREATE TABLE a (b text); -- it; is\n",
		"CREATE FUNCTION f() RETURNS int AS $x$\nBEGIN\n\tRETURN 1;\nEND $x$;\n",
		"DO $$ BEGIN END $$;\n", "SELECT 1\n",
	}
	if got := statements(sql); !slices.Equal(got, want) {
		t.Errorf("statements = %q, want %q", got, want)
	}
	if got := statements("-- nothing\n"); got != nil {
		t.Errorf("statements of a comment = %q", got)
	}
}

// Nothing of a migration is lost.
func TestMigrationsAreCutWhole(t *testing.T) {
	m := &migrate.Migrator{}
	if err := m.LoadMigrations(migrations.FS); err != nil {
		t.Fatal(err)
	}
	for _, m := range m.Migrations {
		if got := strings.Join(statements(m.UpSQL), ""); strings.TrimSpace(got) != strings.TrimSpace(m.UpSQL) {
			t.Errorf("the statements of %s are not all of it", m.Name)
		}
	}
}
