package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestConnect runs the scripts of testdata/connect with the shipped program, each beside a server of its own. Beside the usual
// commands they have those of stage.
func TestConnect(t *testing.T) {
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/connect",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			s := &stage{t: t, data: t.TempDir(), addr: freeAddr(t), work: env.WorkDir}
			env.Values[stage{}] = s
			env.Defer(s.clear)
			env.Setenv("ADDR", s.addr)
			env.Setenv("URL", "http://"+s.addr)
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":    onStage((*stage).server),
			"stop":      onStage((*stage).stop),
			"connect":   onStage((*stage).connect),
			"begin":     onStage((*stage).begin),
			"types":     onStage((*stage).types),
			"sees":      onStage((*stage).sees),
			"interrupt": onStage((*stage).interrupt),
			"ends":      onStage((*stage).ends),
		},
	})
}

// stage is what a script plays on.
type stage struct {
	t                *testing.T
	data, addr, work string
	running          *process // nil: no server

	background *exec.Cmd // nil: none
	stdin      io.WriteCloser
}

func onStage(do func(*stage, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command has no opposite")
		}
		do(ts.Value(stage{}).(*stage), ts, args)
	}
}

func (s *stage) clear() {
	if s.background != nil {
		s.background.Process.Kill()
		s.background.Wait()
	}
	if s.running != nil {
		s.running.cmd.Process.Kill()
		s.running.exit(s.t)
	}
}

// server [flag…] starts a server on $URL, on the data of the one before.
func (s *stage) server(_ *testscript.TestScript, flags []string) {
	s.running = start(s.t, s.data, append([]string{"--addr", s.addr}, flags...)...)
}

// stop ends it as a service manager does.
func (s *stage) stop(ts *testscript.TestScript, _ []string) {
	s.running.signal(s.t, syscall.SIGTERM)
	if code := s.running.exit(s.t); code != 0 {
		ts.Fatalf("the server exits with %d", code)
	}
	s.running = nil
}

// connect CODE [argument…] runs seshd connect to its end, which must have that exit code.
func (s *stage) connect(ts *testscript.TestScript, args []string) {
	err := ts.Exec("seshd", append([]string{"connect"}, args[1:]...)...)
	ended, failed := errors.AsType[*exec.ExitError](err)
	if err != nil && !failed {
		ts.Fatalf("%v", err)
	}
	code := 0
	if failed {
		code = ended.ExitCode()
	}
	wantExit(ts, args[0], code)
}

func wantExit(ts *testscript.TestScript, want string, got int) {
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit %d, want %s", got, want)
	}
}

// begin [argument…] starts seshd connect, with its output in the files out and err.
func (s *stage) begin(ts *testscript.TestScript, args []string) {
	program, err := binary()
	ts.Check(err)
	s.background = exec.Command(program, append([]string{"connect"}, args...)...)
	s.background.Dir = s.work
	s.stdin, err = s.background.StdinPipe()
	ts.Check(err)
	out, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	defer out.Close()
	notes, err := os.Create(ts.MkAbs("err"))
	ts.Check(err)
	defer notes.Close()
	s.background.Stdout, s.background.Stderr = out, notes
	ts.Check(s.background.Start())
}

// types LINE gives it a line.
func (s *stage) types(ts *testscript.TestScript, args []string) {
	_, err := io.WriteString(s.stdin, args[0]+"\n")
	ts.Check(err)
}

// sees REGEXP waits until it has printed that.
func (s *stage) sees(ts *testscript.TestScript, args []string) {
	pattern := regexp.MustCompile(args[0])
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		printed := ts.ReadFile("out") + ts.ReadFile("err")
		if pattern.MatchString(printed) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("no %s in:\n%s", pattern, printed)
		}
	}
}

// interrupt is Ctrl-C.
func (s *stage) interrupt(ts *testscript.TestScript, _ []string) {
	ts.Check(s.background.Process.Signal(os.Interrupt))
}

// ends CODE waits for its end.
func (s *stage) ends(ts *testscript.TestScript, args []string) {
	timer := time.AfterFunc(patience, func() { s.background.Process.Kill() })
	defer timer.Stop()
	s.background.Wait() // what it says of the exit code is in the state too
	wantExit(ts, args[0], s.background.ProcessState.ExitCode())
	s.background = nil
}
