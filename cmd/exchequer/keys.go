package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/admin/audit"
	"exchequer/internal/telemetry"
	"exchequer/keys"
)

// keysCommand is what an operator does about the keys of programs.
type keysCommand struct {
	Create keysCreateCommand `cmd:"" help:"Make a key and print it. It cannot be printed again."`
	List   keysListCommand   `cmd:"" help:"List the keys: what they may do, and when they were used."`
	Revoke keysRevokeCommand `cmd:"" help:"End a key, within five seconds, for good."`
}

// with calls f with the database.
func (f databaseFlags) with(ctx context.Context, s streams, do func(*database) error) (err error) {
	db, err := f.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	return do(db)
}

type keysCreateCommand struct {
	databaseFlags
	Name    string        `required:"" group:"operators" help:"What the key is for, for people and the log."`
	Scopes  []keys.Scope  `required:"" group:"operators" help:"What it may write: accounts, transactions, sales, offers, events, balances; and read."`
	Expires time.Duration `group:"operators" help:"How long it serves, such as 720h (default: until it is revoked)."`
}

func (c keysCreateCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		var until *time.Time
		if c.Expires != 0 {
			at := time.Now().Add(c.Expires)
			until = &at
		}
		id, key := keys.NewID(), ""
		err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) (err error) {
			if key, err = keys.CreateAs(ctx, tx, id, c.Name, c.Scopes, until); err != nil {
				return err
			}
			_, err = audit.Write(ctx, tx, inShell("key.create", id, fmt.Sprint(c.Name, ": ", c.Scopes)))
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(s.err, "Keep this key: it is not shown again.")
		fmt.Fprintln(s.out, key)
		return nil
	})
}

type keysListCommand struct{ databaseFlags }

func (c keysListCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		all, err := keys.List(ctx, db.Pool)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "ID\tNAME\tSCOPES\tCREATED\tUSED\tSTATE")
		for _, k := range all {
			var scopes []string
			for _, scope := range k.Scopes {
				scopes = append(scopes, string(scope))
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, strings.Join(scopes, ","), k.Created.Format(time.DateOnly), moment(k.Used, "never"), stateOf(k))
		}
		return table.Flush()
	})
}

func moment(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.Format("2006-01-02 15:04")
}

func stateOf(k keys.Key) string {
	switch {
	case k.Revoked != nil:
		return "revoked " + moment(k.Revoked, "")
	case k.Expires == nil:
		return "in force"
	case k.Expires.Before(time.Now()):
		return "expired " + moment(k.Expires, "")
	}
	return "until " + moment(k.Expires, "")
}

type keysRevokeCommand struct {
	databaseFlags
	ID string `arg:"" help:"Id of the key, as list prints it and as it stands in the key after exq_."`
}

func (c keysRevokeCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		var k keys.Key
		err := pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) (err error) {
			if k, err = keys.Revoke(ctx, tx, c.ID); err != nil {
				return err
			}
			_, err = audit.Write(ctx, tx, inShell("key.revoke", k.ID, k.Name))
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "the key of %s is revoked; no server accepts it in five seconds\n", k.Name)
		return nil
	})
}
