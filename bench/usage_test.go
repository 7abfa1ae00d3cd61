package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A use is the resources that processes have used since their start.
type use struct {
	cpu  time.Duration // of all together, user and system
	peak int           // bytes of resident memory, of the largest
}

// usage reads the kernel's accounting of processes, in ticks of 10 ms.
func usage(tb testing.TB, pids []int) (u use) {
	tb.Helper()
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			tb.Fatal(err)
		}
		var user, system int
		// The fields after the name, which may contain anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
			tb.Fatal(err)
		}
		u.cpu += time.Duration(user+system) * 10 * time.Millisecond
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			tb.Fatal(err)
		}
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		var kilobytes int
		if _, err := fmt.Sscan(after, &kilobytes); err != nil {
			tb.Fatal(err)
		}
		u.peak = max(u.peak, kilobytes<<10)
	}
	return u
}
