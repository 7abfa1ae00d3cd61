package views

import (
	"context"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/ledger"
)

func TestARecordOfDatesShowsNoTimesOfDay(t *testing.T) {
	s := ledger.Settings{Timezone: "Europe/Berlin"}
	day := time.Date(2022, 5, 1, 22, 0, 0, 0, time.UTC) // midnight in Berlin
	for _, c := range []struct {
		name  string
		times []time.Time
		want  string
	}{
		{"dates", []time.Time{day, day.AddDate(0, 0, 1)}, "2 May 2022"},
		{"a date among times", []time.Time{day, day.Add(time.Second)}, "2 May 2022 00:00:00"},
		{"midnight elsewhere", []time.Time{day.Add(2 * time.Hour)}, "2 May 2022 02:00:00"},
	} {
		var lines []ledger.Line
		rows := aggregates.Table{Columns: []aggregates.Column{{Title: "Last active", Unit: aggregates.Instant}}, Rows: [][]any{{nil}}}
		for _, at := range c.times {
			lines = append(lines, ledger.Line{Cursor: ledger.Cursor{At: at}})
			rows.Rows = append(rows.Rows, []any{at})
		}
		var statement, drawnTable strings.Builder
		if err := Statement(lines, "", s).Render(context.Background(), &statement); err != nil {
			t.Fatal(err)
		}
		if err := table(rows, "t", "T", s).Render(context.Background(), &drawnTable); err != nil {
			t.Fatal(err)
		}
		for what, drawn := range map[string]string{"statement": statement.String(), "table": drawnTable.String()} {
			if !strings.Contains(drawn, ">"+c.want+"</") {
				t.Errorf("%s: the %s says %s, want %q", c.name, what, drawn, c.want)
			}
		}
	}
}
