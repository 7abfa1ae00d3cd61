package web

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"exchequer/aggregates"
	"exchequer/cache"
	"exchequer/internal/sample"
	"exchequer/ledger"
)

// The samples' day is 20 November 2026, noon in UTC and 7 in the morning in New
// York, where it is Friday.
func TestPagesShowTheTimesOfTheCommunity(t *testing.T) {
	tn := sampled(sample.Town(7))
	tn.settings.Timezone = "America/New_York"
	zone := tn.settings.Zone()
	days := []time.Time{time.Date(2026, 11, 19, 0, 0, 0, 0, zone), time.Date(2026, 11, 20, 0, 0, 0, 0, zone)}
	tn.activity = func(_ context.Context, w cache.Window, d aggregates.Days) (*aggregates.Activity, error) {
		return &aggregates.Activity{
			Basis:  aggregates.Basis{Period: aggregates.Period{Days: d.Key(), Start: days[0], End: w.Start, Timezone: zone.String()}},
			Bucket: "day", Buckets: []aggregates.ActivityBucket{{Start: days[0], Transactions: 3, Volume: ledger.SumOf(300)}, {Start: days[1], Transactions: 1, Volume: ledger.SumOf(100), Partial: true}},
		}, nil
	}
	walk(t, tn, func(open func(string) *httptest.ResponseRecorder, _ []*page) {
		open("/economy/activity") // the first page of a cold cache comes in parts
		page := open("/economy/activity").Body.String()
		for _, want := range []string{
			"<b>07:00:30</b>", " EST, Friday 20 November 2026", "next 07:01:00", "All times are those of America/New_York", ">19 Nov – 20 Nov<",
			"Thu 19 Nov 2026", "Fri 20 Nov 2026", ">19 Nov 2026<", ">20 Nov 2026<",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not have %q", want)
			}
		}
		if strings.Contains(page, "UTC") {
			t.Error("the page names UTC")
		}
		rhythm := open("/economy/rhythm").Body.String()
		if want := "Transactions an hour (America/New_York)"; !strings.Contains(rhythm, want) {
			t.Errorf("the hours of the week do not have %q", want)
		}
		file := open("/economy/activity.csv?days=7")
		if body := file.Body.String(); !strings.Contains(body, "\r\n2026-11-19,") || !strings.Contains(body, "\r\n2026-11-20,") {
			t.Errorf("the CSV file is\n%s", body)
		}
		var document struct {
			AsOf     time.Time `json:"asOf"`
			Timezone string    `json:"timezone"`
			Rows     [][]any   `json:"rows"`
		}
		text := open("/economy/activity.json").Body.Bytes()
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		if document.Timezone != "America/New_York" || document.Rows[0][0] != "2026-11-19T00:00:00-05:00" || document.AsOf.Location() != time.UTC {
			t.Errorf("the document is %s", text)
		}
	})
}
