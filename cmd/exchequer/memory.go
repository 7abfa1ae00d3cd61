package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// Of the memory that a container may use, the garbage collector is told to stay
// within these shares. The rest is for what it does not count, and for a server
// in the same container.
const (
	memoryShare         = 0.6
	memoryShareEmbedded = 0.4
)

// limitMemory makes the garbage collector work harder before a limit of the
// container ends the process. It does nothing where there is no such limit, or
// where GOMEMLIMIT says another.
func limitMemory(log *slog.Logger, container memlimit.Provider, share float64) {
	if _, given := os.LookupEnv("GOMEMLIMIT"); given {
		return
	}
	// No limit, no cgroups, or none that can be read: all of them leave it off.
	of, err := container()
	if err != nil {
		log.Debug("no memory limit of a container is known", "reason", err)
		return
	}
	soft := int64(float64(of) * share)
	debug.SetMemoryLimit(soft)
	log.Info("memory is limited softly", "bytes", soft, "container", of)
}

// shareOfMemory is the program's part of the container's memory.
func shareOfMemory(embedded bool) float64 {
	if embedded {
		return memoryShareEmbedded
	}
	return memoryShare
}
