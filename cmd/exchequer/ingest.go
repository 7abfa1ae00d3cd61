package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/postgres"
)

// ingestFlags are about what other programs write.
type ingestFlags struct {
	IngestRate            int    `default:"600" env:"EXCHEQUER_INGEST_RATE" help:"Requests a minute that a key may make to write. 0: no limit."`
	IngestDatabaseURL     string `name:"ingest-database-url" env:"EXCHEQUER_INGEST_DATABASE_URL" placeholder:"URL" help:"The database by a role that may write the ledger, where the one that serves may not; set it in the environment, which others cannot see."`
	IngestDatabaseURLFile string `name:"ingest-database-url-file" env:"EXCHEQUER_INGEST_DATABASE_URL_FILE" type:"path" placeholder:"FILE" help:"File that holds that URL."`
}

// ingestConns is enough for all that is written at once.
const ingestConns = 4

// writers returns the connections by which other programs write, and what closes them.
// They are those of the pages unless the flags name others.
func (f ingestFlags) writers(ctx context.Context, db *database) (*pgxpool.Pool, func(), error) {
	url, err := secret("EXCHEQUER_INGEST_DATABASE_URL", f.IngestDatabaseURL, f.IngestDatabaseURLFile)
	if err != nil || url == "" {
		return db.Pool, func() {}, err
	}
	pool, err := postgres.Open(ctx, url, postgres.Options{ApplicationName: "exchequer ingest", MaxConns: ingestConns + syncConns})
	if err != nil {
		return nil, nil, fmt.Errorf("EXCHEQUER_INGEST_DATABASE_URL: %w", err)
	}
	return pool, pool.Close, nil
}
