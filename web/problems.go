package web

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/seshd/seshd/docs"
)

// problemsPath is where both listeners serve what each error code means. It is below /session, which no app has routes in.
const problemsPath = "/session/problems"

// problemType is the URL that names what a code means, on the very server that gave it.
func problemType(r *http.Request, code string) string {
	u := url.URL{Path: problemsPath, Fragment: code}
	if r.Host != "" { // HTTP/1.0 may go without
		u.Scheme, u.Host = "http", r.Host
		if isSecure(r) {
			u.Scheme = "https"
		}
	}
	return u.String()
}

// problems serves the page that the types of problems lead to.
func problems() http.HandlerFunc {
	page := []byte(problemsHead + asHTML(docs.Troubleshoot))
	policy := pagePolicy(inlineHash(page, "<style>", "</style>"))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	}
}

const problemsHead = `<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Problems</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }
h3 { margin: 2rem 0 0 } p { margin: .5rem 0 } :target { background: #fd6; color: #000 }
</style>
`

var (
	heading  = regexp.MustCompile(`^(#+) (.+)$`)
	inPage   = regexp.MustCompile(`\[([^]]+)\]\((#[\w-]+)\)`)
	toFile   = regexp.MustCompile(`\[([^]]+)\]\([^#)][^)]*\)`)
	bold     = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	codeSpan = regexp.MustCompile("`([^`]+)`")
)

// asHTML makes HTML of as much Markdown as the page has: headings, paragraphs, bold, code and links. Links to other files of the
// repository lead nowhere from a server, and stay as text.
func asHTML(markdown string) string {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(markdown), "\n\n") {
		text := html.EscapeString(block)
		text = toFile.ReplaceAllString(inPage.ReplaceAllString(text, `<a href="$2">$1</a>`), "$1")
		text = bold.ReplaceAllString(text, "<strong>$1</strong>")
		text = codeSpan.ReplaceAllString(text, "<code>$1</code>")
		if m := heading.FindStringSubmatch(text); m != nil {
			level := string(rune('0' + len(m[1])))
			id := strings.ReplaceAll(strings.ToLower(m[2]), " ", "-")
			b.WriteString("<h" + level + " id=\"" + id + "\">" + m[2] + "</h" + level + ">\n")
			continue
		}
		b.WriteString("<p>" + text + "\n")
	}
	return b.String()
}
