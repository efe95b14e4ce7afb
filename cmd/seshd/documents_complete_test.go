package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestOperateHasEveryFlag(t *testing.T) {
	const page = "docs/operate.md"
	rows := map[string]string{} // flag to default
	for line := range strings.Lines(readFile(t, page)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(cells[1], " `--") {
			rows[strings.Trim(cells[1], " `-")] = strings.Trim(cells[2], " `")
		}
	}
	for _, s := range settings {
		def, found := rows[s.name]
		delete(rows, s.name)
		if s.secret && def == "generated into `--data" { // the trimmed end of `--data`
			continue
		}
		if !found || def != s.def {
			t.Errorf("--%s: %s says %q, it is %q", s.name, page, def, s.def)
		}
	}
	delete(rows, configFlag)
	for name := range rows {
		t.Errorf("--%s is in %s and unknown to seshd", name, page)
	}
	for _, c := range newRoot(nil).Commands() {
		if !strings.Contains(readFile(t, page), "| `seshd "+c.Name()+"` |") {
			t.Errorf("%s lacks seshd %s", page, c.Name())
		}
	}
}

func TestProtocolReferenceHasEveryCode(t *testing.T) {
	text := readFile(t, "docs/PROTOCOL.md")
	for _, code := range codesInSource(t) {
		if !strings.Contains(text, "| `"+code+"` |") {
			t.Errorf("docs/PROTOCOL.md does not explain %s", code)
		}
	}
}

func TestProtocolReferenceHasEveryOperation(t *testing.T) {
	text := readFile(t, "docs/PROTOCOL.md")
	for _, operation := range operations() {
		method, path, _ := strings.Cut(operation, " ")
		if !strings.Contains(text, "`"+operation+"`") && (method != http.MethodGet || !strings.Contains(text, "`"+path+"`")) {
			t.Errorf("docs/PROTOCOL.md does not explain %s", operation)
		}
	}
}

var (
	closeCodeInSource  = regexp.MustCompile(`\{http\.\w+, (\d{4})\}`)
	clientCodeInSource = regexp.MustCompile(`(?:reject|fail)\("([a-z_]+)"|\(code = "([a-z_]+)"`)
)

// A section for each code and each close code that there is, in the page that the types of problems lead to, and for nothing else.
func TestTroubleshootHasEveryCode(t *testing.T) {
	want := codesInSource(t)
	want = append(want, "1002") // gorilla's own
	for _, m := range closeCodeInSource.FindAllStringSubmatch(readFile(t, "web/problem.go"), -1) {
		want = append(want, m[1])
	}
	for _, m := range clientCodeInSource.FindAllStringSubmatch(readFile(t, "web/client/seshd.js"), -1) {
		want = append(want, m[1]+m[2])
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^### (.*)$`).FindAllStringSubmatch(readFile(t, "docs/troubleshoot.md"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("sections %q\ncodes    %q", got, want)
	}
}

var testNamed = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// testsThere are the tests that a document may refer to.
func testsThere(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	for _, dir := range []string{"cmd/seshd", "web", "session", "hub", "session/pebblestore", "session/redisstore"} {
		files, err := filepath.Glob(filepath.Join(repoRoot(t), dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(readFile(t, file), -1) {
				tests[m[1]] = true
			}
		}
	}
	return tests
}

// The tests that the page on security refers to are there, and it has its 24 rows.
func TestTheSecurityPageNamesTestsThatThereAre(t *testing.T) {
	tests := testsThere(t)
	text := readFile(t, "docs/security.md")
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.*$`).FindAllStringSubmatch(text, -1)
	if len(rows) != 24 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		named := testNamed.FindAllStringSubmatch(row[0], -1)
		if len(named) == 0 {
			t.Errorf("row %s names no test", row[1])
		}
		for _, m := range named {
			if !tests[m[1]] {
				t.Errorf("row %s: there is no %s", row[1], m[1])
			}
		}
	}
	for name := range tests { // the numbers of the rows are in the names of the tests made for them
		if strings.HasPrefix(name, "TestSecurity0") || strings.HasPrefix(name, "TestSecurity1") || strings.HasPrefix(name, "TestSecurity2") {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("docs/security.md does not name %s", name)
			}
		}
	}
}

// What is said to be measured is in BENCH.md.
func TestFiguresAreMeasured(t *testing.T) {
	measured, _, _ := strings.Cut(readFile(t, "docs/BENCH.md"), "\n## ") // the table, not how costs grow
	for file, want := range map[string]struct {
		section string
		figures int
	}{"README.md": {"## Measured", 5*3 + 2 + 1 + 1}, "docs/compare.md": {"## Measured side by side", 7 * 3}} {
		_, table, _ := strings.Cut(readFile(t, file), want.section+"\n")
		table, _, _ = strings.Cut(table, "\n## ")
		figures := regexp.MustCompile(`\d[\d.,]*(?: (?:bytes|µs|ms))? \|`).FindAllString(table, -1)
		if len(figures) != want.figures {
			t.Errorf("%s: %d figures, want %d: %q", file, len(figures), want.figures, figures)
		}
		for _, figure := range figures {
			if !strings.Contains(measured, "| "+strings.TrimSuffix(figure, " |")) {
				t.Errorf("%s: BENCH.md has no %s", file, figure)
			}
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// Every link within the repository leads to a file, and to a heading of it where it names one.
func TestDocumentsLinkToWhatIsThere(t *testing.T) {
	links := 0
	for _, file := range markdownFiles(t) {
		for _, m := range markdownLink.FindAllStringSubmatch(withoutCode(readFile(t, file)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(filepath.Join(repoRoot(t), target)); err != nil {
				t.Errorf("%s: %v", file, err)
			} else if anchor != "" && !slices.Contains(anchors(readFile(t, target)), anchor) {
				t.Errorf("%s: %s has no #%s", file, target, anchor)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links found", links)
	}
}

var fenced = regexp.MustCompile("(?ms)^```.*?^```$|`[^`\n]+`")

func withoutCode(markdown string) string { return fenced.ReplaceAllString(markdown, "") }

var (
	headingLine = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^\pL\pN _-]`)
)

// anchors are the names that GitHub gives to headings.
func anchors(markdown string) (names []string) {
	markdown = regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(markdown, "")
	for _, m := range headingLine.FindAllStringSubmatch(markdown, -1) {
		name := notInAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}
