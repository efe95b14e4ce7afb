package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestInfoOfRedis(t *testing.T) {
	const info = "$90\r\n# Server\r\nredis_version:7.0.15\r\nused_memory:1000\r\nused_memory_human:1K\r\nused_cpu_sys:1.5\r\nused_cpu_user:0.25\r\n" +
		"used_cpu_sys_children:9\r\ntotal_commands_processed:30\r\ntotal_net_output_bytes:4000\r\n\r\n+OK\r\n"
	r, err := parseInfo(strings.NewReader(info))
	if want := (redisReading{cpu: 1750 * time.Millisecond, commands: 30, sent: 4000, memory: 1000}); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	for text, want := range map[string]string{
		"-NOAUTH Authentication required.\r\n+OK\r\n":     "NOAUTH",
		"HTTP/1.1 400 Bad Request\r\n\r\n":                "0 of the 5",
		strings.Replace(info, "used_memory:", "used:", 1): "4 of the 5",
	} {
		if _, err := parseInfo(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestDescribeRedis(t *testing.T) {
	after := reading{redis: redisReading{cpu: 3 * time.Second, commands: 2e6, sent: 5e6, memory: 9e6}}
	var r Report
	(&meter{redis: "a:1"}).describeRedis(&r, "write", "write", reading{}, after, 1e6)
	(&meter{redis: "a:1"}).describeRedisMemory(&r, "tab", "tab", reading{}, after, 1e6)
	new(meter).describeRedis(&r, "other", "other", reading{}, after, 1)
	new(meter).describeRedisMemory(&r, "other", "other", reading{}, after, 1)
	got, err := r.MarshalJSON()
	const want = `{"scenario":"","redis_cpu_us_per_write":3,"redis_commands_per_write":2,"redis_bytes_per_write":5,"redis_memory_per_tab":9}`
	if err != nil || !bytes.Equal(got, []byte(want)) {
		t.Errorf("%s %v", got, err)
	}
}
