package main

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
)

// traefik is what its file says, as far as one part of it names another.
type traefik struct {
	EntryPoints map[string]struct {
		HTTP struct {
			Redirections struct{ EntryPoint struct{ To, Scheme string } }
		}
	}
	CertificatesResolvers map[string]any
	Providers             struct{ File struct{ Filename string } }
	HTTP                  struct {
		Routers map[string]struct {
			EntryPoints   []string
			Rule, Service string
			TLS           *struct{ CertResolver string }
		}
		Services map[string]struct {
			LoadBalancer struct{ Servers []struct{ URL string } }
		}
	}
}

// Debian has no Traefik to run; what can be seen of its file is that its parts name each other as they are.
func TestTheTraefikFileNamesWhatIsInIt(t *testing.T) {
	text := readFile(t, "docs/deploy/traefik.yaml")
	values, err := yaml.Parser().Unmarshal([]byte(text))
	var file traefik
	if err == nil {
		var again []byte
		if again, err = json.Marshal(values); err == nil {
			err = json.Unmarshal(again, &file)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if name := file.Providers.File.Filename; !strings.Contains(text, "Copy it to "+name+", ") {
		t.Errorf("the dynamic part is looked for in %q", name)
	}
	for name, point := range file.EntryPoints {
		if to := point.HTTP.Redirections.EntryPoint; to.To != "" && (file.EntryPoints[to.To].HTTP.Redirections.EntryPoint.To != "" || to.Scheme != "https") {
			t.Errorf("%s redirects to %+v", name, to)
		}
	}
	for name, router := range file.HTTP.Routers {
		if len(file.HTTP.Services[router.Service].LoadBalancer.Servers) == 0 || !strings.HasPrefix(router.Rule, "Host(`") {
			t.Errorf("%s: %s leads to %q", name, router.Rule, router.Service)
		}
		for _, point := range router.EntryPoints {
			if _, there := file.EntryPoints[point]; !there {
				t.Errorf("%s is at %q, which is no entry point", name, point)
			}
		}
		if router.TLS == nil || file.CertificatesResolvers[router.TLS.CertResolver] == nil {
			t.Errorf("%s has the certificates of %+v", name, router.TLS)
		}
	}
	if len(file.HTTP.Routers) != 1 {
		t.Errorf("%d routers", len(file.HTTP.Routers))
	}
}

var startsSeshd = regexp.MustCompile(`(?m)^#   seshd (.+)$`)

// Each proxy before one server is told where that listens, when it is started as the file says, and is trusted by it.
func TestProxiesLeadToSeshdAsTheirFilesStartIt(t *testing.T) {
	for _, name := range []string{"nginx.conf", "Caddyfile", "traefik.yaml"} {
		text := readFile(t, "docs/deploy/"+name)
		line := startsSeshd.FindStringSubmatch(text)
		if line == nil {
			t.Errorf("%s does not say how seshd is started", name)
			continue
		}
		c, err := loadWith(t, strings.Fields(line[1]), nil)
		if err == nil {
			err = c.clashes()
		}
		if err != nil || strings.Count(text, string(c.addr)) < 2 || len(c.trustedProxies) != 1 || !c.trustedProxies[0].Contains(netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("%s: seshd %s: %v", name, line[1], err)
		}
	}
}
