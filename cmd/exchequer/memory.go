package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Shares of a container's memory that the garbage collector should stay within.
// The rest is for memory that it does not count, and for an embedded Postgres.
const (
	memoryShare         = 0.6
	memoryShareEmbedded = 0.4
)

// limitMemory sets the garbage collector's memory limit to a share of the
// container's, so that the kernel does not kill the process. It does nothing if
// the container has no limit or GOMEMLIMIT is set.
func limitMemory(log *slog.Logger, container memlimit.Provider, share float64) {
	if _, given := os.LookupEnv("GOMEMLIMIT"); given {
		return
	}
	// The error means no limit, no cgroups, or cgroups that cannot be read.
	of, err := container()
	if err != nil {
		log.Debug("the container's memory limit is unknown", "reason", err)
		return
	}
	soft := int64(float64(of) * share)
	debug.SetMemoryLimit(soft)
	log.Info("memory is limited softly", "bytes", soft, "container", of)
}

// shareOfMemory returns the program's share of the container's memory.
func shareOfMemory(embedded bool) float64 {
	if embedded {
		return memoryShareEmbedded
	}
	return memoryShare
}
