package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A cgroup is the directory of a memory cgroup of its own, version 1 or 2.
type cgroup string

// newCgroup makes a group with a limit, which is removed when the benchmark has
// ended. It fails where the machine does not allow that.
func newCgroup(b *testing.B, limit int64) (cgroup, error) {
	parent, files := "/sys/fs/cgroup/memory", []string{"memory.limit_in_bytes"}
	if _, err := os.Stat(parent); err != nil {
		parent, files = "/sys/fs/cgroup", []string{"memory.max", "memory.swap.max"}
	}
	dir, err := os.MkdirTemp(parent, "exchequer-bench-")
	if err != nil {
		return "", err
	}
	b.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			b.Errorf("remove the memory cgroup: %v", err)
		}
	})
	for i, name := range files {
		value := limit
		if i > 0 {
			value = 0 // no swap on top
		}
		// The file must be there: the kernel makes it, we do not.
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
		if err != nil && i > 0 {
			continue // a kernel without swap
		}
		if err != nil {
			return "", err
		}
		_, err = fmt.Fprint(file, value)
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return "", fmt.Errorf("limit memory: %w", err)
		}
	}
	return cgroup(dir), nil
}

func (g cgroup) file(name string) string { return filepath.Join(string(g), name) }

// peak returns the most memory that the group has used, its files' pages
// included; 0 where that is not known.
func (g cgroup) peak() int64 {
	for _, name := range []string{"memory.max_usage_in_bytes", "memory.peak"} {
		if text, err := os.ReadFile(g.file(name)); err == nil {
			n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			return n
		}
	}
	return 0
}
