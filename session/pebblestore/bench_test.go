package pebblestore

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// What BenchmarkDurable is about: many sessions, and more writers at once than a disk syncs in a moment.
const (
	benchSessions = 100_000
	benchValue    = 200 // bytes that a session holds beside its counter

	probeEvery = 100 * time.Millisecond // seldom enough to leave the disk to the writers
	probeSize  = 4 << 10
)

// benchWriters are the numbers of writers at once.
var benchWriters = []int{1, 16, 128, 1000}

// BenchmarkDurable measures durable mutations of the store beside the least that durability costs: a log that only appends, and
// shares one fdatasync among all who wait. Both in one run, since a disk is never the same twice:
//
//	go test ./session/pebblestore -run '^$' -bench Durable -benchtime 5s -count 3
//	go test ./session/pebblestore -run '^$' -bench Durable/writers=128 -benchtime 60s # for stalls: max-ms beside fsync-max-ms
func BenchmarkDurable(b *testing.B) {
	s, err := Open(b.TempDir(), Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	handles := fillStore(b, s, benchSessions)
	for _, writers := range benchWriters {
		b.Run(fmt.Sprintf("writers=%d/log", writers), func(b *testing.B) {
			l := openBareLog(b, filepath.Join(b.TempDir(), "log"))
			record := make([]byte, benchRecordSize())
			concurrently(b, writers, func(done func(error)) { l.append(record, done) })
		})
		b.Run(fmt.Sprintf("writers=%d/store", writers), func(b *testing.B) { incrementAny(b, s, handles, writers) })
	}
}

// BenchmarkStored measures the same with ever more sessions in the store, most of which the cache does not hold.
func BenchmarkStored(b *testing.B) {
	for _, sessions := range []int{10_000, 100_000, 1_000_000} {
		s, err := Open(b.TempDir(), Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		handles := fillStore(b, s, sessions)
		b.Run(fmt.Sprintf("sessions=%d/store", sessions), func(b *testing.B) { incrementAny(b, s, handles, 128) })
		s.Close()
	}
}

func incrementAny(b *testing.B, s *Store, handles []session.Handle, writers int) {
	concurrently(b, writers, func(done func(error)) {
		h := handles[rand.IntN(len(handles))]
		s.Update(session.Update{Handle: h, Change: benchChange(h, `{"incr":{"n":1}}`), Done: func(_ *session.Record, err error) { done(err) }})
	})
}

// concurrently lets the writers write, each waiting for its answer, b.N times in all. Beside them a probe appends to a file of its own
// and syncs it: what it waits, the disk makes everybody wait.
func concurrently(b *testing.B, writers int, write func(done func(error))) {
	stop, probed := make(chan struct{}), make(chan time.Duration)
	go func() { probed <- probe(b, filepath.Join(b.TempDir(), "probe"), stop) }()
	var left atomic.Int64
	left.Store(int64(b.N))
	waits := make([][]time.Duration, writers)
	before := cpuTime()
	b.ResetTimer()
	var all sync.WaitGroup
	for n := range waits {
		all.Go(func() {
			answered := make(chan error, 1)
			done := func(err error) { answered <- err }
			for left.Add(-1) >= 0 {
				asked := time.Now()
				write(done)
				if err := <-answered; err != nil {
					b.Error(err)
					return
				}
				waits[n] = append(waits[n], time.Since(asked))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	used := cpuTime() - before
	close(stop)
	b.ReportMetric((<-probed).Seconds()*1e3, "fsync-max-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mutations/s")
	b.ReportMetric(used.Seconds()*1e6/float64(b.N), "cpu-µs/op")
	sorted := slices.Concat(waits...)
	slices.Sort(sorted)
	b.ReportMetric(sorted[len(sorted)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(sorted[len(sorted)*99/100].Seconds()*1e3, "p99-ms")
	b.ReportMetric(sorted[len(sorted)-1].Seconds()*1e3, "max-ms")
	b.ReportMetric(0, "ns/op") // of many at once it says nothing
	b.ReportAllocs()
}

// probe tells the longest that the disk took for a small write.
func probe(b *testing.B, path string, stop <-chan struct{}) (longest time.Duration) {
	file, err := os.Create(path)
	if err != nil {
		b.Error(err)
		return 0
	}
	defer file.Close()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return longest
		case <-tick.C:
		}
		began := time.Now()
		_, err := file.Write(make([]byte, probeSize))
		if err := errors.Join(err, syncData(file)); err != nil {
			b.Error(err)
			return 0
		}
		longest = max(longest, time.Since(began))
	}
}

func fillStore(b *testing.B, s *Store, sessions int) []session.Handle {
	b.Helper()
	handles := make([]session.Handle, sessions)
	var all sync.WaitGroup
	all.Add(len(handles))
	for n := range handles {
		handles[n] = benchHandle(n)
		s.Update(session.Update{
			Handle: handles[n], Change: benchChange(handles[n], benchFirst()),
			Done: func(_ *session.Record, err error) {
				if err != nil {
					b.Error(err)
				}
				all.Done()
			},
		})
	}
	all.Wait()
	return handles
}

func benchHandle(n int) session.Handle {
	now := time.Now()
	h := session.Handle{Issued: now, Ends: now.Add(24 * time.Hour)}
	binary.BigEndian.PutUint64(h.ID[:], rand.Uint64())
	binary.BigEndian.PutUint64(h.ID[8:], uint64(n)+1)
	copy(h.Device[:], h.ID[8:])
	copy(h.Key[:], h.ID[:])
	return h
}

func benchFirst() string {
	value, _ := json.Marshal(string(make([]byte, benchValue/len(`\u0000`))))
	return `{"set":{"value":` + string(value) + `},"incr":{"n":1}}`
}

func benchChange(h session.Handle, text string) func(*session.Record) (*session.Record, error) {
	m, err := session.DecodeMutation([]byte(text))
	if err != nil {
		panic(err)
	}
	return func(r *session.Record) (*session.Record, error) {
		next, _, err := r.Mutate(session.Write{
			Handle: h, By: session.ByTab, Mutation: &m, Timing: session.Timing{Idle: 24 * time.Hour, Grain: 5 * time.Minute}, Now: time.Now(),
		})
		return next, err
	}
}

// benchRecordSize is what a mutation writes at the least: the record whole, as the store has it.
func benchRecordSize() int {
	r, err := benchChange(benchHandle(0), benchFirst())(nil)
	if err != nil {
		panic(err)
	}
	return len(session.AppendRecord(nil, r))
}

// bareLog is a file that is appended to. One goroutine takes all that wait, writes them, syncs once, and answers.
type bareLog struct {
	file *os.File
	wake chan struct{}
	done chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []logEntry
}

type logEntry struct {
	record []byte
	done   func(error)
}

func openBareLog(b *testing.B, path string) *bareLog {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	l := &bareLog{file: file, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.commitAll()
	b.Cleanup(func() {
		close(l.wake)
		<-l.done
		file.Close()
	})
	return l
}

func (l *bareLog) append(record []byte, done func(error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, logEntry{record, done})
	if len(l.waiting) == 1 {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

func (l *bareLog) commitAll() {
	defer close(l.done)
	w := bufio.NewWriterSize(l.file, maxGroupBytes)
	for range l.wake {
		runtime.Gosched()
		l.mu.Lock()
		waiting := l.waiting
		l.waiting = nil
		l.mu.Unlock()
		var length [4]byte
		for _, e := range waiting {
			binary.LittleEndian.PutUint32(length[:], uint32(len(e.record)))
			w.Write(length[:]) // bufio keeps the error for Flush
			w.Write(e.record)
		}
		err := w.Flush()
		if err == nil {
			err = syncData(l.file)
		}
		for _, e := range waiting {
			e.done(err)
		}
	}
}
