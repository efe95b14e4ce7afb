package main

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// snippet says how a fenced block is run. It is named by its heading and its language, with a number from the second of a kind on.
type snippet struct {
	name string
	run  func(*reader, *testing.T, string)
	why  string // it is not run here
}

// document is what is said of a Markdown file: how its blocks are run, in their order, by one reader with one server.
type document struct {
	seshd    []string // flags of that server. What listens on port 3000 is the reader's app
	snippets []snippet
}

var documents = map[string]document{
	"README.md": {snippets: []snippet{
		{"seshd/sh", (*reader).startsAndServes, ""},
		{"seshd/text", (*reader).isTheBanner, ""},
		{"seshd/js", (*reader).runsInTheConsole, ""},
		{"The tour/json", (*reader).isTheAnswerOfCherries, ""},
	}},
	"docs/start.md": {snippets: []snippet{
		{"A binary/sh", (*reader).buildsAndStarts, ""},
		{"A page of your own/sh", (*reader).startsAndServes, ""},
		{"A page of your own/html", (*reader).runsOnAnotherOrigin, ""},
		{"With curl/sh", (*reader).callsEveryPath, ""},
		{"With curl/sh/2", (*reader).followsEvents, ""},
		{"From a terminal/sh", (*reader).getsATicket, ""},
		{"From a terminal/text", (*reader).isTheTalkWithWscat, ""},
		{"From a terminal/sh/2", (*reader).scriptsWscat, ""},
		{"seshd connect/sh", (*reader).connects, ""},
		{"Docker/sh", nil, "it needs a container engine; TestComposeFiles reads the file"},
	}},
	"docs/concepts.md": {snippets: []snippet{
		{"Version/sh", (*reader).prints, ""},
		{"Version/text", (*reader).isPrinted, ""},
		{"Mutation/sh", (*reader).prints, ""},
		{"Mutation/text", (*reader).isPrinted, ""},
		{"Mutation/sh/2", (*reader).prints, ""},
		{"Mutation/json", (*reader).isPrinted, ""},
		{"Once/sh", (*reader).prints, ""},
		{"Once/text", (*reader).isPrinted, ""},
	}},
	"docs/browser.md": {seshd: []string{"--app", "http://127.0.0.1:3000", "--tour"}, snippets: []snippet{
		{"Your first page/html", (*reader).writesThePage, ""},
		{"Your first page/sh", (*reader).runsThePage, ""},
		{"Reading and writing/js", (*reader).runsInAnotherConsole, ""},
	}},
	"docs/go.md": {snippets: []snippet{
		{"In a Go program/go", (*reader).writesTheProgram, ""},
		{"In a Go program/sh", (*reader).runsTheProgram, ""},
		{"Handlers/go", (*reader).addsTheShop, ""},
		{"Tests/go", (*reader).addsTheTest, ""},
		{"Tests/sh", (*reader).runsTheTest, ""},
	}},
	"docs/languages.md": {seshd: []string{"--app", "http://127.0.0.1:3000"}, snippets: []snippet{
		{"Before your app/sh", (*reader).startsBeforeAnApp, ""},
		{"Python/python", (*reader).writesThePythonApp, ""},
		{"Python/sh", (*reader).namesTheTerminals, ""},
		{"Python/sh/2", (*reader).visitsThePythonApp, ""},
		{"Python/text", (*reader).isPrinted, ""},
		{"Node/js", (*reader).runsTheNodeApp, ""},
		{"Flask, Express/sh", (*reader).startsTheFlaskExample, ""},
		{"From your backend/sh", (*reader).asksTheServerAPI, ""},
		{"From your backend/text", (*reader).isPrinted, ""},
	}},
	"docs/deploy.md": {snippets: []snippet{
		{"Sizing/sh", (*reader).reckons, ""},
	}},
	"docs/operate.md": {snippets: []snippet{
		{"Configuration/yaml", (*reader).isAConfiguration, ""},
		{"Configuration/sh", (*reader).startsAndServes, ""},
		{"Is it well/sh", (*reader).isWell, ""},
		{"Backups/sh", (*reader).backsUp, ""},
	}},
	"docs/restarts.md": {snippets: []snippet{
		{"Under systemd/sh", nil, "it needs a machine whose first process is systemd; systemd_test.go has it check the files"},
		{"Under anything else/sh", (*reader).isGivenASocket, ""},
	}},
	"docs/observe.md": {snippets: []snippet{
		{"Metrics/yaml", (*reader).isScraped, ""},
		{"Traces/sh", (*reader).startsAndServes, ""},
	}},
	"docs/compare.md": {snippets: []snippet{
		{"The commands/sh", (*reader).namesWhatIsThere, ""},
	}},
	"docs/PROTOCOL.md": {snippets: []snippet{
		{"A mutation/json", (*reader).isAMutation, ""},
		{"Server API/json", (*reader).isJSON, ""},
		{"Server API/json/2", (*reader).isJSON, ""},
		{"Errors/json", (*reader).isTheAnswerToAConflict, ""},
	}},
	"CONTRIBUTING.md": {snippets: []snippet{
		{"Contributing/sh", (*reader).namesWhatIsThere, ""},
	}},
	"cmd/seshd/bench/README.md": {snippets: []snippet{
		{"seshd bench/sh", (*reader).isUnderstood, ""},
	}},
	"docs/examples/express/README.md": {snippets: []snippet{{"Express/sh", nil, "TestReadmesOfTheExamples runs it"}}},
	"docs/examples/flask/README.md":   {snippets: []snippet{{"Flask/sh", nil, "TestReadmesOfTheExamples runs it"}}},
	"docs/examples/go/README.md":      {snippets: []snippet{{"Go/sh", nil, "TestReadmesOfTheExamples runs it"}}},
	"docs/examples/react/README.md":   {snippets: []snippet{{"React/sh", nil, "TestFrameworks runs it"}}},
	"docs/examples/svelte/README.md":  {snippets: []snippet{{"Svelte/sh", nil, "TestFrameworks runs it"}}},
}

