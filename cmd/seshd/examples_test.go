package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// exampleKey is the key of the server API, given as a deployment would.
const exampleKey = "an-api-key-for-the-examples-only"

// example is one of docs/examples, running.
type example struct {
	addr  string   // where browsers go
	app   string   // where the app itself listens; empty where it has seshd inside
	seshd *process // likewise nil
	child *child
}

var examples = map[string]func(*testing.T) *example{
	"flask":   startFlask,
	"express": startExpress,
	"go":      startGo,
}

func exampleDir(t *testing.T, name string) string {
	return filepath.Join(repoRoot(t), "docs/examples", name)
}

// flaskPython finds a Python that has Flask, the system's first.
func flaskPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import flask").Run() == nil {
			return python
		}
	}
	t.Fatal("these tests run the real Flask: apt-get install python3-flask (sh .ci/test does)")
	return ""
}

func startFlask(t *testing.T) *example {
	t.Helper()
	return startBehind(t, exampleDir(t, "flask"), fmt.Sprintf("exec %q app.py", flaskPython(t)), "PYTHONDONTWRITEBYTECODE=1")
}

// expressApp puts the app beside the packages that .ci/tools has installed, as npm ci would the packages beside the app.
func expressApp(t *testing.T) (dir string) {
	t.Helper()
	modules := os.Getenv("EXPRESS_MODULES")
	if _, err := os.Stat(filepath.Join(modules, "express/package.json")); modules == "" || err != nil {
		t.Fatalf("these tests run the real Express: npm ci in a copy of docs/examples/express, and EXPRESS_MODULES names its node_modules, as .ci/tools does (%v)", err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(exampleDir(t, "express"))); err != nil {
		t.Fatal(err)
	}
	os.RemoveAll(filepath.Join(dir, "node_modules")) // whose versions nobody knows
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func startExpress(t *testing.T) *example {
	t.Helper()
	return startBehind(t, expressApp(t), "exec node app.js")
}

// startBehind starts an app and seshd in front of it.
func startBehind(t *testing.T, dir, command string, env ...string) *example {
	t.Helper()
	s := &example{app: freeAddr(t)}
	_, port, _ := net.SplitHostPort(s.app)
	s.seshd = start(t, t.TempDir(), withoutLimits("--app", "http://"+s.app, "--api-key", exampleKey)...)
	s.addr = s.seshd.addr
	env = append(env, "PORT="+port, "SESHD_API_KEY="+exampleKey, "SESHD_INTERNAL_ADDR="+s.seshd.internal)
	s.child = (&reader{path: os.Getenv("PATH")}).begin(t, dir, command, env...)
	s.child.untilListening(t, s.app)
	s.onFailure(t)
	return s
}

var goExample = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir, "go-example")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../docs/examples/go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

func startGo(t *testing.T) *example {
	t.Helper()
	path, err := goExample()
	if err != nil {
		t.Fatal(err)
	}
	s := &example{addr: freeAddr(t)}
	command := fmt.Sprintf("exec %q --addr %s --data %q", path, s.addr, t.TempDir())
	s.child = (&reader{path: os.Getenv("PATH")}).begin(t, t.TempDir(), command)
	s.child.untilListening(t, s.addr)
	s.onFailure(t)
	return s
}

// untilListening waits for a connection to be taken.
func (c *child) untilListening(t *testing.T, addr string) {
	t.Helper()
	c.until(t, "listening on "+addr, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// onFailure tells what the app and seshd said.
func (s *example) onFailure(t *testing.T) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		t.Logf("the app said:\n%s", s.child.output())
		if s.seshd != nil {
			s.seshd.cmd.Process.Kill()
			for line := range s.seshd.lines {
				t.Log("seshd said:", line)
			}
		}
	})
}

// page asks for a path as the browser does, and gives the answer with its body.
func (b *browser) page(t *testing.T, method, path string, form url.Values) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.addr+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := b.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// gives asks for a path and wants this JSON.
func (b *browser) gives(t *testing.T, path, want string) *http.Response {
	t.Helper()
	response, body := b.page(t, http.MethodGet, path, nil)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") || !sameJSON(t, body, want) {
		t.Errorf("%s answers %s %s %s, want %s", path, response.Status, response.Header.Get("Content-Type"), body, want)
	}
	return response
}

func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	return json.Unmarshal([]byte(got), &a) == nil && cmp.Equal(a, b)
}

// goesToShop posts a form and wants to be sent to the shop.
func (b *browser) goesToShop(t *testing.T, path, user string) {
	t.Helper()
	response, body := b.page(t, http.MethodPost, path, url.Values{"user": {user}})
	if response.StatusCode != http.StatusOK || response.Request.URL.Path != "/shop" || !strings.Contains(body, "/seshd.js") {
		t.Fatalf("%s leads to %s: %s %s", path, response.Request.URL, response.Status, body)
	}
}

