package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"strconv"
)

// A poolSize is how many connections to Postgres a process may have. Zero: what is usual.
type poolSize int32

// mostConns is what no Postgres serves well.
const mostConns = 10_000

// UnmarshalText returns an error unless text is a number that is enough for a ledger.
func (p *poolSize) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil || n < leastConns || n > mostConns {
		return fmt.Errorf("%q: want a number from %d to %d", text, leastConns, mostConns)
	}
	*p = poolSize(n)
	return nil
}

// of returns how many connections so many ledgers have together.
func (p poolSize) of(ledgers int) int32 {
	return cmp.Or(int32(p), max(maxConns, leastConns*int32(min(ledgers, usualOpen))))
}

// filesBeside is how many files are left to what is no reader's connection: those of the
// databases and Redis, and lists that are sent.
const filesBeside = 192

// connections returns how many connections there may be at a time where a process may have
// so many files open, 0 if that is not known. Past the limit of files the idle ones would
// make no room: new ones could not even be accepted.
func (f serverFlags) connections(files uint64, log *slog.Logger) int {
	if files == 0 || f.MaxConnections <= 0 {
		return f.MaxConnections
	}
	beside := filesBeside + 2*uint64(f.Connections) // a replica's too
	most := int(min(max(files/2, files-min(files, beside)), math.MaxInt32))
	if f.MaxConnections <= most {
		return f.MaxConnections
	}
	log.Warn("fewer connections than --max-connections: the process may not open more files", "connections", most, "wanted", f.MaxConnections, "files", files)
	return most
}