// clientReference has its tests beside it, in web/client/dev: its examples are compiled and run there.
const clientReference = "web/client/README.md"

func TestDocuments(t *testing.T) {
	chromium := startChromium(t, chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))
	for _, file := range markdownFiles(t) {
		if file != clientReference {
			t.Run(file, func(t *testing.T) { readDocument(t, chromium, file) })
		}
	}
}

func readDocument(t *testing.T, chromium context.Context, file string) {
	blocks, snippets := fencedBlocks(readFile(t, file)), documents[file].snippets
	for i, b := range blocks {
		if i >= len(snippets) || snippets[i].name != b.name {
			t.Fatalf("block %d of %s is %q: say in documents how it is run", i+1, file, b.name)
		}
	}
	if len(blocks) != len(snippets) {
		t.Fatalf("%s has %d blocks, documents %d", file, len(blocks), len(snippets))
	}
	if !slices.ContainsFunc(snippets, func(s snippet) bool { return s.run != nil }) {
		return
	}
	r := newReader(t, chromium, documents[file].seshd...)
	for i, s := range snippets {
		if (s.run == nil) != (s.why != "") {
			t.Errorf("%s: a snippet is either run, or there is a reason why not", s.name)
		}
		if s.run != nil {
			t.Run(s.name, func(t *testing.T) { s.run(r, t, r.here(blocks[i].text)) })
		}
	}
}

// TestDocumentsAreThere holds that no document is renamed or removed with its snippets left behind.
func TestDocumentsAreThere(t *testing.T) {
	files := markdownFiles(t)
	for file := range documents {
		if !slices.Contains(files, file) {
			t.Errorf("there is no %s", file)
		}
	}
}

// markdownFiles are the documents of the repository.
func markdownFiles(t *testing.T) (files []string) {
	t.Helper()
	root := repoRoot(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "dist"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			name, err := filepath.Rel(root, path)
			files = append(files, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	if err != nil || len(files) < 10 {
		t.Fatalf("%q %v", files, err)
	}
	return files
}
