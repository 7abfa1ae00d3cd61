// Package migrations holds the numbered SQL files that make the schema. They
// are applied by internal/postgres with tern's migrate library.
package migrations

import "embed"

// FS has the migrations at its root, named NNN_what.sql in order.
//
//go:embed *.sql
var FS embed.FS
