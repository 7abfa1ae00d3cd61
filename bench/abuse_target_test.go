package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

// memoryLimit is the limit of deploy/kubernetes.yaml.
const memoryLimit = 256 << 20

// A target is the attacked process.
type target struct {
	b        *testing.B
	url      string
	addr     string // host:port
	database string // URL
	redis    *testkit.RedisServer
	log      string // file
	pid      int
	limited  bool
	far      bool
	group    cgroup

	dead  context.Context // done when the process has ended
	died  time.Time       // valid then
	notes []string        // the end of its row
}

func (a *arena) start(b *testing.B, attack attack) *target {
	b.Helper()
	dir := b.TempDir()
	t := &target{b: b, database: a.database, redis: testkit.Redis(b), log: filepath.Join(dir, "log")}
	join := ""
	if !attack.unlimited {
		if group, err := newCgroup(b, memoryLimit); err != nil {
			b.Logf("no memory cgroup here: %v", err)
		} else {
			t.group, t.limited = group, true
			join = fmt.Sprintf("echo $$ >%q || exit\n", group.file("cgroup.procs"))
		}
	}
	// The shell enters the cgroup before it becomes the program, so that all its
	// memory counts there.
	wrapper, pidFile := filepath.Join(dir, "exchequer"), filepath.Join(dir, "pid")
	script := fmt.Sprintf("#!/bin/sh\n%secho $$ >%q\nexec %q \"$@\"\n", join, pidFile, a.binary)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		b.Fatal(err)
	}
	f := &fleet{b: b, redis: t.redis}
	database := a.database
	if attack.far {
		database, t.far = a.far, true
	}
	f.start(wrapper, t.log, []string{"DATABASE_URL=" + database, "REDIS_URL=" + t.redis.URL()})
	t.url = f.address(t.log)
	t.addr = strings.TrimPrefix(t.url, "http://")
	written, err := os.ReadFile(pidFile)
	if err != nil {
		b.Fatal(err)
	}
	if t.pid, err = strconv.Atoi(strings.TrimSpace(string(written))); err != nil {
		b.Fatal(err)
	}
	t.watch()
	f.urls = []string{t.url}
	f.warm()
	return t
}

// watch cancels dead when the process has ended.
func (t *target) watch() {
	dead, cancel := context.WithCancel(context.Background())
	t.dead = dead
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if state := t.status("State"); state == "" || strings.HasPrefix(state, "Z") {
				t.died = time.Now()
				cancel()
				return
			}
		}
	}()
	t.b.Cleanup(func() { close(stop); cancel() })
}

// note adds to the end of the row.
func (t *target) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// status returns a field of /proc/PID/status, empty if there is none.
func (t *target) status(field string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.pid))
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// peak returns the largest resident memory. For a killed process only its cgroup
// has it.
func (t *target) peak() int64 {
	if kilobytes, err := strconv.ParseInt(strings.TrimSuffix(t.status("VmHWM"), " kB"), 10, 64); err == nil {
		return kilobytes << 10
	}
	return t.group.peak()
}

// cpu returns the processor time of the process.
func (t *target) cpu() time.Duration { return cpuOf(t.pid, false) }

// cpuOf returns the processor time of a process, optionally with that of its ended
// children.
func cpuOf(pid int, children bool) time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := bytes.Cut(text, []byte(") ")) // the name may hold spaces
	fields := bytes.Fields(after)
	if len(fields) < 15 {
		return 0
	}
	times := fields[11:13] // utime, stime
	if children {
		times = fields[11:15]
	}
	var ticks time.Duration
	for _, field := range times {
		n, _ := strconv.Atoi(string(field))
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// databaseCPU returns the processor time of all processes of the database server,
// including ended ones.
func (t *target) databaseCPU() (sum time.Duration) {
	at, err := url.Parse(t.database)
	if err != nil {
		t.b.Fatal(err)
	}
	data := at.Query().Get("host") + "/data"
	found, _ := filepath.Glob("/proc/[0-9]*")
	for _, proc := range found {
		if cwd, err := os.Readlink(filepath.Join(proc, "cwd")); err != nil || cwd != data {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(proc))
		sum += cpuOf(pid, true)
	}
	return sum
}

// keys returns how many keys there are in Redis.
func (t *target) keys() int {
	t.b.Helper()
	n, err := t.redis.Ask("DBSIZE")
	if err != nil {
		t.b.Fatal(err)
	}
	return int(n.(int64))
}

// runs returns how often producers have run.
func (t *target) runs() (sum int, err error) {
	body, err := t.fetch("/metrics")
	if err != nil {
		return 0, err
	}
	for _, m := range counted.FindAllSubmatch(body, -1) {
		switch string(m[2]) {
		case "done", "failed", "lost":
			n, err := strconv.ParseFloat(string(m[3]), 64)
			if err != nil {
				return 0, err
			}
			sum += int(n)
		}
	}
	return sum, nil
}

func (t *target) fetch(path string) ([]byte, error) {
	client := http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(t.url + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, errors.New(response.Status)
	}
	return io.ReadAll(response.Body)
}