// onlyCookie is the value of the one cookie that the browser has.
func (b *browser) onlyCookie(t *testing.T) string {
	t.Helper()
	cookies := b.http.Jar.Cookies(&url.URL{Scheme: "http", Host: b.addr, Path: "/"})
	if len(cookies) != 1 || cookies[0].Name != "session" {
		t.Fatalf("the browser has the cookies %v, want seshd's alone", cookies)
	}
	return cookies[0].Value
}

// puts writes what a page of the shop would.
func (b *browser) puts(t *testing.T, mutation string) {
	t.Helper()
	if _, err := b.session(); err != nil { // for the cookie
		t.Fatal(err)
	}
	if _, err := b.post(mutation, ""); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) holds(t *testing.T, want string) frame {
	t.Helper()
	s, err := b.session()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal(s.Data); !sameJSON(t, string(got), want) {
		t.Errorf("the session holds %s, want %s", got, want)
	}
	return s
}

// told waits until a tab was told of a key's value; empty: that it is gone.
func (tb *tab) told(t *testing.T, key, value string) {
	t.Helper()
	for string(tb.data[key]) != value {
		f, err := tb.next()
		if err != nil {
			t.Fatalf("waiting for %s = %s: %v", key, value, err)
		}
		if f.Type == "bye" {
			t.Fatalf("waiting for %s = %s: %s", key, value, f.text)
		}
	}
}

// closedBy wants a bye with this code and the close code that goes with it.
func (tb *tab) closedBy(t *testing.T, code string, number int) frame {
	t.Helper()
	var bye frame
	for {
		f, err := tb.next()
		if err == nil {
			if f.Type == "bye" {
				bye = f
			}
			continue
		}
		if bye.Code != code || !websocket.IsCloseError(err, number) {
			t.Fatalf("closed by %v after %s, want %s and %d", err, bye.text, code, number)
		}
		return bye
	}
}

// exampleCases are what every example does.
var exampleCases = map[string]func(*testing.T, *example){
	"the post's routes":               theRoutesOfThePost,
	"a tab and a handler":             aTabAndAHandler,
	"fifty at once":                   fiftyAtOnce,
	"a refused write":                 aRefusedWrite,
	"login keeps the cart":            loginKeepsTheCart,
	"two devices share a cart":        twoDevicesShareACart,
	"logout":                          logoutEndsIt,
	"a cookie that was just replaced": aCookieJustReplaced,
}

func TestExamples(t *testing.T) {
	for name, begin := range examples {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			for what, check := range exampleCases {
				t.Run(what, func(t *testing.T) { check(t, s) })
			}
			if s.seshd != nil {
				t.Run("without seshd", func(t *testing.T) { withoutSeshd(t, s) })
			}
		})
	}
}

// What the post says, from the first visit without a cookie on, and no cookie but seshd's.
func theRoutesOfThePost(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	first := b.gives(t, "/cherries", `{"response":"cherries","session":{"fruit":"cherries"}}`)
	if lines := first.Header["Set-Cookie"]; len(lines) != 1 || !strings.HasPrefix(lines[0], "session=") || !strings.Contains(lines[0], "HttpOnly") {
		t.Errorf("the first answer sets %q", lines)
	}
	cookie := b.onlyCookie(t)
	response, body := b.page(t, http.MethodGet, "/", nil)
	if body != "hello" || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") && !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("/ says %q, %s", body, response.Header.Get("Content-Type"))
	}
	b.gives(t, "/blueberries", `{"response":"blueberries","session":{"fruit":"blueberries","start":true}}`)
	last := b.gives(t, "/destroy-session", `{"response":"session destroyed","session":{}}`)
	b.holds(t, `{}`)
	if lines := append(response.Header["Set-Cookie"], last.Header["Set-Cookie"]...); len(lines) > 0 || b.onlyCookie(t) != cookie {
		t.Errorf("later answers set %q", lines)
	}
}

func aTabAndAHandler(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	if _, err := b.session(); err != nil {
		t.Fatal(err)
	}
	tb := openTab(t, b)
	b.page(t, http.MethodGet, "/cherries", nil)
	tb.told(t, "fruit", `"cherries"`)

	if err := tb.send(`{"set":{"cart":{"plums":2}},"id":1}`); err != nil {
		t.Fatal(err)
	}
	want(t, tb, "ok")
	b.gives(t, "/cherries", `{"response":"cherries","session":{"fruit":"cherries","cart":{"plums":2}}}`)
	if f := b.holds(t, `{"fruit":"cherries","cart":{"plums":2}}`); f.Version != 2 {
		t.Errorf("version %d: what changed nothing was written", f.Version)
	}
	b.page(t, http.MethodGet, "/destroy-session", nil)
	tb.told(t, "cart", "")
}

