package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// signalOnParentDeath requests a fast shutdown when this program is killed.
func signalOnParentDeath(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// serversIn returns the pids of the Postgres processes that work in the
// cluster at data: the server, and processes that a killed one left.
func serversIn(_ Account, data string) []int {
	var pids []int
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range found {
		cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
		if err != nil || cwd != data {
			continue
		}
		name, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil || !strings.HasPrefix(string(name), "postgres") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(proc)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
