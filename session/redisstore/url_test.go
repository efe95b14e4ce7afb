package redisstore

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURL(t *testing.T) {
	type want struct {
		Addresses              []string
		User, Password, Master string
		Database               int
		TLS, Single            bool
	}
	for url, want := range map[string]want{
		"redis://localhost":               {Addresses: []string{"localhost:6379"}, Single: true},
		"redis://10.0.0.1:7000/3":         {Addresses: []string{"10.0.0.1:7000"}, Database: 3, Single: true},
		"redis://[::1]:7000":              {Addresses: []string{"[::1]:7000"}, Single: true},
		"redis://[::1]":                   {Addresses: []string{"[::1]:6379"}, Single: true},
		"rediss://ann:p%40ss@cache:7000":  {Addresses: []string{"cache:7000"}, User: "ann", Password: "p@ss", TLS: true, Single: true},
		"redis://:secret@cache":           {Addresses: []string{"cache:6379"}, Password: "secret", Single: true},
		"redis://a,b:7001,c":              {Addresses: []string{"a:6379", "b:7001", "c:6379"}},
		"redis://a?cluster":               {Addresses: []string{"a:6379"}},
		"redis://a,b/1?master=shop":       {Addresses: []string{"a:26379", "b:26379"}, Master: "shop", Database: 1},
		"redis://ann:pw@a:1?master=mymas": {Addresses: []string{"a:1"}, User: "ann", Password: "pw", Master: "mymas"},
	} {
		o, err := parseURL(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := want
		got.Addresses, got.User, got.Password, got.Master = o.InitAddress, o.Username, o.Password, o.Sentinel.MasterSet
		got.Database, got.TLS, got.Single = o.SelectDB, o.TLSConfig != nil, o.ForceSingleClient
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
	const secret = "hush"
	for _, url := range []string{
		"", "localhost:6379", "http://localhost", "redis://", "redis://a,,b", "redis://a:", "redis://a/x", "redis://a/-1", "redis://a,b/1",
		"redis://a?master=", "redis://a?cluster&master=m", "redis://a?db=1", "redis://:hush@", "redis://:%zzhush@a", "redis://:hu/sh@a", "redis://ann:hush",
	} {
		if err := CheckURL(url); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if got := Redact("redis://ann:hush@cache:7000/1"); got != "redis://cache:7000/1" {
		t.Errorf("redacted it is %s", got)
	}
}
