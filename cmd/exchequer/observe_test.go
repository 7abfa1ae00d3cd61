package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"exchequer/internal/testkit"
)

// root is where the project's files are, from here.
const root = "../.."

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// alertRules are what deploy/prometheus/alerts.yaml may hold.
type alertRules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For string
			Labels           struct{ Severity string }
			Annotations      struct {
				Summary    string
				RunbookURL string `yaml:"runbook_url"`
			}
		}
	}
}

func alertsOf(t *testing.T) (rules alertRules) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(readFile(t, "deploy/prometheus/alerts.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&rules); err != nil {
		t.Fatal(err)
	}
	return rules
}

// dashboard is what we look at of deploy/grafana/exchequer.json.
type dashboard struct {
	UID        string
	Templating struct{ List []struct{ Name, Type string } }
	Panels     []struct {
		ID          int
		Type, Title string
		Datasource  struct{ Type, UID string }
		Targets     []struct{ Expr string }
		FieldConfig struct{ Defaults struct{ Unit string } }
	}
}

func dashboardPanels(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, "deploy/grafana/exchequer.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var metricName = regexp.MustCompile(`\b(exchequer_(cache|http|pages|postgres_pool|ledger_listen|rum)|go|process)_[a-z0-9_]+`)

func TestWhatIsWatchedIsThere(t *testing.T) {
	t.Setenv("DATABASE_URL", testkit.PostgresURL(t))
	t.Setenv("REDIS_URL", testkit.Redis(t).URL())
	_, source := newBank(t)
	t.Setenv("EXCHEQUER_SYNC", "balances-sql")
	t.Setenv("EXCHEQUER_SYNC_SOURCE", source)
	s := start(t, "serve")
	get(t, s.url+"/")
	const beacon = `{"route":"/market","device":"phone","connection":"slow","lcp":1200,"inp":80,"cls":0.01,"ttfb":40,"errors":[{"message":"Oh","place":"app.js:1"}]}`
	if response, err := http.Post(s.url+"/rum", "application/json", strings.NewReader(beacon)); err != nil {
		t.Fatal(err)
	} else if response.Body.Close(); response.StatusCode != http.StatusNoContent {
		t.Fatalf("a beacon: status %d", response.StatusCode)
	}
	var scrape string
	until(t, "Redis is sampled, once somebody has asked for a page, and the source is read", func() bool {
		_, scrape = get(t, s.url+"/metrics")
		return strings.Contains(scrape, "exchequer_cache_redis_used_bytes") && strings.Contains(scrape, "exchequer_sync_age_seconds")
	})
	there := map[string]bool{}
	for line := range strings.Lines(scrape) {
		name := strings.TrimPrefix(strings.TrimSpace(line), "# TYPE ") // which names histograms
		name, _, _ = strings.Cut(name, " ")
		name, _, _ = strings.Cut(name, "{")
		there[name] = true
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code = %d, want 0; it said:\n%s", code, s.said)
	}

	used := map[string][]string{}
	for _, document := range []string{"docs/runbook.md", "docs/operations.md"} {
		used[document] = metricName.FindAllString(readFile(t, document), -1)
	}
	for _, p := range dashboardPanels(t).Panels {
		for _, target := range p.Targets {
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 && !strings.Contains(target.Expr, "up{") {
				t.Errorf("the panel %q asks for nothing of ours: %s", p.Title, target.Expr)
			}
			used["the panel "+p.Title] = append(used["the panel "+p.Title], names...)
		}
	}
	for _, group := range alertsOf(t).Groups {
		for _, rule := range group.Rules {
			used["the alert "+rule.Alert] = metricName.FindAllString(rule.Expr, -1)
		}
	}
	for where, names := range used {
		for _, name := range names {
			if !there[name] {
				t.Errorf("%s names %s, which a running server does not have", where, name)
			}
		}
	}
}

func TestTheDashboardCanBeImportedAnywhere(t *testing.T) {
	d := dashboardPanels(t)
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	if d.UID == "" || variables["datasource"] != "datasource" || variables["instance"] != "query" {
		t.Errorf("the dashboard %q lets one choose %v, want its data source and process among them", d.UID, variables)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if p.Datasource.UID != "${datasource}" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %q: data source %q, unit %q, %d queries", p.Title, p.Datasource.UID, p.FieldConfig.Defaults.Unit, len(p.Targets))
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `job="$job"`) || strings.Contains(target.Expr, "127.0.0.1") || strings.Contains(target.Expr, "localhost") {
				t.Errorf("the panel %q asks for certain processes: %s", p.Title, target.Expr)
			}
		}
	}
}

func TestEachAlertSaysWhatToDo(t *testing.T) {
	headings := map[string]bool{}
	for line := range strings.Lines(readFile(t, "docs/runbook.md")) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			headings[slug(title)] = true
		}
	}
	seen := map[string]bool{}
	for _, group := range alertsOf(t).Groups {
		for _, rule := range group.Rules {
			if seen[rule.Alert] || rule.Alert == "" || rule.Expr == "" || rule.Annotations.Summary == "" {
				t.Errorf("the alert %q appears twice, or lacks its expression or summary", rule.Alert)
			}
			seen[rule.Alert] = true
			if rule.Labels.Severity != "critical" && rule.Labels.Severity != "warning" {
				t.Errorf("%s has the severity %q", rule.Alert, rule.Labels.Severity)
			}
			heading, ok := strings.CutPrefix(rule.Annotations.RunbookURL, "docs/runbook.md#")
			if !ok || !headings[heading] {
				t.Errorf("%s leads to %q, which is no heading of the runbook", rule.Alert, rule.Annotations.RunbookURL)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d alerts", len(seen))
	}
}

// slug is the anchor of a heading.
func slug(title string) string {
	title = strings.ToLower(strings.TrimSpace(title))
	title = regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(title, "")
	return strings.ReplaceAll(title, " ", "-")
}
