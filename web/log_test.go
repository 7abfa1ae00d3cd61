package web

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/testkit"
)

func TestALineOfTheLogIsBoundedWhateverAClientSends(t *testing.T) {
	var log testkit.Buffer
	tn := newTown()
	tn.log = &log
	server := tn.start(t)
	for _, path := range map[string]string{
		"bytes that are no text":    strings.Repeat("\xff", 15_500),
		"half characters":           strings.Repeat("\x80", 15_500),
		"control characters":        strings.Repeat("%01", 5_000),
		"quotes":                    strings.Repeat("%22", 5_000),
		"what prints as an escape":  strings.Repeat("%f3%a0%80%81", 1_200),
		"a text of many characters": strings.Repeat("₤", 5_000),
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET /" + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		var answer strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			answer.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		conn.Close()
		contains(t, answer.String(), " 404 ")
	}
	server.Close()
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 6 {
		t.Errorf("6 requests are %d lines", len(lines))
	}
	for _, line := range lines {
		var got struct{ Path string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || !strings.HasSuffix(got.Path, "…") || len(line) > 1000 {
			t.Errorf("a line of %d bytes, %v: %s", len(line), err, line)
		}
	}
}

func TestAPathIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/economy", "/economy"}, {"12345678", "12345678"}, {"123456789", "12345678…"}, {"1234567₤", "1234567…"},
		{"a\nb\x00\xff", "a?b??"}, {"", ""},
	} {
		if got := printable(c.text, 8); got != c.want {
			t.Errorf("printable(%q, 8) = %q, want %q", c.text, got, c.want)
		}
	}
}

func TestAFailedRequestIsOneLineAndAnErrorOnlyWhereItIsOurs(t *testing.T) {
	var log testkit.Buffer
	tn := newTown()
	tn.log = &log
	tn.overview = func(context.Context, cache.Window, aggregates.Days) (*aggregates.Overview, error) {
		return nil, errors.New("no database")
	}
	server := tn.start(t)
	response, _ := ask(t, "GET", server.URL+"/economy/overview.csv")
	server.Close()
	if response.StatusCode != 503 {
		t.Errorf("status %d, want 503", response.StatusCode)
	}
	of := 0
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, response.Header.Get("X-Request-Id")) {
			of++
			contains(t, line, `"level":"WARN"`, `"msg":"request failed"`, "/economy/overview.csv", `"status":503`, `"error":`)
		}
	}
	if of != 1 {
		t.Errorf("the request is %d lines:\n%s", of, log.String())
	}
}

func TestTheClientAddressCannotBeSpoofed(t *testing.T) {
	var log strings.Builder
	tn := newTown()
	tn.log = &log
	server := tn.start(t)
	ask(t, "GET", server.URL+"/economy", "X-Forwarded-For", "6.6.6.6", "X-Real-Ip", "6.6.6.6")
	server.Close()
	contains(t, log.String(), `"client":"127.0.0.1"`)
	if strings.Contains(log.String(), "6.6.6.6") {
		t.Error("a made-up address is in the log")
	}
}
