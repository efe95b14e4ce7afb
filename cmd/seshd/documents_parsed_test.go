package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seshd/seshd/session"
)

// What is parsed and not run.

func (r *reader) isAConfiguration(t *testing.T, text string) {
	r.yaml = text // startsAndServes starts with it
	r.write(t, "seshd.yaml", text)
	cmd := newServe(nil)
	if err := cmd.ParseFlags([]string{"--config", filepath.Join(r.dir, "seshd.yaml")}); err != nil {
		t.Fatal(err)
	}
	c, err := load(cmd.Flags(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.addr != ":9000" || c.idleTimeout != duration(2*time.Hour) || len(c.tabWrite) != 2 || c.tour {
		t.Errorf("%+v", c)
	}
}

func (r *reader) isAMutation(t *testing.T, text string) {
	if _, err := session.DecodeMutation([]byte(text)); err != nil {
		t.Error(err)
	}
}

// isJSON takes one value or several, and […] for an array.
func (r *reader) isJSON(t *testing.T, text string) {
	values := json.NewDecoder(strings.NewReader(strings.ReplaceAll(text, "[…]", "[]")))
	for n := 0; ; n++ {
		var value any
		if err := values.Decode(&value); err == io.EOF && n > 0 {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// isUnderstood parses each command with its flags, and runs none of them.
func (r *reader) isUnderstood(t *testing.T, text string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		cmd, flags, err := newRoot(nil).Find(strings.Fields(line)[1:])
		if err == nil {
			err = cmd.ParseFlags(flags)
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// namesWhatIsThere looks for what the lines would run, since it is what runs this test.
func (r *reader) namesWhatIsThere(t *testing.T, text string) {
	makefile, tests := readFile(t, "Makefile"), testsThere(t)
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for _, word := range words {
			_, err := os.Stat(filepath.Join(repoRoot(t), word))
			if strings.Contains(word, "/") && err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if strings.HasPrefix(word, "Test") && !tests[word] {
				t.Errorf("there is no %s", word)
			}
		}
		if words[0] == "make" && !strings.Contains(makefile, "\n"+words[1]+":\n") {
			t.Errorf("%s: the Makefile has no %s", line, words[1])
		}
	}
}
