package main

import (
	"log/slog"
	"math"
)

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
	most := int(min(max(files/2, files-min(files, filesBeside)), math.MaxInt32))
	if f.MaxConnections <= most {
		return f.MaxConnections
	}
	log.Warn("fewer connections than --max-connections: the process may not open more files", "connections", most, "wanted", f.MaxConnections, "files", files)
	return most
}
