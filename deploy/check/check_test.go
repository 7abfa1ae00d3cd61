// Package check_test reads the files of deploy with the types of the programs that they are
// for: Compose, Kubernetes, Grafana and Prometheus. It is a module of its own, so that the
// program's need not know theirs.
package check_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	compose "github.com/compose-spec/compose-go/v2/types"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	grafanaprometheus "github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Compose's own loader checks the file against its schema, and that what services name is
// there.
func TestComposeLoadsTheFile(t *testing.T) {
	project, err := loader.LoadWithContext(t.Context(), compose.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []compose.ConfigFile{{Filename: "../compose.yaml", Content: read(t, "compose.yaml")}},
		Environment: compose.Mapping{"POSTGRES_PASSWORD": "p", "OWNER_PASSWORD": "o", "SERVE_PASSWORD": "s", "INGEST_PASSWORD": "i", "REDIS_PASSWORD": "r"},
	})
	if err != nil {
		t.Fatal(err)
	}
	serving := 0
	for name, s := range project.Services {
		if !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.MemLimit == 0 {
			t.Errorf("%s keeps capabilities, may gain privileges, or has no limit of memory", name)
		}
		if !s.ReadOnly && name != "postgres" { // which has its socket and pid beside its data
			t.Errorf("%s can write to its root", name)
		}
		if len(s.Ports) > 0 && name != "proxy" {
			t.Errorf("%s is published beside the proxy", name)
		}
		if strings.HasPrefix(name, "exchequer-") {
			serving++
			subnet := project.Networks["front"].Ipam.Config[0].Subnet
			if trusted := s.Environment["EXCHEQUER_TRUSTED_PROXIES"]; trusted == nil || *trusted != subnet {
				t.Errorf("%s trusts the proxies of %v, and the proxy is in %s", name, trusted, subnet)
			}
			if password := s.Environment["DATABASE_URL"]; strings.Contains(*password, ":p@") {
				t.Errorf("%s connects as the superuser", name)
			}
		}
	}
	if serving != 3 {
		t.Errorf("%d processes serve, want 3", serving)
	}
	if !project.Networks["inside"].Internal {
		t.Error("the network of Postgres and Redis has a way out")
	}
}

// manifests decodes each document by its kind. An unknown field is an error, and so is a
// value of another type.
func manifests(t *testing.T) (d apps.Deployment, s core.Service, b policy.PodDisruptionBudget, n networking.NetworkPolicy) {
	t.Helper()
	into := map[string]any{
		"apps/v1 Deployment": &d, "v1 Service": &s, "policy/v1 PodDisruptionBudget": &b, "networking.k8s.io/v1 NetworkPolicy": &n,
	}
	for document := range bytes.SplitSeq(read(t, "kubernetes.yaml"), []byte("\n---\n")) {
		var of meta.TypeMeta
		if err := yaml.Unmarshal(document, &of); err != nil {
			t.Fatal(err)
		}
		kind := of.APIVersion + " " + of.Kind
		to, known := into[kind]
		if !known {
			t.Fatalf("kubernetes.yaml has a %q more than once, or one that is not expected", kind)
		}
		if err := yaml.UnmarshalStrict(document, to); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		delete(into, kind)
	}
	for kind := range into {
		t.Errorf("kubernetes.yaml has no %s", kind)
	}
	return d, s, b, n
}

