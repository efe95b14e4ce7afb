package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Row 7: a request whose body comes slowly, and whose session or token ends meanwhile, neither writes nor brings it back.
func TestSecurity07ASlowRequestDoesNotOutliveItsToken(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir())
	slow := map[string]func(v *browser, id string) *slowRequest{
		"POST":   func(v *browser, _ string) *slowRequest { return v.begin(t, "POST", "/session", `{"set":{"late":1}}`) },
		"PUT":    func(v *browser, _ string) *slowRequest { return v.begin(t, "PUT", "/session/keys/late", `12345`) },
		"DELETE": func(v *browser, _ string) *slowRequest { return v.begin(t, "POST", "/session", `{"delete":["a"]}`) },
		"API": func(v *browser, id string) *slowRequest {
			return b.begin(t, "POST", "/v1/sessions/"+id, `{"set":{"late":1}}`, v.cookie())
		},
		"login": func(v *browser, id string) *slowRequest {
			return b.begin(t, "POST", "/v1/sessions/"+id+"/login", `{"user":"late"}`, v.cookie())
		},
		"rotate": func(v *browser, id string) *slowRequest {
			return b.begin(t, "POST", "/v1/sessions/"+id+"/rotate", `{"device":""}`, v.cookie())
		},
	}
	ends := map[string]func(v *browser, id string){
		"logout": func(v *browser, id string) {
			b.do("POST", "/v1/sessions/"+id+"/logout", "", "Cookie", v.cookie()).want(200)
		},
		"destroy":     func(v *browser, _ string) { v.twin(t).do(t, "DELETE", "/session", "").want(204) },
		"API destroy": func(v *browser, id string) { b.do("DELETE", "/v1/sessions/"+id, "", "Cookie", v.cookie()).want(204) },
		"rotate":      func(v *browser, _ string) { b.rotate(v.twin(t)) },
		"login":       func(v *browser, _ string) { b.login(v.twin(t), `{"user":"u"}`) },
		"combine":     func(v *browser, _ string) { b.login(v.twin(t), `{"user":"shared","shared":true}`) },
	}
	for _, written := range []bool{true, false} {
		for began, begin := range slow {
			for how, end := range ends {
				t.Run(fmt.Sprintf("%s, then %s, written %v", began, how, written), func(t *testing.T) {
					v := newBrowser(t, p.addr)
					v.session()
					if written {
						v.post(`{"set":{"a":1}}`, "")
					}
					id := b.resolve(v).ID
					request := begin(v, id)
					end(v, id)
					a := request.finish(t)
					if a.status != 404 && a.status != 409 || len(a.header["Set-Cookie"]) > 0 {
						t.Errorf("answered %d %v %s", a.status, a.header["Set-Cookie"], a.body)
					}
					a = b.do("GET", "/v1/sessions/"+id, "")
					if how == "logout" || strings.HasSuffix(how, "destroy") || how == "combine" && a.status != 200 {
						a.want(404, "no_such_session")
					} else if a.want(200); strings.Contains(a.body, "late") || written && !strings.Contains(a.body, `"a":1`) {
						t.Errorf("the session holds %s", a.body)
					}
				})
			}
		}
	}
	b.do("GET", "/v1/users/late/sessions", "").want(200)
	if a := b.do("GET", "/v1/users/late/sessions", ""); a.body != `{"sessions":[]}`+"\n" {
		t.Errorf("a slow login got through: %s", a.body)
	}
}

// A request that begins before its session times out, and ends after it.
func TestSecurity07ASlowRequestDoesNotOutliveTheTimeout(t *testing.T) {
	p, b := startWithAPI(t, t.TempDir(), "--idle-timeout=2s")
	v := visitor(t, p, `{"set":{"a":1}}`)
	id := b.resolve(v).ID
	request := v.begin(t, "POST", "/session", `{"set":{"late":1}}`)
	for b.do("GET", "/v1/sessions/"+id, "").status != http.StatusNotFound {
		time.Sleep(20 * time.Millisecond)
	}
	if a := request.finish(t); a.status != 404 {
		t.Errorf("answered %d %s", a.status, a.body)
	}
	b.do("GET", "/v1/sessions/"+id, "").want(404)
}

// slowRequest has sent its headers and the first half of its body.
type slowRequest struct {
	conn net.Conn
	in   *bufio.Reader
	rest string
	what string
}

func (v *browser) begin(t *testing.T, method, path, body string) *slowRequest {
	t.Helper()
	return beginSlowly(t, v.addr, method, path, body, "Cookie: "+v.cookie())
}

func (b *backend) begin(t *testing.T, method, path, body, cookie string) *slowRequest {
	t.Helper()
	return beginSlowly(t, b.addr, method, path, body, "Cookie: "+cookie, "Authorization: Bearer "+b.key)
}

// beginSlowly returns when a handler asks for the body: by then it is about whoever the cookie led to.
func beginSlowly(t *testing.T, addr, method, path, body string, headers ...string) *slowRequest {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n%s\r\n\r\n",
		method, path, addr, len(body), strings.Join(headers, "\r\n"))
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("%q %v", line, err)
	}
	in.ReadString('\n')
	half := len(body) / 2
	fmt.Fprint(conn, body[:half])
	return &slowRequest{conn, in, body[half:], method + " " + path}
}

func (s *slowRequest) finish(t *testing.T) answered {
	t.Helper()
	fmt.Fprint(s.conn, s.rest)
	response, err := http.ReadResponse(s.in, &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	response.Request, _ = http.NewRequest("POST", "/"+s.what, nil)
	return read(t, response)
}
