// Package postgres opens the database: the pool with its settings, the
// migrations, and a server of the program's own where none is given.
package postgres
