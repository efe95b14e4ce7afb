package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// The checks see what they are there for: an answer that is not as described fails the test that got it.
func TestTheDescriptionIsHeldAgainstAnswers(t *testing.T) {
	v, err := description()
	if err != nil {
		t.Fatal(err)
	}
	if ok, problems := v.ValidateDocument(); !ok {
		t.Errorf("it is no OpenAPI 3.1: %v", problems)
	}
	const good = `{"id":"00000000000000000000000000000000","set_cookie":[]}`
	for body, want := range map[string]bool{
		good: true, strings.Replace(good, "0", "X", 1): false, `{"id":"00000000000000000000000000000000"}`: false,
		strings.Replace(good, "[]", "null", 1): false, strings.Replace(good, "{", `{"token":"secret",`, 1): false, `[]`: false,
	} {
		request, _ := http.NewRequest("POST", "http://127.0.0.1/v1/sessions/00000000000000000000000000000000/logout", nil)
		response := &http.Response{
			StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}},
			Body: io.NopCloser(strings.NewReader(body)),
		}
		if ok, _ := v.ValidateHttpResponse(request, response); ok != want {
			t.Errorf("%s is as described: %v", body, ok)
		}
		response.Header.Del("Cache-Control")
		response.Body = io.NopCloser(strings.NewReader(good))
		if ok, _ := v.ValidateHttpResponse(request, response); ok {
			t.Error("a header is missing, and nobody minds")
		}
	}
}
