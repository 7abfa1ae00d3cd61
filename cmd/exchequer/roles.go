package main

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	roles "exchequer/deploy/postgres"
	"exchequer/internal/postgres"
	"exchequer/internal/telemetry"
)

// rolePasswords are the variables of the environment with the passwords of the roles. No
// flag has them, since others see a command's flags.
var rolePasswords = []struct{ role, variable string }{
	{roles.Owner, "EXCHEQUER_OWNER_PASSWORD"},
	{roles.Reader, "EXCHEQUER_SERVE_PASSWORD"},
	{roles.Writer, "EXCHEQUER_INGEST_PASSWORD"},
}

// migrateWithRoles makes the roles, migrates as their owner, and grants each role what it
// needs of the tables.
func (c migrateCommand) migrateWithRoles(ctx context.Context, s streams) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	if url == "" {
		return errors.New("--roles needs a Postgres of your own: set DATABASE_URL")
	}
	passwords, err := alterPasswords(os.Getenv)
	if err != nil {
		return err
	}
	admin, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 1, StatementTimeout: -1})
	if err != nil {
		return err
	}
	defer admin.Close()
	// The tables come between: their owner must be there before, and grants after them.
	if err := grant(ctx, admin, passwords); err != nil {
		return err
	}
	owner, err := postgres.Open(ctx, url, postgres.Options{MaxConns: 2, StatementTimeout: -1, Role: roles.Owner})
	if err != nil {
		return err
	}
	defer owner.Close()
	if err := postgres.Migrate(ctx, owner); err != nil {
		return err
	}
	if err := grant(ctx, admin, ""); err != nil {
		return err
	}
	fmt.Fprintln(s.out, "the schema and the roles are up to date")
	c.divide(ctx, owner, false, telemetry.NewLogger(s.err, 0, true))
	return nil
}

// grant runs the SQL of the roles, and then more, in one transaction. Others that grant at
// the same time wait, since Postgres would refuse one of two changes of the same rights.
func grant(ctx context.Context, db *pgxpool.Pool, more string) error {
	const alone = "SELECT pg_advisory_xact_lock(hashtext('exchequer roles'));\n"
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		return tx.Conn().PgConn().Exec(ctx, alone+roles.SQL+more).Close()
	})
	if err != nil {
		return fmt.Errorf("make the roles: %w", err)
	}
	return nil
}

// alterPasswords returns the statements that set the passwords that the environment has.
func alterPasswords(getenv func(string) string) (string, error) {
	var statements strings.Builder
	for _, p := range rolePasswords {
		password, err := secret(p.variable, getenv(p.variable), getenv(p.variable+"_FILE"))
		if err != nil {
			return "", err
		}
		if password == "" {
			continue
		}
		verifier, err := scramVerifier(password)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.variable, err)
		}
		fmt.Fprintf(&statements, "ALTER ROLE %s PASSWORD '%s';\n", p.role, verifier)
	}
	return statements.String(), nil
}

// scramVerifier returns what Postgres keeps of a password (RFC 5803), so that the password
// itself is in no statement, and in no log of the server.
func scramVerifier(password string) (string, error) {
	// Other characters would have to be normalised first.
	if strings.ContainsFunc(password, func(c rune) bool { return c < ' ' || c > '~' }) {
		return "", errors.New("a password has printable ASCII characters only")
	}
	salt := make([]byte, 16)
	rand.Read(salt)
	return scram(password, salt, 4096)
}

func scram(password string, salt []byte, iterations int) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", err
	}
	key := func(name string) []byte {
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte(name))
		return mac.Sum(nil)
	}
	stored := sha256.Sum256(key("Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, text(salt), text(stored[:]), text(key("Server Key"))), nil
}
