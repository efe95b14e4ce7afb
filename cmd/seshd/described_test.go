package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	rules "github.com/pb33f/libopenapi-validator/config"
)

// described is a transport that holds what goes through it against web/openapi.json: each answer, and each request that
// was answered well.
type described struct {
	t    *testing.T
	next http.RoundTripper
}

// seen are the answers that went through any of them, as "operation path status".
var seen sync.Map

var description = sync.OnceValues(func() (validator.Validator, error) {
	text, err := os.ReadFile("../../web/openapi.json")
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document, rules.WithFormatAssertions(), rules.WithStrictMode(), rules.WithContentAssertions(),
		rules.WithStrictIgnoredHeadersExtra("X-Content-Type-Options", "Vary", "User-Agent", "X-Accel-Buffering"))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

var descriptionInUse sync.Mutex

// free is what no description names: what a session holds, the cookies of a site, and the description's own members.
var free = regexp.MustCompile(`at '\$\.(cookies|body\.(data|set|merge|append|incr|combine))[.\[]` +
	`|at '\$\.body\.(openapi|info|servers|security|tags|paths|components)'`)

// RoundTrip sends a request and checks what comes back; a stream is let through as it comes.
func (d described) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil && r.ContentLength > 0 { // a body without a length is one that a test sends slowly
		sent, _ = io.ReadAll(r.Body)
		r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	response, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	stream := strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream")
	if !stream {
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		copied := *response
		copied.Body = io.NopCloser(bytes.NewReader(body))
		d.check(r, sent, &copied)
	}
	seen.Store(operationOf(r)+" "+strconv.Itoa(response.StatusCode), true)
	return response, nil
}

func (d described) check(r *http.Request, sent []byte, response *http.Response) {
	v, err := description()
	if err != nil {
		d.t.Error(err)
		return
	}
	request := r.Clone(r.Context())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	descriptionInUse.Lock()
	defer descriptionInUse.Unlock()
	if r.Method == http.MethodHead || operationOf(r) == "" {
		return
	}
	check := v.ValidateHttpResponse
	if response.StatusCode < 300 && r.ContentLength >= 0 {
		check = v.ValidateHttpRequestResponse
	}
	if ok, problems := check(request, response); !ok {
		for _, p := range problems {
			if free.MatchString(p.Message) {
				continue
			}
			d.t.Errorf("%s %s %d is not as described: %s: %s %v", r.Method, r.URL.EscapedPath(), response.StatusCode, p.Message, p.Reason, p.SchemaValidationErrors)
		}
	}
}

// operationOf names the operation that a request is for; empty: none that is described, such as a 404 of the router's own.
func operationOf(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	switch {
	case len(parts) >= 3 && parts[1] == "sessions":
		parts[2] = "{id}"
	case len(parts) == 4 && parts[1] == "users":
		parts[2] = "{user}"
	}
	path := "/" + strings.Join(parts, "/")
	if path == "/debug/pprof" {
		path += "/"
	}
	for _, operation := range operations() {
		if operation == r.Method+" "+path {
			return operation
		}
	}
	return ""
}
