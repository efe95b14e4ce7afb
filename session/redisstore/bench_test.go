package redisstore

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
	"github.com/seshd/seshd/session/redisstore/redistest"
)

// BenchmarkWrites says what a write to one of many sessions of 1 KB costs, and Redis its memory.
func BenchmarkWrites(b *testing.B) {
	const sessions = 2000
	for _, writers := range []int{1, 16, 128} {
		b.Run(fmt.Sprint(writers, " writers"), func(b *testing.B) {
			redis := redistest.Start(b)
			s, err := Open(b.Context(), redis.URL(), Options{Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			handle := func(n int) session.Handle {
				h := visitor(byte(n))
				h.ID[1], h.Device[1], h.Key[1] = byte(n>>8), byte(n>>8), byte(n>>8)
				return h
			}
			write := func(h session.Handle) {
				m := session.Mutation{
					Incr: map[string]json.RawMessage{"n": json.RawMessage("1")},
					Set:  map[string]json.RawMessage{"cart": json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)},
				}
				done := make(chan error, 1)
				s.Update(session.Update{Handle: h, Change: func(r *session.Record) (*session.Record, error) {
					next, _, err := r.Mutate(session.Write{Handle: h, By: session.ByTab, Mutation: &m, Timing: session.Timing{Idle: time.Hour}, Now: time.Now()})
					return next, err
				}, Done: func(_ *session.Record, err error) { done <- err }})
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
			all := func(n int, do func(int)) {
				var wait sync.WaitGroup
				var next atomic.Int64
				for range writers {
					wait.Go(func() {
						for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
							do(i)
						}
					})
				}
				wait.Wait()
			}
			empty := info(redis, "memory", "used_memory")
			all(sessions, func(i int) { write(handle(i)) })
			memory := (info(redis, "memory", "used_memory") - empty) / sessions
			cpu := info(redis, "cpu", "used_cpu_user") + info(redis, "cpu", "used_cpu_sys")
			commands := info(redis, "stats", "total_commands_processed")
			b.ResetTimer()
			all(b.N, func(i int) { write(handle(i%sessions + 1)) })
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric((info(redis, "cpu", "used_cpu_user")+info(redis, "cpu", "used_cpu_sys")-cpu)*1e6/n, "redis-µs/op")
			b.ReportMetric((info(redis, "stats", "total_commands_processed")-commands)/n, "commands/op")
			b.ReportMetric(memory, "redis-B/session")
			b.ReportMetric(n/b.Elapsed().Seconds(), "writes/s")
		})
	}
}

// info is a number out of INFO.
func info(redis *redistest.Server, section, name string) float64 {
	v, _ := strconv.ParseFloat(infoField(redis.Info(section), name), 64)
	return v
}