// Each of 50 requests at once adds a key, with a pause before it writes.
func fiftyAtOnce(t *testing.T, s *example) {
	const requests = 50
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"begun":true}}`)
	tb := openTab(t, b)
	var all sync.WaitGroup
	statuses := make([]int, requests)
	for i := range requests {
		all.Go(func() {
			response, err := b.http.Post(fmt.Sprintf("http://%s/like/fruit%d", b.addr, i), "", nil)
			if err == nil {
				response.Body.Close()
				statuses[i] = response.StatusCode
			}
		})
	}
	all.Wait()
	after, err := b.session()
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i, status := range statuses {
		key := fmt.Sprintf("like.fruit%d", i)
		if status != http.StatusOK {
			t.Errorf("%s: status %d", key, status)
		}
		if string(after.Data[key]) != "true" {
			lost++
			continue
		}
		tb.told(t, key, "true")
	}
	if lost > 0 {
		t.Errorf("%d of %d requests at once were lost", lost, requests)
	}
}

// What was not written is not said to have been.
func aRefusedWrite(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"begun":true}}`)
	response, body := b.page(t, http.MethodPost, "/like/"+strings.Repeat("x", 128), nil)
	if response.StatusCode != http.StatusBadRequest || strings.Contains(body, `"liked"`) || !strings.Contains(body, "128 bytes") {
		t.Errorf("%s %s", response.Status, body)
	}
	b.holds(t, `{"begun":true}`)
}

// The post's author lost a full cart on registering.
func loginKeepsTheCart(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"cart":{"cherries":2}}}`)
	before, tb, old := b.holds(t, `{"cart":{"cherries":2}}`), openTab(t, b), b.onlyCookie(t)
	b.goesToShop(t, "/register", "u-"+t.Name())
	if b.onlyCookie(t) == old {
		t.Error("the cookie is the same as before the login")
	}
	after := b.holds(t, `{"cart":{"cherries":2}}`)

	// The tab is sent away, and comes back with the new cookie to where it was.
	if bye := tb.closedBy(t, "rotated", 4001); bye.text == "" {
		t.Error("no word")
	}
	back, err := b.open(url.Values{"since": {fmt.Sprintf("%s:%d", strings.Trim(tb.session, `"`), tb.version)}})
	if err != nil {
		t.Fatal(err)
	}
	defer back.conn.Close()
	back.session, back.version, back.data = tb.session, tb.version, tb.data
	if f, err := back.next(); err != nil || f.Type == "bye" || string(back.data["cart"]) != `{"cherries":2}` {
		t.Errorf("the tab comes back to %s %v", f.text, err)
	}
	if string(before.ID) != string(after.ID) {
		t.Errorf("the first login of a user moved the session from %s to %s", before.ID, after.ID)
	}
	b.page(t, http.MethodGet, "/blueberries", nil)
	back.told(t, "fruit", `"blueberries"`)
	response, body := b.page(t, http.MethodPost, "/like/plums", nil)
	if !sameJSON(t, body, fmt.Sprintf(`{"user":%q,"liked":"plums"}`, "u-"+t.Name())) {
		t.Errorf("%s %s", response.Status, body)
	}
}

// The cookie that a login replaced opens nothing, and does not push the new one out of the browser.
func aCookieJustReplaced(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"cart":{"cherries":2}}}`)
	old := b.onlyCookie(t)
	b.goesToShop(t, "/login", "u-"+t.Name())
	thief := newBrowser(t, s.addr)
	thief.http.Jar.SetCookies(&url.URL{Scheme: "http", Host: s.addr, Path: "/"}, []*http.Cookie{{Name: "session", Value: old, Path: "/"}})
	for _, path := range []string{"/cherries", "/session", "/destroy-session"} {
		response, body := thief.page(t, http.MethodGet, path, nil)
		if response.StatusCode != http.StatusConflict || strings.Contains(body, "cart") || len(response.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s answers the old cookie by %s %s, %q", path, response.Status, body, response.Header["Set-Cookie"])
		}
	}
	b.holds(t, `{"cart":{"cherries":2}}`)
}

func twoDevicesShareACart(t *testing.T, s *example) {
	user := "u-" + t.Name()
	desk, phone := newBrowser(t, s.addr), newBrowser(t, s.addr)
	desk.puts(t, `{"set":{"cart":{"cherries":2}}}`)
	desk.goesToShop(t, "/register", user)
	tb := openTab(t, desk)
	phone.puts(t, `{"set":{"cart":{"cherries":1,"blueberries":1}}}`)
	for range 2 { // the second adds nothing
		phone.goesToShop(t, "/login", user)
		phone.holds(t, `{"cart":{"cherries":3,"blueberries":1}}`)
	}
	desk.holds(t, `{"cart":{"cherries":3,"blueberries":1}}`)
	tb.told(t, "cart", `{"cherries":3,"blueberries":1}`)
	if desk.onlyCookie(t) == phone.onlyCookie(t) {
		t.Error("both have one cookie")
	}

	// The phone logs out; the desk stays in.
	phone.goesToShop(t, "/logout", user)
	phone.holds(t, `{}`)
	desk.page(t, http.MethodGet, "/cherries", nil)
	tb.told(t, "fruit", `"cherries"`)
}

func logoutEndsIt(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"cart":{"cherries":2}}}`)
	b.goesToShop(t, "/login", "u-"+t.Name())
	tb, old := openTab(t, b), b.onlyCookie(t)
	b.goesToShop(t, "/logout", "")
	tb.closedBy(t, "logged_out", 4002)
	b.gives(t, "/cherries", `{"response":"cherries","session":{"fruit":"cherries"}}`)
	if b.onlyCookie(t) == old {
		t.Error("the cookie outlived the logout")
	}
}

