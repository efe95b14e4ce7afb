package main

import (
	"encoding/json"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
)

// composeNodes is the file for several servers.
const composeNodes = "docs/deploy/compose-nodes.yaml"

// composed is what a Compose file says, as far as these tests look at it.
type composed struct {
	Services map[string]struct {
		Image       string
		Environment map[string]string
		Volumes     []string
		Expose      []string
		Command     []string
		Networks    any
		DependsOn   any    `json:"depends_on"`
		StopGrace   string `json:"stop_grace_period"`
	}
	Volumes, Networks map[string]any
}

func readCompose(t *testing.T, name string) (c composed) {
	t.Helper()
	values, err := yaml.Parser().Unmarshal([]byte(readFile(t, name)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := json.Marshal(values)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

// names are those of a list or a map, either of which Compose takes.
func namesIn(v any) (names []string) {
	switch v := v.(type) {
	case []any:
		for _, name := range v {
			names = append(names, name.(string))
		}
	case map[string]any:
		names = slices.Collect(maps.Keys(v))
	}
	return names
}

// environ is the environment that the image gives, and the file's, with the secrets' files in a directory of the test.
func environ(t *testing.T, environment map[string]string) (variables []string) {
	t.Helper()
	for _, line := range regexp.MustCompile(`(?m)^ENV (.*)$`).FindAllStringSubmatch(readFile(t, "Dockerfile"), -1) {
		variables = append(variables, strings.Fields(line[1])...)
	}
	for name, value := range environment {
		if strings.HasSuffix(name, envFile) {
			path := filepath.Join(t.TempDir(), filepath.Base(value))
			if err := os.WriteFile(path, []byte(cherryKey+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			value = path
		}
		variables = append(variables, name+"="+value)
	}
	return variables
}

// What the Compose files say to seshd is what it knows, and what they name is there.
func TestComposeFiles(t *testing.T) {
	for name, nodes := range map[string]int{"compose.yaml": 1, composeNodes: 2} {
		t.Run(name, func(t *testing.T) {
			c := readCompose(t, name)
			found := 0
			for service, s := range c.Services {
				for _, wanted := range namesIn(s.DependsOn) {
					if _, there := c.Services[wanted]; !there {
						t.Errorf("%s depends on %s, which is no service", service, wanted)
					}
				}
				for _, wanted := range namesIn(s.Networks) {
					if _, there := c.Networks[wanted]; !there {
						t.Errorf("%s is on %s, which is no network", service, wanted)
					}
				}
				for _, volume := range s.Volumes {
					source, _, _ := strings.Cut(volume, ":")
					_, there := c.Volumes[source]
					if strings.HasPrefix(source, ".") {
						_, err := os.Stat(filepath.Join(repoRoot(t), filepath.Dir(name), source))
						there = err == nil
					}
					if !there {
						t.Errorf("%s mounts %s, which is not there", service, source)
					}
				}
				if s.Image != "seshd" {
					continue
				}
				found++
				settings, err := loadWith(t, s.Command, environ(t, s.Environment))
				if err == nil {
					err = settings.clashes()
				}
				if err != nil {
					t.Errorf("%s: %v", service, err)
				}
				if grace, err := time.ParseDuration(s.StopGrace); err != nil || grace <= time.Duration(settings.shutdownTimeout) {
					t.Errorf("%s is killed after %q, and takes up to %v to stop", service, s.StopGrace, time.Duration(settings.shutdownTimeout))
				}
			}
			if found != nodes {
				t.Errorf("%d services run seshd, want %d", found, nodes)
			}
		})
	}
}

// The parts of the deployment with several servers name each other as they are.
func TestNodesAndTheirProxiesAgree(t *testing.T) {
	c := readCompose(t, composeNodes)
	address := ""
	if front, ok := c.Services["caddy"].Networks.(map[string]any)["front"].(map[string]any); ok {
		address, _ = front["ipv4_address"].(string)
	}
	for _, name := range []string{"Caddyfile-nodes", "nginx-nodes.conf"} {
		text := readFile(t, "docs/deploy/"+name)
		for service, s := range c.Services {
			if s.Image != "seshd" {
				continue
			}
			if !strings.Contains(text, service+":8000") {
				t.Errorf("%s does not know %s", name, service)
			}
			if trusted := s.Environment["SESHD_TRUSTED_PROXIES"]; address == "" || trusted != address {
				t.Errorf("%s trusts %q, the proxy is at %q", service, trusted, address)
			}
			settings, err := loadWith(t, nil, environ(t, s.Environment))
			_, public, _ := net.SplitHostPort(string(settings.addr))
			_, internal, _ := net.SplitHostPort(string(settings.internalAddr))
			if err != nil || !slices.Equal(s.Expose, []string{public, internal}) {
				t.Errorf("%s listens at %s and %s and exposes %q (%v)", service, public, internal, s.Expose, err)
			}
			if name == "Caddyfile-nodes" && !strings.Contains(text, "health_port "+internal+"\n") {
				t.Errorf("%s does not ask port %s", name, internal)
			}
		}
	}
}
