package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

const (
	defaultPort         = "6379"
	defaultSentinelPort = "26379"
	bufferBytes         = 64 << 10 // of each connection; the client's own half megabyte is for bulk loads
)

// CheckURL says whether a text names a Redis the way Open wants it.
func CheckURL(text string) error {
	_, err := parseURL(text)
	return err
}

// parseURL reads what a person would write:
//
//	redis://user:password@host:port/0
//	rediss://host                      over TLS
//	redis://a,b,c                      a cluster, found at any of these; of one address: ?cluster
//	redis://a,b,c?master=name          the primary that these sentinels watch under the name
func parseURL(text string) (o rueidis.ClientOption, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found || scheme != "redis" && scheme != "rediss" {
		return o, errors.New("want redis://host:port or rediss://host:port")
	}
	rest, query, _ := strings.Cut(rest, "?")
	rest, database, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(rest, "@")
	hosts := rest[at+1:]
	u, err := url.Parse(scheme + "://" + rest[:at+1] + "host")
	if err != nil {
		return o, errors.New("want user:password@ before the host, with what is special in them escaped as %40")
	}
	o.Username = u.User.Username()
	o.Password, _ = u.User.Password()
	values, err := url.ParseQuery(query)
	if err != nil {
		return o, fmt.Errorf("after the question mark: %w", err)
	}
	port := defaultPort
	cluster := strings.Contains(hosts, ",")
	for name := range values {
		switch value := values.Get(name); {
		case name == "cluster" && (value == "" || value == "true"):
			cluster = true
		case name == "master" && value != "":
			o.Sentinel.MasterSet, port = value, defaultSentinelPort
		default:
			return o, fmt.Errorf("after the question mark come master=<name> or cluster, not %q", name+"="+value)
		}
	}
	if o.Sentinel.MasterSet != "" {
		if values.Has("cluster") {
			return o, errors.New("master= is for sentinels, and cluster is for a cluster: give one of them")
		}
		cluster = false
	}
	if o.InitAddress, err = addresses(hosts, port); err != nil {
		return o, err
	}
	if database != "" {
		if o.SelectDB, err = strconv.Atoi(database); err != nil || o.SelectDB < 0 || cluster && o.SelectDB > 0 {
			return o, fmt.Errorf("the database is a number, and 0 in a cluster, not %q", database)
		}
	}
	if scheme == "rediss" {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		o.Sentinel.TLSConfig = o.TLSConfig
	}
	o.ForceSingleClient = !cluster && o.Sentinel.MasterSet == ""
	o.ClientName = "seshd"
	o.DisableCache = true // nobody may read what is out of date
	o.ReadBufferEachConn, o.WriteBufferEachConn = bufferBytes, bufferBytes
	o.ConnWriteTimeout = commandTimeout // a connection that is silent for longer is dead
	o.Sentinel.TopologyRefreshInterval = retryFor
	return o, nil
}

func addresses(hosts, port string) (all []string, err error) {
	for address := range strings.SplitSeq(hosts, ",") {
		if address == "" {
			return nil, errors.New("want a host after redis://")
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			address = net.JoinHostPort(strings.Trim(address, "[]"), port)
		}
		_, given, err := net.SplitHostPort(address)
		if err == nil {
			_, err = strconv.ParseUint(given, 10, 16)
		}
		if err != nil {
			return nil, errors.New("want host or host:port after redis://, several separated by commas")
		}
		all = append(all, address)
	}
	return all, nil
}

// Redact takes the password out of a URL, for logs.
func Redact(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}
