package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"exchequer/admin/audit"
	"exchequer/client"
	"exchequer/internal/testkit"
)

func TestAnOperatorManagesKeys(t *testing.T) {
	url := testkit.PostgresURL(t)
	t.Setenv("DATABASE_URL", url)
	t.Setenv("EXCHEQUER_LINGER", "0s")
	code, key, said := exchequer(t, "keys", "create", "--name", "game server", "--scopes", "accounts,read", "--expires", "720h")
	if key = strings.TrimSpace(key); code != 0 || !strings.HasPrefix(key, "exq_") || !strings.Contains(said, "not shown again") {
		t.Fatalf("create = %d, %q, %q", code, key, said)
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(key, "exq_"), "_")
	s := start(t, "serve")
	sent := client.New(s.url, key)
	accounts := []client.Account{{Ref: "ann", Kind: "personal"}}
	if w, err := sent.Accounts(t.Context(), accounts); err != nil || w.Written != 1 {
		t.Errorf("accounts = %+v, %v", w, err)
	}
	if code, out, said := exchequer(t, "keys", "list"); code != 0 || !strings.Contains(out, id+"  game server  accounts,read") || !strings.Contains(out, "until ") || strings.Contains(out, key) {
		t.Errorf("list = %d, %s%s", code, out, said)
	}
	if code, out, said := exchequer(t, "keys", "revoke", id); code != 0 || !strings.Contains(out, "game server") {
		t.Errorf("revoke = %d, %s%s", code, out, said)
	}
	start := time.Now()
	for {
		_, err := sent.Accounts(t.Context(), accounts)
		if answer := (*client.Error)(nil); errors.As(err, &answer) && answer.Status == http.StatusUnauthorized {
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatalf("5 s after it was revoked: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if code, out, _ := exchequer(t, "keys", "list"); code != 0 || !strings.Contains(out, "revoked ") {
		t.Errorf("list = %d, %s", code, out)
	}
	for want, args := range map[string][]string{
		"is no scope":           {"create", "--name", "a", "--scopes", "everything"},
		"there is none with":    {"revoke", "nobody"},
		"missing flags":         {"create", "--name", "a"},
		"it would have expired": {"create", "--name", "a", "--scopes", "read", "--expires=-1h"},
	} {
		if code, _, said := exchequer(t, append([]string{"keys"}, args...)...); code == 0 || !strings.Contains(said, want) {
			t.Errorf("keys %v = %d, %q, want %s", args, code, said, want)
		}
	}
	noted, err := audit.List(t.Context(), pool(t, url), audit.Filter{}, 10)
	if err != nil || len(noted) != 2 || noted[0].Action != "key.revoke" || noted[1].Action != "key.create" || noted[1].Target != id || noted[1].Subject != "shell" || noted[1].Result != audit.Done {
		t.Errorf("the audit log has %+v, %v", noted, err)
	}
	if strings.Contains(fmt.Sprint(noted), key[len(key)-26:]) {
		t.Error("the audit log has the key")
	}
	if strings.Contains(s.log.String(), key[len(key)-26:]) {
		t.Error("the log has the key")
	}
}
