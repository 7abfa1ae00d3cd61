// Package image_test builds the image of the Dockerfile, without a network, and runs it
// as the deployments do.
package image_test

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/testkit"
)

const root = "../.."

// An engine is podman with images of its own, which end with the test.
type engine struct {
	t    *testing.T
	args []string
}

// newEngine skips the test where there is no podman.
func newEngine(t *testing.T) *engine {
	t.Helper()
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("there is no podman: install it (Debian: apt-get install podman runc) to try the image")
	}
	dir, err := os.MkdirTemp("", "exchequer-image-") // its files are of several users
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, args: []string{
		"--root", filepath.Join(dir, "store"), "--runroot", filepath.Join(dir, "run"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
	}}
	if runc, err := exec.LookPath("runc"); err == nil { // crun refuses some machines' cgroups
		e.args = append(e.args, "--runtime", runc)
	}
	t.Cleanup(func() {
		_, _ = e.try("rm", "--all", "--force", "--time", "0")
		_, _ = e.try("rmi", "--all", "--force")
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *engine) try(args ...string) (string, error) {
	out, err := exec.Command("podman", append(slices.Clone(e.args), args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (e *engine) do(args ...string) string {
	e.t.Helper()
	out, err := e.try(args...)
	if err != nil {
		e.t.Fatalf("podman %s: %v\n%s", args[0], err, out)
	}
	return out
}

// build builds the last stage of the Dockerfile, with files of this machine in place of
// those that the stages before it make.
func (e *engine) build(image string) {
	e.t.Helper()
	if out, err := exec.Command("make", "-C", root, "build", "licenses").CombinedOutput(); err != nil {
		e.t.Fatalf("make build licenses: %v\n%s", err, out)
	}
	dockerfile, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		e.t.Fatal(err)
	}
	_, last, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	if !found {
		e.t.Fatal("the last stage of the Dockerfile is not from scratch")
	}
	context := e.t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(context, name)), 0o755); err != nil {
			e.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(context, name), []byte(text), 0o644); err != nil {
			e.t.Fatal(err)
		}
	}
	write("Dockerfile", "FROM scratch AS build\nCOPY built /\n\nFROM scratch\n"+last)
	write("built/etc/ssl/certs/ca-certificates.crt", "")
	for _, dir := range []string{"built/empty", "built/src"} {
		if err := os.MkdirAll(filepath.Join(context, dir), 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-r", filepath.Join(root, "bin"), filepath.Join(context, "built/src/bin")).CombinedOutput(); err != nil {
		e.t.Fatalf("%v: %s", err, out)
	}
	e.do("build", "--network", "none", "--format", "docker", "--tag", image, context)
}

// locked is how the deployments run the image.
var locked = []string{
	"--network", "none", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges", "--memory", "256m",
	"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", // as on machines where a container may not raise them
}

func TestTheImageServesWithoutAnyRight(t *testing.T) {
	e := newEngine(t)
	const image = "exchequer:test"
	e.build(image)

	db := testkit.Postgres(t)
	if _, err := db.Exec(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	database, err := url.Parse(db.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	socket := database.Query().Get("host")
	if err := os.Chmod(socket, 0o711); err != nil { // the container's user passes
		t.Fatal(err)
	}
	run := func(role string, args ...string) []string {
		with := append(slices.Clone(locked), "--volume", socket+":/postgres",
			"--env", "DATABASE_URL=postgres://"+role+"@"+database.Path+"?host=/postgres")
		return append([]string{"run"}, append(with, args...)...)
	}
	out, err := e.try(run("postgres", "--rm", image, "migrate", "--roles")...)
	if err != nil && (strings.Contains(out, "OCI runtime") || strings.Contains(out, "runc") || strings.Contains(out, "crun")) {
		t.Skipf("no container runs on this machine: %s", out)
	}
	if err != nil || !strings.Contains(out, "up to date") {
		t.Fatalf("migrate --roles: %v\n%s", err, out)
	}

	const name = "served"
	e.do(run("exchequer_serve", "--detach", "--name", name, image)...)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := e.try("logs", name)
			t.Logf("the container said:\n%s", log)
		}
	})
	for limit := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out, err := e.try("exec", name, "/exchequer", "healthcheck")
		if err == nil && out == "ready" {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("healthcheck in the container: %v, %s", err, out)
		}
	}
	e.do("healthcheck", "run", name) // that of the Dockerfile

	var inspected []struct{ State struct{ Pid int } }
	if err := json.Unmarshal([]byte(e.do("inspect", name)), &inspected); err != nil || len(inspected) != 1 {
		t.Fatal(err, inspected)
	}
	proc := fmt.Sprintf("/proc/%d/", inspected[0].State.Pid)
	status := read(t, proc+"status")
	for _, want := range []string{"Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(status, want) {
			t.Errorf("the process has no %q:\n%s", want, status)
		}
	}
	for line := range strings.Lines(read(t, proc+"mountinfo")) {
		if fields := strings.Fields(line); fields[4] == "/" && !strings.HasPrefix(fields[5], "ro") {
			t.Errorf("the root file system can be written: %s", line)
		}
	}
	program, err := elf.Open(proc + "root/exchequer")
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("the program needs the libraries %q, %v, which the image does not have", libraries, err)
	}
	if _, err := os.Stat(proc + "root/licenses/go/LICENSE"); err != nil {
		t.Errorf("the licences are not in the image: %v", err)
	}

	e.do("stop", "--time", "40", name)
	if code := e.do("inspect", "--format", "{{.State.ExitCode}}", name); code != "0" {
		t.Errorf("the program ended with code %s on SIGTERM, want 0", code)
	}
	t.Logf("the image has %s bytes", e.do("image", "inspect", "--format", "{{.Size}}", image))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
