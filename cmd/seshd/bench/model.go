package bench

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Site is what is asked of a deployment on Redis, and what its machines have.
type Site struct {
	Tabs           float64 // open at once
	TabsPerSession float64
	WritesPerTab   float64 // a second
	Stay           float64 // seconds that a tab stays open
	Stored         float64 // sessions that are kept for each that has tabs open
	SessionBytes   float64
	ChangeBytes    float64 // the values of one mutation

	Cores, Memory, Network float64 // of a server: bytes, bits a second
	RedisMemory            float64 // of one Redis, which uses one core
	Use                    float64 // the part of all that may be used: the rest is for the others when one fails
}

// DefaultSite is a site of moderate visitors on common machines.
func DefaultSite() Site {
	return Site{
		Tabs: 100e6, TabsPerSession: 2, WritesPerTab: 0.01, Stay: 600, Stored: 10, SessionBytes: 1000, ChangeBytes: 100,
		Cores: 16, Memory: 64 << 30, Network: 10e9, RedisMemory: 32 << 30, Use: 0.5,
	}
}

// Plan is what a site takes.
type Plan struct {
	Writes, Deliveries, Opens float64 // a second
	Nodes, Shards             bound
	ToTabs, FromRedis         float64 // bits a second, all in all
	NodeMemory, RedisMemory   float64 // bytes, all in all
}

// bound is how many of something are needed, and for what.
type bound struct {
	Count float64
	For   string
}

// most is the need that decides.
func most(needs ...bound) bound {
	b := needs[0]
	for _, need := range needs {
		if need.Count > b.Count {
			b = need
		}
	}
	b.Count = max(1, math.Ceil(b.Count))
	return b
}

// Plan reckons with measured costs (costs.go). It says what is needed at least: no machine was measured under such a load.
func (s Site) Plan() (p Plan, err error) {
	for _, v := range []float64{s.Tabs, s.TabsPerSession, s.Stay, s.Stored, s.Cores, s.Memory, s.Network, s.RedisMemory, s.Use} {
		if !(v > 0) {
			return p, errors.New("want more than zero of all but writes and bytes")
		}
	}
	if s.Use > 1 || s.Stored < 1 || s.TabsPerSession < 1 || s.WritesPerTab < 0 || s.SessionBytes < 0 || s.ChangeBytes < 0 {
		return p, errors.New("want at least one tab and one stored session for each open one, at most all of a machine, and nothing below zero")
	}
	const micro = 1e-6
	p.Writes = s.Tabs * s.WritesPerTab
	p.Deliveries = p.Writes * s.TabsPerSession
	p.Opens = s.Tabs / s.Stay
	packets := s.Tabs/pingPeriod*weightOfPing + p.Deliveries*(weightOfPacket+weightOfChange+s.ChangeBytes)
	p.ToTabs = 8 * packets

	// The tabs of a session are on servers of their own, where there are that many: a write is heard by each. A few turns, since how
	// many there are decides how many hear.
	p.Nodes.Count = 1
	for range 4 {
		hearing := min(s.TabsPerSession, p.Nodes.Count)
		cpu := micro * (s.Tabs*costOfIdle + 2*p.Opens*costOfOpen + p.Writes*(costOfWrite+costOfHearing*(hearing-1)) + p.Deliveries*costOfDelivery)
		p.FromRedis = 8 * p.Writes * hearing * (s.SessionBytes + weightOfNews)
		p.NodeMemory = s.Tabs*costOfTab + s.Tabs/s.TabsPerSession*hearing*s.SessionBytes
		p.Nodes = most(
			bound{p.NodeMemory / (s.Memory * s.Use), "memory"},
			bound{cpu / (s.Cores * s.Use), "CPU"},
			bound{(p.ToTabs + p.FromRedis) / (s.Network * s.Use), "network"},
		)
	}
	open := s.Tabs / s.TabsPerSession
	p.RedisMemory = open*s.Stored*(s.SessionBytes+redisCostOfKept) + s.Tabs*redisCostOfTab
	redis := micro * (s.Tabs*redisCostOfIdle + 2*p.Opens*redisCostOfOpen + p.Writes*redisCostOfSave)
	counting := 8 * 2 * p.Opens * p.Nodes.Count * weightOfNode // a tab that comes or goes brings a list of the servers that live
	p.Shards = most(
		bound{p.RedisMemory / (s.RedisMemory * s.Use), "memory"},
		bound{redis / s.Use, "CPU"},
		bound{(p.FromRedis + counting) / (s.Network * s.Use), "network"},
	)
	return p, nil
}

// Report tells a plan to a person or a program.
func (p Plan) Report() *Report {
	r := &Report{Scenario: "model"}
	r.add("writes_per_second", "/s", "writes", p.Writes)
	r.add("deliveries_per_second", "/s", "changes to tabs", p.Deliveries)
	r.add("opens_per_second", "/s", "tabs that come, and as many that go", p.Opens)
	r.add("nodes", "", "servers, for their "+p.Nodes.For, p.Nodes.Count)
	r.add("redis_shards", "", "primaries of Redis, for their "+p.Shards.For, p.Shards.Count)
	r.add("node_memory_bytes", "bytes", "memory of all servers", p.NodeMemory)
	r.add("redis_memory_bytes", "bytes", "memory of all primaries", p.RedisMemory)
	r.add("to_tabs_bits", "bit/s", "to all tabs", p.ToTabs)
	r.add("from_redis_bits", "bit/s", "from Redis to all servers", p.FromRedis)
	return r
}

// PlanTable is the table of docs/deploy.md: what a site takes as it grows.
func PlanTable(s Site, tabs ...float64) (string, error) {
	var b strings.Builder
	b.WriteString("| tabs | writes/s | servers | Redis primaries | memory of the servers | of Redis | to the tabs | from Redis |\n" +
		"| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, s.Tabs = range tabs {
		p, err := s.Plan()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "| %s | %s | %s (%s) | %s (%s) | %s | %s | %s | %s |\n", Readable(s.Tabs), Readable(p.Writes), Readable(p.Nodes.Count), p.Nodes.For,
			Readable(p.Shards.Count), p.Shards.For, scaled(p.NodeMemory, "B"), scaled(p.RedisMemory, "B"), scaled(p.ToTabs, "bit/s"), scaled(p.FromRedis, "bit/s"))
	}
	return b.String(), nil
}

// scaled writes a large number with two digits and a prefix.
func scaled(v float64, unit string) string {
	for _, prefix := range []struct {
		name string
		size float64
	}{{"T", 1e12}, {"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if v >= prefix.size {
			digits := cmp.Compare(10, v/prefix.size) // one behind the point below ten
			return fmt.Sprintf("%.*f %s%s", max(0, digits), v/prefix.size, prefix.name, unit)
		}
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}
