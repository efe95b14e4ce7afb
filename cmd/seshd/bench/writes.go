package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// writes measures durable mutations where nobody listens. It goes over POST /session, since a WebSocket belongs to one session and
// these are to be spread over many: so the figure has HTTP and a cookie's decryption in it, and is a lower bound of the store's.
// Each writer has a connection, one request under way, and takes another session for each.
func writes(ctx context.Context, r Run) (*Report, error) {
	if r.Sessions < 1 || len(r.WriterCounts) == 0 || r.For <= 0 {
		return nil, errors.New("want at least one session and one --writers, --for some time")
	}
	to, err := newTargets(ctx, r.URLs, seshdDialect{})
	if err != nil {
		return nil, err
	}
	w := &httpWrites{to: to, m: newMeter(r.Options), progress: r.Progress, cookies: make([]string, r.Sessions)}
	empty, err := w.m.read(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.fill(ctx, r.Size); err != nil {
		return nil, err
	}
	filled, err := w.m.read(ctx)
	if err != nil {
		return nil, err
	}
	report := new(Report)
	report.add("sessions", "", "sessions", float64(r.Sessions))
	w.m.describeRedisMemory(report, "session", "stored session", empty, filled, float64(r.Sessions))
	for _, n := range r.WriterCounts {
		if err := w.measure(ctx, report, n, r.For); err != nil {
			return nil, err
		}
	}
	return report, nil
}

type httpWrites struct {
	to       targets
	m        *meter
	progress io.Writer
	cookies  []string
	done     atomic.Uint64
}

// fill begins the sessions.
func (w *httpWrites) fill(ctx context.Context, size int) error {
	body := fmt.Sprintf(`{"incr":{"n":1},"set":{"pad":"%s"}}`, strings.Repeat("x", size))
	var next atomic.Int64
	return w.each(ctx, min(openers, len(w.cookies)), func(c *poster) error {
		for n := int(next.Add(1)) - 1; n < len(w.cookies) && ctx.Err() == nil; n = int(next.Add(1)) - 1 {
			var err error
			if w.cookies[n], err = c.begin(body); err != nil {
				return fmt.Errorf("beginning sessions: %w", err)
			}
			w.done.Add(1)
		}
		return ctx.Err()
	})
}

func (w *httpWrites) measure(ctx context.Context, report *Report, writers int, d time.Duration) error {
	if err := allowFiles(uint64(writers + spareFiles)); err != nil {
		return err
	}
	before, err := w.m.read(ctx)
	if err != nil {
		return err
	}
	w.done.Store(0)
	var mu sync.Mutex // guards all
	all := newHistogram()
	start := time.Now()
	err = w.each(ctx, writers, func(c *poster) error {
		own, err := w.post(ctx, c, start.Add(d))
		mu.Lock()
		defer mu.Unlock()
		all.Merge(own)
		return err
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	after, err := w.m.read(ctx)
	if err != nil {
		return err
	}
	suffix, label := fmt.Sprintf("_%d", writers), fmt.Sprintf(", %d writers", writers)
	report.add("writes_per_second"+suffix, "/s", "durable writes"+label, float64(w.done.Load())/took.Seconds())
	report.addTime("p50_ms"+suffix, "p50"+label, quantile(all, 50))
	report.addTime("p99_ms"+suffix, "p99"+label, quantile(all, 99))
	w.m.describe(report, "write"+suffix, "write"+label, before, after, w.done.Load())
	w.m.describeRedis(report, "write"+suffix, "write"+label, before, after, float64(w.done.Load()))
	return nil
}

// post writes until the time is over, and says what each write took.
func (w *httpWrites) post(ctx context.Context, c *poster, until time.Time) (*hdrhistogram.Histogram, error) {
	own := newHistogram()
	for began := time.Now(); began.Before(until) && ctx.Err() == nil; {
		if err := c.incr(w.cookies[rand.IntN(len(w.cookies))]); err != nil {
			return own, err
		}
		w.done.Add(1)
		now := time.Now()
		record(own, now.Sub(began))
		began = now
	}
	return own, ctx.Err()
}

// each runs so many writers, each with its connection, tells how far they are, and returns their errors.
func (w *httpWrites) each(ctx context.Context, writers int, run func(*poster) error) error {
	failed := make(chan error, writers)
	for n := range writers {
		go func() {
			to := w.to.at(n)
			conn, err := to.dial(ctx, n)
			if err == nil {
				conn.SetDeadline(time.Time{})
				stop := context.AfterFunc(ctx, func() { conn.Close() })
				defer stop()
				defer conn.Close()
				err = run(&poster{to: to, conn: conn, reader: bufio.NewReader(conn)})
			}
			failed <- err
		}()
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var all []error
	for left := writers; left > 0; {
		select {
		case err := <-failed:
			left--
			if err != nil && len(all) == 0 { // the others fail for the same reason
				all = append(all, err)
			}
		case <-tick.C:
			fmt.Fprintf(w.progress, "%d writes by %d writers\n", w.done.Load(), writers)
		}
	}
	return errors.Join(all...)
}

// poster sends one request after the other on a connection.
type poster struct {
	to      *target
	conn    net.Conn
	reader  *bufio.Reader
	scratch []byte
}

func (c *poster) request(cookie, body string) error {
	b := append(c.scratch[:0], "POST "...)
	b = append(append(b, c.to.path...), "/session HTTP/1.1\r\nHost: "...)
	b = append(append(b, c.to.host...), "\r\nContent-Type: application/json\r\n"...)
	if cookie != "" {
		b = append(append(append(b, "Cookie: "...), cookie...), "\r\n"...)
	}
	b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	c.scratch = b
	_, err := c.conn.Write(b)
	return err
}

func (c *poster) begin(body string) (cookie string, err error) {
	if err := c.request("", body); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", refused(response)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	return cookieOf(response)
}

var (
	httpOK        = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
	noCookie      = []byte("Set-Cookie: ")
)

// incr adds one to n, and reads no more of the answer than it must.
func (c *poster) incr(cookie string) error {
	if err := c.request(cookie, `{"incr":{"n":1}}`); err != nil {
		return err
	}
	if status, err := c.reader.Peek(len(httpOK)); err != nil {
		return err
	} else if !bytes.Equal(status, httpOK) {
		response, err := http.ReadResponse(c.reader, nil)
		if err != nil {
			return err
		}
		return refused(response)
	}
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= len("\r\n") {
			break
		}
		if value, ok := bytes.CutPrefix(line, contentLength); ok {
			n, _ := number(value)
			length = int(n)
		} else if bytes.HasPrefix(line, noCookie) {
			return errors.New("the server gave a new cookie: it did not know the session that was written to")
		}
	}
	_, err := c.reader.Discard(length)
	return err
}
