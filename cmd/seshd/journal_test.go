package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal is the log of a server, as it grows. Only one may read a process's lines.
type journal struct {
	mu    sync.Mutex
	lines []map[string]any
	ended chan struct{}
}

func (p *process) journal() *journal {
	j := &journal{ended: make(chan struct{})}
	go func() {
		defer close(j.ended)
		for line := range p.lines {
			j.mu.Lock()
			j.lines = append(j.lines, line)
			j.mu.Unlock()
		}
	}()
	return j
}

func (j *journal) text() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	text, _ := json.Marshal(j.lines)
	return string(text)
}

// has waits for a line with this message, whose members are as in the pairs.
func (j *journal) has(t *testing.T, msg string, pairs ...string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		j.mu.Lock()
		for _, line := range j.lines {
			if line["msg"] == msg && holds(line, pairs) {
				j.mu.Unlock()
				return
			}
		}
		j.mu.Unlock()
	}
	t.Errorf("the log has no %q with %q:\n%s", msg, pairs, strings.ReplaceAll(j.text(), "},", "},\n"))
}

// holds says whether a line has the members; a value that ends with * is the beginning of one.
func holds(line map[string]any, pairs []string) bool {
	for i := 0; i < len(pairs); i += 2 {
		got := fmt.Sprint(line[pairs[i]])
		if begin, open := strings.CutSuffix(pairs[i+1], "*"); got != pairs[i+1] && !(open && strings.HasPrefix(got, begin)) {
			return false
		}
	}
	return true
}
