package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"

	"exchequer/internal/telemetry"
)

func TestNewLoggerWritesLinesOrJSON(t *testing.T) {
	var out strings.Builder
	telemetry.NewLogger(&out, slog.LevelInfo, true).Info("ready", "port", 8080)
	telemetry.NewLogger(&out, slog.LevelWarn, false).Info("left out")
	telemetry.NewLogger(&out, slog.LevelInfo, false).Info("ready", "port", 8080)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "msg=ready port=8080") || !strings.Contains(lines[1], `"port":8080`) {
		t.Errorf("logged %q, want one line of text and one of JSON", lines)
	}
}
