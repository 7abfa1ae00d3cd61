package testkit

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// OIDCProvider starts an OpenID Connect provider in a process of its own, and returns its
// issuer. It sends people back to these addresses only. Of its client "exchequer" the
// secret is "secret"; its users are in testdata/provider/main.go. It ends with the test.
func OIDCProvider(t testing.TB, callbacks ...string) (issuer string) {
	t.Helper()
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("find the provider: %v", err)
	}
	folder := filepath.Join(filepath.Dir(strings.TrimSpace(string(module))), "internal", "testkit", "testdata", "provider")
	program := filepath.Join(t.TempDir(), "provider")
	build := exec.Command("go", "build", "-C", folder, "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the program is built, so that both share what is compiled
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the provider: %v\n%s", err, said)
	}
	cmd := exec.Command(program, callbacks...)
	var said Buffer
	cmd.Stderr = &said
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the provider: %v", err)
	}
	t.Cleanup(func() {
		input.Close() // it ends with its input, also if this process is killed
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("start the provider: %v\n%s", err, said.String())
	}
	return strings.TrimSpace(line)
}
