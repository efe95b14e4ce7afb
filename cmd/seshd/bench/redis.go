package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// redisReading is what a Redis had used up to a moment, as its INFO says.
type redisReading struct {
	cpu      time.Duration // of all its threads
	commands float64
	sent     float64 // bytes, to all its clients
	memory   float64 // bytes
}

// readRedis asks for one INFO over a connection of its own: it is no load.
func readRedis(ctx context.Context, addr string) (r redisReading, err error) {
	dialer := net.Dialer{Timeout: scrapeTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return r, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(scrapeTimeout)); err != nil {
		return r, err
	}
	if _, err := io.WriteString(conn, "INFO\r\nQUIT\r\n"); err != nil {
		return r, err
	}
	return parseInfo(conn)
}

func parseInfo(from io.Reader) (r redisReading, err error) {
	found := 0
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if text, refused := strings.CutPrefix(lines.Text(), "-"); refused {
			return r, errors.New(text)
		}
		name, text, _ := strings.Cut(lines.Text(), ":")
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			continue
		}
		found++
		switch name {
		case "used_cpu_sys", "used_cpu_user":
			r.cpu += seconds(value)
		case "total_commands_processed":
			r.commands = value
		case "total_net_output_bytes":
			r.sent = value
		case "used_memory":
			r.memory = value
		default:
			found--
		}
	}
	const wanted = 5
	if err := lines.Err(); err != nil {
		return r, err
	}
	if found != wanted {
		return r, fmt.Errorf("its INFO has %d of the %d figures that are looked for", found, wanted)
	}
	return r, nil
}

// describeRedis adds what a number of things cost Redis between two readings.
func (m *meter) describeRedis(r *Report, key, what string, before, after reading, count float64) {
	if m.redis == "" || count == 0 {
		return
	}
	a, b := before.redis, after.redis
	r.add("redis_cpu_us_per_"+key, "µs", "Redis CPU per "+what, float64(b.cpu-a.cpu)/float64(time.Microsecond)/count)
	r.add("redis_commands_per_"+key, "", "commands of Redis per "+what, (b.commands-a.commands)/count)
	r.add("redis_bytes_per_"+key, "bytes", "sent by Redis per "+what, (b.sent-a.sent)/count)
}

// describeRedisMemory adds what a number of things take in Redis.
func (m *meter) describeRedisMemory(r *Report, key, what string, before, after reading, count float64) {
	if m.redis != "" {
		r.add("redis_memory_per_"+key, "bytes", "memory of Redis per "+what, (after.redis.memory-before.redis.memory)/count)
	}
}
