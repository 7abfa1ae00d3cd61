package main

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// composeFile is what we look at of deploy/compose.yaml.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Build       any
		Command     []string
		Environment map[string]string
		MemLimit    string `yaml:"mem_limit"`
	}
}

func compose(t *testing.T) (c composeFile) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(readFile(t, "deploy/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// manifest is what we look at of a document of deploy/kubernetes.yaml.
type manifest struct {
	Kind string
	Spec struct {
		Template struct {
			Spec struct {
				InitContainers []container `yaml:"initContainers"`
				Containers     []container
			}
		}
		Ports []struct { // of the service
			TargetPort string `yaml:"targetPort"`
		}
	}
}

type container struct {
	Image string
	Env   []struct {
		Name      string
		ValueFrom struct {
			SecretKeyRef struct{ Name string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	Resources struct{ Limits map[string]string }
}

func (c container) secret(variable string) string {
	for _, e := range c.Env {
		if e.Name == variable {
			return e.ValueFrom.SecretKeyRef.Name
		}
	}
	return ""
}

func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	for decoder := yaml.NewDecoder(strings.NewReader(readFile(t, "deploy/kubernetes.yaml"))); ; {
		var m manifest
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[m.Kind] = m
	}
}

func TestImagesOfOthersArePinnedToTheirContent(t *testing.T) {
	pinned := regexp.MustCompile(`^[a-z]+:[0-9]+\.[0-9.]+@sha256:[0-9a-f]{64}$`)
	images := map[string]string{}
	for name, s := range compose(t).Services {
		if s.Build == nil {
			images["the service "+name] = s.Image
		}
	}
	for line := range strings.Lines(readFile(t, "Dockerfile")) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "FROM" && words[1] != "scratch" {
			images["a stage of the Dockerfile"] = words[1]
		}
	}
	for where, image := range images {
		if !pinned.MatchString(image) {
			t.Errorf("%s is from %q, want its release and its digest", where, image)
		}
	}
	if len(images) < 3 {
		t.Errorf("there are only the images %v", images)
	}
}

func TestDeploymentsServeWithoutTheRightsOfTheOwner(t *testing.T) {
	services := compose(t).Services
	for name, role := range map[string]string{"migrate": "postgres", "exchequer-1": "exchequer_serve", "exchequer-2": "exchequer_serve", "exchequer-3": "exchequer_serve"} {
		if url := services[name].Environment["DATABASE_URL"]; !strings.HasPrefix(url, "postgres://"+role+":") {
			t.Errorf("compose: %s connects to %s, want as %s", name, url, role)
		}
		if services[name].MemLimit == "" {
			t.Errorf("compose: the memory of %s has no limit", name)
		}
	}
	pod := manifests(t)["Deployment"].Spec.Template.Spec
	for secret, containers := range map[string][]container{"exchequer-owner": pod.InitContainers, "exchequer-serve": pod.Containers} {
		if len(containers) != 1 || containers[0].secret("DATABASE_URL") != secret || containers[0].Resources.Limits["memory"] == "" || !strings.Contains(containers[0].Image, ":") {
			t.Errorf("kubernetes: %+v, want one container with the database of %s, a limit of memory and an image with a tag", containers, secret)
		}
	}
	if ports := manifests(t)["Service"].Spec.Ports; len(ports) != 1 || ports[0].TargetPort != "http" {
		t.Errorf("kubernetes: the service has the ports %v, want the public one alone", ports)
	}
}

func TestComposesRedisHasTheDocumentedUserAlone(t *testing.T) {
	users := func(text string) []string {
		return regexp.MustCompile(`(?m)^user .*$`).FindAllString(text, -1)
	}
	documented := users(readFile(t, "docs/operations.md"))
	if len(documented) != 1 {
		t.Fatalf("docs/operations.md has the users %q", documented)
	}
	want := []string{"user default off", strings.NewReplacer("TENANT", "default", "PASSWORD", "$$REDIS_PASSWORD").Replace(documented[0])}
	if got := users(strings.Join(compose(t).Services["redis"].Command, "\n")); !slices.Equal(got, want) {
		t.Errorf("compose's Redis has\n%q\nwant\n%q", got, want)
	}
}
