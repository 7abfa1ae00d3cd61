// Package roles holds the SQL that makes the roles of the database, for
// `exchequer migrate --roles` as for psql.
package roles

import _ "embed"

// SQL makes the roles, and grants each what it needs of the tables that there are. It may
// run at any time: as a superuser it makes the roles, as Owner it grants what is new.
//
//go:embed roles.sql
var SQL string

// The roles that SQL makes.
const (
	Owner  = "exchequer_owner"  // migrates
	Reader = "exchequer_serve"  // serves pages
	Writer = "exchequer_ingest" // writes what programs send, for the one that serves
)