// withoutSeshd asks the app itself, as seshd did until it died.
func withoutSeshd(t *testing.T, s *example) {
	b := newBrowser(t, s.addr)
	b.puts(t, `{"set":{"cart":{"cherries":2}}}`)
	var id string
	json.Unmarshal(b.holds(t, `{"cart":{"cherries":2}}`).ID, &id)
	ask := func(method, path string) (int, string) {
		t.Helper()
		request, _ := http.NewRequestWithContext(t.Context(), method, "http://"+s.app+path, nil)
		request.Header.Set("Cookie", "session="+b.onlyCookie(t))
		request.Header.Set("X-Session-Id", id)
		response, err := b.http.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		return response.StatusCode, string(body)
	}
	if status, body := ask(http.MethodGet, "/cherries"); status != http.StatusOK || !strings.Contains(body, "cart") {
		t.Errorf("while seshd runs: %d %s", status, body)
	}
	s.seshd.signal(t, syscall.SIGKILL)
	s.seshd.exit(t)
	for path, method := range map[string]string{
		"/": "GET", "/cherries": "GET", "/destroy-session": "GET", "/like/plums": "POST", "/logout": "POST",
	} {
		if status, body := ask(method, path); status != http.StatusServiceUnavailable || strings.Contains(body, "{") {
			t.Errorf("%s without seshd: %d %s", path, status, body)
		}
	}
}

// submit sends a form of the page and waits until the page that it leads to has loaded.
func (p *page) submit(t *testing.T, action string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	loaded := make(chan struct{}, 1)
	err := chromedp.Listen(ctx, func(event any) {
		if _, ok := event.(*cdp.EventLoadEventFired); ok {
			select {
			case loaded <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.click(t, fmt.Sprintf(`form[action=%q] button`, action))
	select {
	case <-loaded:
	case <-ctx.Done():
		t.Fatalf("%s leads nowhere", action)
	}
}

// The page of the shop, in a real browser: two tabs that buy, log in, buy again and log out.
func TestShopPage(t *testing.T) {
	chromium := startChromium(t)
	for name, begin := range examples {
		t.Run(name, func(t *testing.T) {
			if page := readFile(t, "docs/examples/"+name+"/shop.html"); page != readFile(t, "docs/examples/flask/shop.html") {
				t.Error("the page is not that of the other examples")
			}
			s := begin(t)
			one, two := openPage(t, chromium, "http://"+s.addr+"/shop"), openPage(t, chromium, "http://"+s.addr+"/shop")
			show := func(cart string) {
				t.Helper()
				for _, p := range []*page{one, two} {
					p.comesTo(t, fmt.Sprintf(`text("#status") === "live, 2 tabs" && text("#cart") === %q`, cart))
				}
			}
			show("")
			one.click(t, cherriesButton)
			show("1 × cherries")
			two.click(t, cherriesButton)
			one.click(t, blueberriesButton)
			show("2 × cherries1 × blueberries")

			evaluate[bool](t, two, `window.neverReloaded = true`)
			evaluate[bool](t, one, fmt.Sprintf(`document.querySelector("[name=user]").value = %q, true`, "page-of-"+name))
			one.submit(t, "/login")
			show("2 × cherries1 × blueberries")
			two.click(t, cherriesButton) // with the cookie that its neighbour fetched
			show("3 × cherries1 × blueberries")

			one.submit(t, "/logout")
			show("")
			if !evaluate[bool](t, two, `window.neverReloaded === true`) {
				t.Error("a page was loaded again")
			}
			for _, p := range []*page{one, two} {
				// After a logout or a login the client asks for the session that it knew, and is told that there is another.
				if rest := p.complaints("favicon.ico", "409 (Conflict) (http://"+s.addr+"/session)"); len(rest) > 0 {
					t.Errorf("errors in the console:\n%s", strings.Join(rest, "\n"))
				}
			}
		})
	}
}