func TestTheManifestsAreKubernetesAndFitTogether(t *testing.T) {
	d, service, budget, rules := manifests(t)
	pod := d.Spec.Template
	for what, selector := range map[string]*meta.LabelSelector{
		"deployment": d.Spec.Selector, "service": {MatchLabels: service.Spec.Selector},
		"disruption budget": budget.Spec.Selector, "network policy": &rules.Spec.PodSelector,
		"spread": pod.Spec.TopologySpreadConstraints[0].LabelSelector,
	} {
		if s, err := meta.LabelSelectorAsSelector(selector); err != nil || s.Empty() || !s.Matches(labels.Set(pod.Labels)) {
			t.Errorf("the %s does not select the pods: %v, %v", what, s, err)
		}
	}
	ports := map[string]bool{}
	for _, p := range pod.Spec.Containers[0].Ports {
		ports[p.Name] = true
	}
	named := func(what string, port intstr.IntOrString) {
		if port.Type == intstr.String && !ports[port.StrVal] {
			t.Errorf("%s names the port %s, which the container does not have", what, port.StrVal)
		}
	}
	server := pod.Spec.Containers[0]
	for what, probe := range map[string]*core.Probe{"startup": server.StartupProbe, "liveness": server.LivenessProbe, "readiness": server.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			t.Errorf("there is no %s probe", what)
			continue
		}
		named("the "+what+" probe", probe.HTTPGet.Port)
	}
	named("the service", service.Spec.Ports[0].TargetPort)
	for _, from := range rules.Spec.Ingress {
		for _, p := range from.Ports {
			named("the network policy", *p.Port)
		}
	}
	for _, c := range append(slices.Clone(pod.Spec.InitContainers), pod.Spec.Containers...) {
		s := c.SecurityContext
		if s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Contains(s.Capabilities.Drop, "ALL") {
			t.Errorf("the container %s has rights: %+v", c.Name, s)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("the container %s has no limit of memory, or requests no CPU", c.Name)
		}
		for _, m := range c.VolumeMounts {
			if !slices.ContainsFunc(pod.Spec.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) {
				t.Errorf("the container %s mounts %s, which is no volume", c.Name, m.Name)
			}
		}
	}
	if p := pod.Spec.SecurityContext; !*p.RunAsNonRoot || p.SeccompProfile == nil || *pod.Spec.AutomountServiceAccountToken {
		t.Errorf("the pod may be root, has all system calls, or a token: %+v", p)
	}
	if least := budget.Spec.MinAvailable.IntVal; least < 1 || least >= *d.Spec.Replicas {
		t.Errorf("of %d pods %d must stay: none could leave, or all", *d.Spec.Replicas, least)
	}
	if away := d.Spec.Strategy.RollingUpdate.MaxUnavailable; away.IntVal != 0 {
		t.Errorf("a roll-out takes %d pods away before the next ones are ready", away.IntVal)
	}
	if before := server.Lifecycle.PreStop.Sleep.Seconds; before+1+20 >= *pod.Spec.TerminationGracePeriodSeconds {
		t.Errorf("a pod has %d s to end, and needs %d s, a linger of 1 s and a drain of 20 s", *pod.Spec.TerminationGracePeriodSeconds, before)
	}
}

// queries parses all that Grafana asks Prometheus for and all that alerts follow from.
func TestGrafanaReadsTheDashboardAndPrometheusEachQuery(t *testing.T) {
	grafana := cog.NewRuntime()
	grafana.RegisterPanelcfgVariant(timeseries.VariantConfig())
	grafana.RegisterPanelcfgVariant(stat.VariantConfig())
	grafana.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	grafana.RegisterDataqueryVariant(grafanaprometheus.VariantConfig())
	var d dashboard.Dashboard
	text := read(t, "grafana/exchequer.json")
	if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // a list of errors, never nil
		t.Errorf("exchequer.json is not what Grafana writes: %v", err)
	}
	if err := d.Validate(); err != nil {
		t.Errorf("exchequer.json: %v", err)
	}

	var asked struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	var alerts struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &asked); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(read(t, "prometheus/alerts.yaml"), &alerts); err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, p := range asked.Panels {
		for i, target := range p.Targets {
			queries[fmt.Sprintf("%s, query %d", p.Title, i+1)] = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$__interval", "1m").Replace(target.Expr)
		}
	}
	for _, g := range alerts.Groups {
		for _, r := range g.Rules {
			queries["the alert "+r.Alert] = r.Expr
		}
	}
	if len(queries) < 50 {
		t.Errorf("there are only %d queries", len(queries))
	}
	prometheus := parser.NewParser(parser.Options{})
	for where, query := range queries {
		if _, err := prometheus.ParseExpr(query); err != nil {
			t.Errorf("%s: %v\n%s", where, err, query)
		}
	}
}
