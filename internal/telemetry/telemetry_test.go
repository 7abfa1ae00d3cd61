package telemetry_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

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

func TestALineOfWhatIsRecordedHasTheIdsOfItsTrace(t *testing.T) {
	span := trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}
	for _, c := range []struct {
		name  string
		flags trace.TraceFlags
		want  bool
	}{{"recorded", trace.FlagsSampled, true}, {"not recorded", 0, false}} {
		span.TraceFlags = c.flags
		var out strings.Builder
		ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(span))
		telemetry.NewLogger(&out, slog.LevelInfo, false).With("a", 1).InfoContext(ctx, "request")
		has := strings.Contains(out.String(), `"trace_id":"01000000000000000000000000000000","span_id":"0200000000000000"`)
		if has != c.want {
			t.Errorf("%s: logged %s", c.name, out.String())
		}
	}
}
