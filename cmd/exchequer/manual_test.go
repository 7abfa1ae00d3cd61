package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/postgres"
	"exchequer/internal/testkit"
)

// blockOfCommands is a block of shell commands, perhaps with the reason why no test runs
// it, and perhaps in a list.
var blockOfCommands = regexp.MustCompile("(?m)^( *)```sh( not run: (.*))?\n((?s:.*?))^ *```$")

// commandsOf returns the blocks of a document that are to run, and the reasons why others
// are not.
func commandsOf(t *testing.T, document string) (run, reasons []string) {
	t.Helper()
	for _, block := range blockOfCommands.FindAllStringSubmatch(readFile(t, document), -1) {
		if block[3] != "" {
			reasons = append(reasons, block[3])
			continue
		}
		var lines strings.Builder
		for line := range strings.Lines(block[4]) {
			lines.WriteString(strings.TrimPrefix(line, block[1]))
		}
		run = append(run, lines.String())
	}
	return run, reasons
}

// The commands of the guide and of the upgrade run one after the other on one machine, as
// an operator would type them.
func TestTheCommandsForOperatorsRun(t *testing.T) {
	server := testkit.OwnPostgres(t)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	listen := testkit.FreeAddr(t)

	dir, project := t.TempDir(), ""
	if project, err = filepath.Abs(root); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mappings", "deploy"} {
		if err := os.Symlink(filepath.Join(project, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	programs := t.TempDir()
	shim := "#!/bin/sh\n" + asProgram + "=1 exec '" + os.Args[0] + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(programs, "exchequer"), []byte(shim), 0o755); err != nil {
		t.Fatal(err)
	}

	script := "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || :' EXIT\n"
	var reasons []string
	for _, document := range []string{"docs/operators.md", "docs/upgrade.md"} {
		blocks, not := commandsOf(t, document)
		if len(blocks) == 0 {
			t.Errorf("%s has no commands", document)
		}
		// Another day, in another shell.
		script += "unset EXCHEQUER_OWNER_PASSWORD EXCHEQUER_SERVE_PASSWORD EXCHEQUER_INGEST_PASSWORD DATABASE_URL\n"
		for i, block := range blocks {
			if _, err := exec.LookPath("caddy"); err != nil && strings.Contains(block, "caddy ") {
				t.Logf("there is no caddy here for block %d of %s (Debian: apt-get install caddy)", i+1, document)
				continue
			}
			script += fmt.Sprintf("echo '== block %d of %s'\n", i+1, document) + strings.ReplaceAll(block, "127.0.0.1:8080", listen)
		}
		reasons = append(reasons, not...)
	}
	slices.Sort(reasons)
	want := map[string]int{
		"there is no published release to fetch; what is in one is checked by deploy/release": 1,
		"it changes the machine": 2, "it needs systemd": 1, "it pulls images from a registry": 2, "it needs a cluster": 2,
	}
	got := map[string]int{}
	for _, reason := range reasons {
		got[reason]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the commands that do not run are %v, want %v", got, want)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir = dir
	path := programs
	if found := postgres.FindBinaries(ctx); len(found) > 0 {
		path += ":" + found[0].Dir // with pg_dump of the server's release
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasPrefix(name, "EXCHEQUER_") && !strings.HasPrefix(name, "PG") && name != "DATABASE_URL" && name != "REDIS_URL" {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Env = append(cmd.Env, "PATH="+path+":"+os.Getenv("PATH"), "PGHOST="+address.Query().Get("host"), "PGUSER=postgres", "PGPORT=5432",
		"EXCHEQUER_SERVER=http://"+listen, "EXCHEQUER_LINGER=0s")
	// Its own group, so that what it leaves behind ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"the schema and the roles are up to date", "ready"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the commands did not say %q:\n%s", want, out)
		}
	}
}

// A typed command is a line after "$ " in a document.
type typed struct {
	command string
	fails   bool // as the document shows
}

// typedIn returns the commands of a document's transcripts.
func typedIn(t *testing.T, document string) (all []typed) {
	t.Helper()
	inside, open := false, false // a block; a quotation that goes on in the next line
	for line := range strings.Lines(readFile(t, document)) {
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside
			continue
		case !inside:
			continue
		case begins:
			all = append(all, typed{command: command})
		case len(all) == 0:
			continue
		case open:
			all[len(all)-1].command += line
		default:
			all[len(all)-1].fails = all[len(all)-1].fails || strings.HasPrefix(line, "exchequer: ")
			continue
		}
		last := all[len(all)-1].command
		open = strings.Count(last, `"`)%2 == 1 || strings.Count(last, "'")%2 == 1
	}
	return all
}

// What the documents show as typed is taken by the programs of today.
func TestTheTranscriptsOfTheDocumentsCanBeTyped(t *testing.T) {
	store := testkit.Redis(t)
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("REDIS_URL", store.URL())
	t.Setenv("EXCHEQUER_OPERATOR_TOKEN", strings.Repeat("t", 16))
	s := start(t, "serve", "--linger", "0s")
	get(t, s.url+"/")
	host, port, _ := strings.Cut(store.Addr, ":")
	programs := t.TempDir()
	for name, text := range map[string]string{
		"exchequer": asProgram + "=1 exec '" + os.Args[0] + "' \"$@\"\n",
		"redis-cli": "PATH=${PATH#*:}\nexec redis-cli -h " + host + " -p " + port + " \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(programs, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", programs+":"+os.Getenv("PATH"))
	t.Setenv("EXCHEQUER_SERVER", s.url)
	n := 0
	for _, document := range []string{"docs/operations.md", "docs/runbook.md"} {
		for _, c := range typedIn(t, document) {
			n++
			command := strings.ReplaceAll(c.command, "127.0.0.1:8080", strings.TrimPrefix(s.url, "http://"))
			out, err := exec.CommandContext(t.Context(), "bash", "-c", command).CombinedOutput()
			var failed *exec.ExitError
			if err != nil && (!c.fails || !errors.As(err, &failed) || failed.ExitCode() != 1) {
				t.Errorf("%s: $ %s: %v\n%s", document, c.command, err, out)
			}
		}
	}
	if n < 15 {
		t.Errorf("the documents have only %d commands", n)
	}
}
