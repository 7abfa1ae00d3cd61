package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"exchequer/aggregates"
	"exchequer/internal/sample"
)

func TestAReportIsShownWithItsCorrections(t *testing.T) {
	server := sampled(sample.Town(30)).start(t)
	_, page := ask(t, "GET", server.URL+"/reports/2026-02", "Accept", "text/html")
	doc := parse(t, page)
	if got := doc.Find("h1").Text(); !strings.Contains(got, "February 2026") || !strings.Contains(got, "4\u00a0corrections since") {
		t.Errorf("the heading is %q", got)
	}
	if got := doc.Find(".lede").Text(); strings.Count(got, ". ")+1 != 3 || strings.Count(got, "%") != 2 {
		t.Errorf("the sentences are %q", got)
	}
	first := doc.Find("main section").First()
	if id, _ := first.Attr("id"); id != "errata" || !strings.Contains(first.Text(), "₤8,214,906.50") || !strings.Contains(first.Text(), "₤8,214,913.50") || !strings.Contains(first.Text(), "not listed") {
		t.Errorf("the report begins with %s: %s", id, first.Text())
	}
	if hidden := doc.Find("#firms tbody tr").Last(); hidden.Find("a").Length() != 0 || !strings.Contains(hidden.Text(), "hidden holder") {
		t.Errorf("the hidden firm is %s", hidden.Text())
	}
	var report aggregates.Report
	_, answer := ask(t, "GET", server.URL+"/reports/2026-02.json")
	if err := json.Unmarshal([]byte(answer), &report); err != nil || report.Month != "2026-02" || len(report.Errata) != 4 {
		t.Errorf("as JSON: %v, %+v", err, report)
	}
}

func TestReportsAreInTheMenuWhenThereAreAny(t *testing.T) {
	for _, there := range []bool{true, false} {
		tn := newTown()
		profile := aggregates.Full()
		profile.Reports = there
		tn.profile = constant[aggregates.NoParams](profile)
		_, page := ask(t, "GET", tn.start(t).URL+"/market", "Accept", "text/html")
		doc := parse(t, page)
		if got := doc.Find(`nav.pages a[href="/reports"]`).Length() == 1; got != there {
			t.Errorf("reports: %v, in the menu: %v", there, got)
		}
	}
}

func TestAMonthWithoutAReportIsAnsweredWithASentence(t *testing.T) {
	tn := sampled(sample.Empty())
	tn.profile = constant[aggregates.NoParams](aggregates.Profile{Transactions: true})
	server := tn.start(t)
	for _, address := range []string{"/reports/2026-13", "/reports/x.json", "/reports/2026-10.json", "/reports/2026-10/figures.csv"} {
		if response, body := ask(t, "GET", server.URL+address); response.StatusCode != http.StatusNotFound || !strings.Contains(body, "no report here") {
			t.Errorf("%s = %d, %s", address, response.StatusCode, body)
		}
	}
}
