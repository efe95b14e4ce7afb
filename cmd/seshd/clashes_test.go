package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheTourIsOffWithTLSUnlessAskedFor(t *testing.T) {
	withTLS := []string{"--tls-cert=a.pem", "--tls-key=b.pem"}
	for _, test := range []struct {
		args, environ []string
		yaml          string
		want          toggle
	}{
		{want: true},
		{args: []string{"--tour=false"}, want: false},
		{args: withTLS, want: false},
		{args: append(withTLS, "--tour"), want: true},
		{args: append(withTLS, "--tour=false"), want: false},
		{args: withTLS, environ: []string{"SESHD_TOUR=true"}, want: true},
		{args: withTLS, yaml: "tour: true", want: true},
		{environ: []string{"SESHD_TLS_CERT=a.pem"}, want: false},
		{yaml: "tls-cert: a.pem", want: false},
		{args: []string{"--acme-domain=shop.example"}, want: false},
		{args: []string{"--acme-domain=shop.example", "--tour"}, want: true},
		{args: []string{"--store=redis://localhost"}, want: false},
		{args: []string{"--store=redis://localhost", "--tour"}, want: true},
		{args: []string{"--store=embedded"}, want: true},
	} {
		args := test.args
		if test.yaml != "" {
			args = append(args[:len(args):len(args)], "--config="+writeFile(t, "seshd.yaml", test.yaml))
		}
		c, err := loadWith(t, args, test.environ)
		if err != nil {
			t.Fatal(err)
		}
		if c.tour != test.want {
			t.Errorf("%q %q %q: tour is %v", test.args, test.environ, test.yaml, c.tour)
		}
	}
}

func TestSettingsThatDoNotGoTogether(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string // empty: they do
	}{
		{[]string{"--tls-cert=a.pem"}, "--tls-cert is set and --tls-key is not"},
		{[]string{"--tls-key=a.pem"}, "--tls-key is set and --tls-cert is not"},
		{[]string{"--tls-key=a.pem", "--cookie-samesite=none"}, "--tls-key is set and --tls-cert is not"},
		{[]string{"--cookie-samesite=none"}, "--cookie-samesite=none needs HTTPS"},
		{[]string{"--cookie-samesite=none", "--trusted-proxies=10.0.0.0/8"}, ""},
		{[]string{"--cookie-samesite=none", "--tls-cert=a.pem", "--tls-key=b.pem"}, ""},
		{[]string{"--cookie-samesite=strict"}, ""},
		{[]string{"--cookie-samesite=none", "--acme-domain=shop.example"}, ""},
		{[]string{"--acme-domain=shop.example", "--tls-cert=a.pem", "--tls-key=b.pem"}, "either from a CA or from files"},
		{[]string{"--acme-domain=shop.example", "--store=redis://localhost", "--secret-key=" + cookieKey}, "--acme-domain is set and --store is a Redis"},
		{[]string{"--redirect-addr=:80"}, "there is no HTTPS to lead to"},
		{[]string{"--redirect-addr=:80", "--acme-domain=shop.example"}, ""},
		{[]string{"--redirect-addr=:80", "--tls-cert=a.pem", "--tls-key=b.pem"}, ""},
		{[]string{"--store=redis://localhost"}, "--secret-key is not set"},
		{[]string{"--store=redis://localhost", "--secret-key=" + cookieKey}, ""},
		{[]string{"--redis-wait=1"}, "no replicas to wait for"},
		{[]string{"--store=redis://localhost", "--secret-key=" + cookieKey, "--redis-wait=1"}, ""},
	} {
		c, err := loadWith(t, test.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = c.clashes()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.args, err, test.want)
		}
		if test.want == "" {
			continue
		}
		var out bytes.Buffer
		if code := run(test.args, nil, &out, &out); code != 1 || !strings.Contains(out.String(), test.want) {
			t.Errorf("%q: exit %d, %s", test.args, code, &out)
		}
	}
}

// What a server is told by flags, a health check beside it cannot see.
func TestHealthMindsItsOwnSettings(t *testing.T) {
	var out bytes.Buffer
	run([]string{"health", "--internal-addr="}, []string{"SESHD_COOKIE_SAMESITE=none", "SESHD_TLS_KEY=a.pem"}, &out, &out)
	if !strings.Contains(out.String(), "nobody to ask") || strings.Contains(out.String(), "HTTPS") {
		t.Errorf("%s", &out)
	}
}
