// Package postgres opens the database: the pool with its settings, the migrations,
// and an embedded server for programs without a database.
//
// An embedded server has a directory to itself:
//
//	exchequer.lock   held by the program that runs the server; its pid
//	postgres/        the database cluster, owned by the account it runs as
//	postgres.log     the log of the server, the last start included
//	run/             its Unix socket; it listens nowhere else
//	binaries/        Postgres itself, where it had to be fetched
//
// Programs of Postgres never run as root, and links that they could have made are
// not followed.
//
// The server ends with the program: stopped by Stop, by a parent-death signal
// when the program is killed (Linux), or by the next start, which finds it by
// its directory. A server that was killed recovers from its log at the next
// start; nothing that was committed is lost.
package postgres
