package ledger_test

import (
	"errors"
	"testing"

	"exchequer/internal/testkit"
	"exchequer/ledger"
)

func TestSettings(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if _, err := l.Settings(t.Context()); !errors.Is(err, ledger.ErrNoSettings) {
		t.Errorf("Settings of a new ledger = %v, want ErrNoSettings", err)
	}
	set := func(s ledger.Settings) {
		t.Helper()
		if err := l.SetSettings(t.Context(), s); err != nil {
			t.Error(err)
		}
		if got, err := l.Settings(t.Context()); err != nil || got != s {
			t.Errorf("Settings = %+v, %v, want %+v", got, err, s)
		}
	}
	set(ledger.Settings{Name: "Port", Symbol: "₤", Decimals: 2})
	set(ledger.Settings{Name: "Port", Symbol: "Ξ", Decimals: 9})
	set(ledger.Settings{Name: "Port", Symbol: "c", Decimals: 0})
	for _, wrong := range []ledger.Settings{{Name: "", Decimals: 2}, {Name: "x", Decimals: 10}, {Name: "x", Decimals: -1}, {Name: "\xff"}} {
		if err := l.SetSettings(t.Context(), wrong); err == nil {
			t.Errorf("SetSettings(%+v) was accepted", wrong)
		}
	}
	if _, err := l.Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Decimals: 2}); err == nil {
		t.Error("the number of decimals changed under amounts that are written")
	}
	set(ledger.Settings{Name: "Haven", Symbol: "h", Decimals: 0})
}
