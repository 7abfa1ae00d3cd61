package ledger_test

import (
	"errors"
	"strings"
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
	set(ledger.Settings{Name: "Port", Symbol: "₤", Decimals: 2, Timezone: "UTC"})
	set(ledger.Settings{Name: "Port", Symbol: "Ξ", Decimals: 9, Timezone: "UTC"})
	set(ledger.Settings{Name: "Port", Symbol: "c", Decimals: 0, Timezone: "America/New_York"})
	for _, wrong := range []ledger.Settings{{Name: "", Decimals: 2}, {Name: "x", Decimals: 10}, {Name: "x", Decimals: -1}, {Name: "\xff"},
		{Name: "x", Timezone: "Berlin"}, {Name: "x", Timezone: "Local"}, {Name: "x", Timezone: "Asia/Kolkata"}} {
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
	err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: "Europe/Berlin"})
	if err == nil || !strings.Contains(err.Error(), "exchequer repair --timezone Europe/Berlin") {
		t.Errorf("the time zone of a ledger with days was changed with %v, want how to change it", err)
	}
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port"}); err != nil {
		t.Errorf("settings without a time zone: %v, want the known one kept", err)
	}
	set(ledger.Settings{Name: "Haven", Symbol: "h", Decimals: 0, Timezone: "America/New_York"})
}

func TestALedgerThatHasDaysGetsNoTimeZoneAfterwards(t *testing.T) {
	l := ledger.New(testkit.Postgres(t))
	if _, err := l.Append(t.Context(), grant()); err != nil {
		t.Fatal(err)
	}
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port", Timezone: "Europe/Berlin"}); err == nil {
		t.Error("a ledger without settings got a time zone under days that are written")
	}
	if err := l.SetSettings(t.Context(), ledger.Settings{Name: "Port"}); err != nil {
		t.Error(err)
	}
}
