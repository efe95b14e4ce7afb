package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seshd/seshd/web"
)

// foreignOrigins are tricks on a server at s.url that allows https://shop.example and http://app.example:3000.
func foreignOrigins(s *server) map[string][]string {
	host := strings.TrimPrefix(s.url, "http://")
	port := host[strings.LastIndex(host, ":"):]
	return map[string][]string{
		"another site":                  {"https://evil.example"},
		"null":                          {"null"},
		"empty":                         {""},
		"the own host as a prefix":      {s.url + ".evil.example"},
		"the own host as a user":        {"http://" + host + "@evil.example"},
		"the own host in a path":        {"http://evil.example/" + s.url},
		"the own host with a path":      {s.url + "/"},
		"the own host with a query":     {s.url + "?"},
		"the own host as a suffix":      {"http://evil" + host},
		"another port":                  {"http://127.0.0.1:1"},
		"no port":                       {"http://127.0.0.1"},
		"another scheme":                {"https://" + host},
		"a scheme of a socket":          {"ws://" + host},
		"no scheme":                     {host},
		"another name of the machine":   {"http://localhost" + port},
		"two headers, both good":        {s.url, s.url},
		"two headers, one good":         {s.url, "https://evil.example"},
		"two in one header":             {s.url + ", https://evil.example"},
		"two with a space":              {s.url + " https://evil.example"},
		"an allowed one by http":        {"http://shop.example"},
		"an allowed one's prefix":       {"https://shop.example.evil.example"},
		"an allowed one's suffix":       {"https://evilshop.example"},
		"an allowed one's subdomain":    {"https://x.shop.example"},
		"an allowed one's other port":   {"https://shop.example:8443"},
		"an allowed one's dot":          {"https://shop.example."},
		"an allowed one without port":   {"http://app.example"},
		"an allowed one with a path":    {"https://shop.example/x"},
		"an allowed one in upper case":  {"HTTPS://SHOP.EXAMPLE/"},
		"an allowed one, other charset": {"https://ѕhop.example"},
	}
}

var allowing = setup{web: web.Options{AllowedOrigins: []string{"https://shop.example", "http://app.example:3000"}}}

func TestAForeignOriginIsRefusedBeforeTheUpgrade(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	for name, origins := range foreignOrigins(s) {
		var headers []string
		for _, origin := range origins {
			headers = append(headers, "Origin", origin)
		}
		x, response, err := b.dial("", headers...)
		if err == nil {
			x.conn.Close()
			t.Errorf("%s: %q was let in", name, origins)
			continue
		}
		if response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v %v", name, err, response)
		}
	}
}

func TestAnOwnAllowedOrMissingOriginIsLetIn(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	for _, headers := range [][]string{{}, {"Origin", s.url}, {"Origin", "https://shop.example"}, {"Origin", "http://app.example:3000"}} {
		x := b.open("", headers...)
		if f := x.next(); f.Type != "session" {
			t.Errorf("%v: %s", headers, f.line)
		}
		b.post(`{"incr":{"n":1}}`, headers...).want(200)
	}
}

func TestRequireOriginRefusesAMissingOne(t *testing.T) {
	s := start(t, setup{web: web.Options{RequireOrigin: true}})
	b := s.visit()
	if _, response, err := b.dial(""); err == nil || response.StatusCode != http.StatusForbidden {
		t.Errorf("got %v %v", err, response)
	}
	b.open("", "Origin", s.url).next()
}

func TestWritesOfForeignOriginsAreRefused(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	tricks := foreignOrigins(s)
	for name, origins := range tricks {
		var headers []string
		for _, origin := range origins {
			headers = append(headers, "Origin", origin)
		}
		for _, a := range []answer{
			b.post(`{"set":{"a":1}}`, headers...), b.do("PUT", "/session/keys/a", `1`, headers...), b.do("DELETE", "/session/keys/a", "", headers...),
			b.do("PATCH", "/session", `{"a":1}`, append(headers, "Content-Type", "application/merge-patch+json")...),
			b.do("DELETE", "/session", "", headers...), b.do("POST", "/session/ticket", "", headers...),
		} {
			if a.status != http.StatusForbidden {
				t.Errorf("%s: %s gave %d", name, a.what, a.status)
				continue
			}
			a.guarded().problem(403, "foreign_origin")
		}
	}
	if tag := b.get("/session").header.Get("ETag"); tag != `"`+b.id()+`:0"` {
		t.Errorf("something was written: %s", tag)
	}
}

func TestTheBrowsersOwnWordOnCrossSiteIsHeard(t *testing.T) {
	s := start(t, allowing)
	b := s.visit()
	for _, site := range []string{"cross-site", "same-site"} {
		b.post(`{"set":{"a":1}}`, "Sec-Fetch-Site", site).guarded().problem(403, "foreign_origin")
		b.do("DELETE", "/session", "", "Sec-Fetch-Site", site).guarded().problem(403, "foreign_origin")
		b.post(`{"set":{"a":1}}`, "Sec-Fetch-Site", site, "Origin", "https://shop.example").want(200)
	}
	for _, site := range []string{"same-origin", "none"} {
		b.post(`{"set":{"a":1}}`, "Sec-Fetch-Site", site).want(200)
	}
	b.get("/session", "Sec-Fetch-Site", "cross-site").want(200) // reads go by what the browser lets the page see
}

// Browsers write hosts in lower case and leave default ports out; whoever configures a server may not.
func TestAnAllowedOriginMayBeWrittenInOtherWays(t *testing.T) {
	s := start(t, setup{web: web.Options{AllowedOrigins: []string{"https://Shop.Example:443", "http://app.example:80"}}})
	b := s.visit()
	for _, origin := range []string{"https://shop.example", "http://app.example"} {
		b.post(`{"incr":{"n":1}}`, "Origin", origin, "Sec-Fetch-Site", "cross-site").want(200)
		if got := b.get("/session", "Origin", origin).header.Get("Access-Control-Allow-Origin"); got != origin {
			t.Errorf("got %q", got)
		}
		b.open("", "Origin", origin).next()
	}
}

func TestAnOriginThatIsNoneIsAMistakeAtTheStart(t *testing.T) {
	for _, origin := range []string{"shop.example", "https://shop.example/", "*", "null", "https://*.shop.example/x", "ftp://shop.example", "https://"} {
		if web.CheckOrigin(origin) == nil {
			t.Errorf("%q passes for an origin", origin)
		}
	}
}
