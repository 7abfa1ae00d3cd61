//go:build unix && !linux

package postgres

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// signalOnParentDeath does nothing on this system. A server whose program was killed
// runs until the next start stops it.
func signalOnParentDeath(*syscall.SysProcAttr) {}

// serversIn returns the pid of the server of the cluster at data, if it runs.
func serversIn(account Account, data string) []int {
	pid := recordedPID(account, data)
	if pid == 0 {
		return nil
	}
	out, err := exec.Command("ps", "-o", "args=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || !strings.Contains(string(out), data) {
		return nil
	}
	return []int{pid}
}
