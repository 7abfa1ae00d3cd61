package alerts

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// block returns the first block of a kind of docs/alerts.md.
func block(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```"+kind+"\n")
	lines, _, closed := strings.Cut(after, "```")
	if !found || !closed {
		t.Fatalf("docs/alerts.md has no block of %s", kind)
	}
	return lines
}

func TestTheDocumentedFileIsRight(t *testing.T) {
	file := filepath.Join(t.TempDir(), "discord")
	if err := os.WriteFile(file, []byte("https://discord.com/api/webhooks/1/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse([]byte(strings.ReplaceAll(block(t, "toml"), "/run/secrets/discord", file)), env)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.ReceiversOf("market"); len(got) != 1 || got[0].Form != Discord || len(c.Rules) != 1 {
		t.Errorf("it has %+v", c)
	}
}

func TestEveryKindIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if !strings.Contains(string(text), "`"+string(k)+"`") {
			t.Errorf("docs/alerts.md does not have %s", k)
		}
	}
}

// The documented receiver takes what we send, and nothing else.
func TestTheDocumentedReceiverVerifies(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	file, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "receiver")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(block(t, "go"), "127.0.0.1:9000", address)), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, file)
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the program is built, so that both share what is compiled
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		}
	}
	right, forged := hookAt("http://"+address+"/alerts"), hookAt("http://"+address+"/alerts")
	forged.secret = []byte("a secret that somebody guesses")
	late := NewSender(loopback, "test")
	late.now = func() time.Time { return time.Now().Add(-time.Hour) }
	for name, c := range map[string]struct {
		sender *Sender
		to     Receiver
		want   string
	}{
		"ours":               {NewSender(loopback, "test"), right, ""},
		"somebody else's":    {NewSender(loopback, "test"), forged, "it answered 401"},
		"one of an hour ago": {late, right, "it answered 401"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.sender.Send(t.Context(), c.to, TestMessage("diamond-dear", "Port Test ₤", "", time.Now()))
			if got := errorText(err); got != c.want {
				t.Errorf("Send = %q, want %q", got, c.want)
			}
		})
	}
}
