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

// A cgroup is the directory of a memory cgroup, version 1 or 2.
type cgroup string

// newCgroup makes a group with a memory limit and removes it after the benchmark. It
// returns an error if the machine does not allow cgroups.
func newCgroup(b *testing.B, limit int64) (cgroup, error) {
	type setting struct {
		file  string
		value int64
	}
	// The second one disables swap, if the kernel supports it.
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

// set writes to an existing file: the kernel makes those of a cgroup.
func set(path string, value int64) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(file, value)
	return errors.Join(err, file.Close())
}

func (g cgroup) file(name string) string { return filepath.Join(string(g), name) }

// peak returns the most memory that the group has used, with the page cache; 0 if
// unknown.
func (g cgroup) peak() int64 {
	for _, name := range []string{"memory.max_usage_in_bytes", "memory.peak"} {
		if text, err := os.ReadFile(g.file(name)); err == nil {
			n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
			return n
		}
	}
	return 0
}
