package bench

import (
	"errors"
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
	type setting struct {
		file  string
		value int64
	}
	// The second one keeps it from swapping, where the kernel can.
	parent, settings := "/sys/fs/cgroup/memory", []setting{{"memory.limit_in_bytes", limit}, {"memory.memsw.limit_in_bytes", limit}}
	if _, err := os.Stat(parent); err != nil {
		parent, settings = "/sys/fs/cgroup", []setting{{"memory.max", limit}, {"memory.swap.max", 0}}
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
	for i, s := range settings {
		if err := set(filepath.Join(dir, s.file), s.value); err != nil && i == 0 {
			return "", fmt.Errorf("limit memory: %w", err)
		}
	}
	return cgroup(dir), nil
}

// set writes to a file that is there: those of a cgroup are made by the kernel.
func set(path string, value int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(file, value)
	return errors.Join(err, file.Close())
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
