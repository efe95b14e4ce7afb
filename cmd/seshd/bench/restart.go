package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	restarts     = 3   // after the first start; the median of them is told
	tailWrites   = 100 // before each SIGKILL: some megabytes of log, and fewer than one session may write in a burst
	tailBytes    = 30_000
	answerWithin = 2 * time.Minute
	askAgain     = time.Millisecond
)

// restart stores sessions in a directory of its own, kills whoever did it, and starts a server there: first on the log that the
// filling left unflushed, then again and again after SIGKILL under a server that has just acknowledged some writes. On the last one it
// opens tabs, each of a session more, and writes to each once: that is the memory of a server with much stored and some of it in use.
func restart(ctx context.Context, r Run) (_ *Report, err error) {
	if r.Sessions < 1 || r.Tabs < 1 || r.Program == "" {
		return nil, errors.New("want at least one session and one tab, and a seshd to start")
	}
	dir, err := os.MkdirTemp("", "seshd-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	fmt.Fprintf(r.Progress, "storing %d sessions of 1 KB in %s\n", r.Sessions, data)
	if err := fillAndKill(ctx, r, data); err != nil {
		return nil, err
	}
	report := new(Report)
	report.add("sessions", "", "sessions stored", float64(r.Sessions))
	server, took, err := startServer(ctx, r, data, "", "")
	if err != nil {
		return nil, err
	}
	report.addTime("first_answer_after_fill_ms", "to the first answer, killed while storing", took)
	var all []time.Duration
	for n := range restarts {
		fmt.Fprintf(r.Progress, "restart %d of %d\n", n+1, restarts)
		cookie, want, err := server.writeTail()
		server.kill()
		if err != nil {
			return nil, err
		}
		if server, took, err = startServer(ctx, r, data, cookie, want); err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	defer server.kill()
	slices.Sort(all)
	report.addTime("first_answer_ms", "to the first answer, killed after some writes", all[len(all)/2])
	report.addTime("first_answer_worst_ms", "the slowest of these", all[len(all)-1])
	return report, server.openTabs(ctx, r, report)
}

// openTabs opens tabs that write once, and tells the memory of the server before and after.
func (s *server) openTabs(ctx context.Context, r Run, report *Report) error {
	fmt.Fprintf(r.Progress, "opening %d tabs\n", r.Tabs)
	r.URLs, r.Metrics, r.Writers, r.Writes = []string{s.url}, []string{s.metrics}, min(r.Tabs, openers), r.Tabs
	to, l, m, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer l.poller.close()
	before, err := m.settled(ctx, l)
	if err != nil {
		return err
	}
	if err := l.open(ctx, to, r.Tabs, 1); err != nil {
		return err
	}
	if _, err := l.run(ctx, r.pace(l, answerWithin)); err != nil {
		return err
	}
	after, err := m.settled(ctx, l)
	report.add("tabs_open", "", "tabs opened then, each of which wrote", float64(r.Tabs))
	report.add("rss_stored_bytes", "bytes", "server RSS before", before.rss)
	report.add("rss_open_bytes", "bytes", "server RSS with them", after.rss)
	return err
}

// fillAndKill lets a process of its own store the sessions.
func fillAndKill(ctx context.Context, r Run, data string) error {
	cmd := exec.CommandContext(ctx, r.Program, "bench", "restart", "--sessions", strconv.Itoa(r.Sessions), "--fill", data)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // held open: it ends by being killed
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	cmd.Process.Kill()
	ended := cmd.Wait()
	if strings.TrimSpace(line) != filled {
		return fmt.Errorf("storing the sessions: %w", errors.Join(err, ended))
	}
	return nil
}

// server is a seshd that was started here.
type server struct {
	cmd          *exec.Cmd
	url, metrics string
}

// startServer starts one and returns how long its first answer took: to a cookie the session with the text wanted in it, without
// a cookie to a new visitor.
func startServer(ctx context.Context, r Run, data, cookie, want string) (*server, time.Duration, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	internal, err := freeAddress()
	if err != nil {
		return nil, 0, err
	}
	s := &server{
		cmd: exec.CommandContext(ctx, r.Program, "serve", "--data", data, "--addr", addr, "--internal-addr", internal, "--new-sessions", "0"),
		url: "http://" + addr, metrics: "http://" + internal + "/metrics",
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, 0, err
	}
	for time.Since(began) < answerWithin && ctx.Err() == nil {
		body, _, err := s.ask(http.MethodGet, cookie, "")
		if err != nil {
			time.Sleep(askAgain)
			continue
		}
		if took := time.Since(began); strings.Contains(body, want) {
			return s, took, nil
		}
		s.kill()
		return nil, 0, fmt.Errorf("after the restart the session is %.200s, without the %s that was acknowledged", body, want)
	}
	s.kill()
	return nil, 0, fmt.Errorf("no answer within %v", answerWithin)
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed
}

// writeTail writes to one session, for the next start to find in the log.
func (s *server) writeTail() (cookie, want string, err error) {
	if _, cookie, err = s.ask(http.MethodPost, "", `{"incr":{"n":1}}`); err != nil {
		return "", "", err
	}
	pad := strings.Repeat("x", tailBytes)
	for n := range tailWrites {
		want = fmt.Sprintf(`"last":%d`, n)
		if _, _, err := s.ask(http.MethodPost, cookie, fmt.Sprintf(`{"set":{"last":%d,"pad":"%s"}}`, n, pad)); err != nil {
			return "", "", err
		}
	}
	return cookie, want, nil
}

func (s *server) ask(method, cookie, body string) (answer, newCookie string, err error) {
	request, err := http.NewRequest(method, s.url+"/session", strings.NewReader(body))
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Content-Type", "application/json")
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	response, err := (&http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return "", "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", "", refused(response)
	}
	if cookies := response.Cookies(); len(cookies) > 0 {
		newCookie = cookies[0].Name + "=" + cookies[0].Value
	}
	text, err := io.ReadAll(response.Body)
	return string(text), newCookie, err
}

// freeAddress is one that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
