package web

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

const (
	appDialWait   = 10 * time.Second // to connect to the app, which is near
	appAnswerWait = 5 * time.Minute  // for the headers of an answer: pages that are computed for long, long polls

	// appIdleConns keeps as many connections as a busy server has requests under way, so that it need not connect for each.
	appIdleConns = 256
	// appIdleWait is below the 2 s after which gunicorn, and the 5 s after which Node, hang up on an idle
	// connection: a POST that meets such an end cannot be sent again.
	appIdleWait = 1500 * time.Millisecond

	proxyBuffer = 32 << 10 // for one answer under way
)

// proxy passes requests on to the app behind, and tells it who the visitor is.
type proxy struct {
	app       *App
	target    *url.URL
	transport *http.Transport
	buffers   buffers
	log       *log.Logger
	failures  *slog.Logger // of the app

	streaming  context.Context // until the server shuts down
	endStreams context.CancelFunc
}

func newProxy(a *App, target *url.URL) *proxy {
	if (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		panic("web: Options.App must be a URL such as http://127.0.0.1:3000, not " + target.Redacted())
	}
	p := &proxy{
		app: a, target: target,
		transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: appDialWait}).DialContext,
			TLSHandshakeTimeout:   appDialWait,
			ResponseHeaderTimeout: appAnswerWait,
			ExpectContinueTimeout: time.Second, // as http.DefaultTransport
			MaxIdleConnsPerHost:   appIdleConns,
			IdleConnTimeout:       appIdleWait,
			DisableCompression:    true, // what the app compresses passes as it is
		},
		log:      slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		failures: sparing(a.log),
	}
	p.streaming, p.endStreams = context.WithCancel(context.Background())
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := p.app.visit(r)
	who := &v
	switch {
	case session.CodeOf(err) == session.StaleCookie:
		who = nil
	case err != nil:
		p.app.refuse(w, r, err)
		return
	}
	ctx, cut := context.WithCancel(r.Context())
	defer cut()
	r = r.WithContext(ctx)
	pace := newPace(w, r)
	defer pace.end()
	pass := &passage{proxy: p, pace: pace, in: r, who: who, secure: isSecure(r), cut: cut}
	defer pass.end()
	(&httputil.ReverseProxy{
		Rewrite: pass.rewrite, ModifyResponse: pass.modify, ErrorHandler: pass.fail,
		Transport: p.transport, BufferPool: &p.buffers, ErrorLog: p.log,
	}).ServeHTTP(pace, r)
}

// passage is one request on its way to the app, and the answer on its way back.
type passage struct {
	proxy  *proxy
	pace   *pace
	in     *http.Request
	who    *visitor // nil: a guest, whose cookie was replaced a moment ago
	secure bool
	cut    context.CancelFunc

	ends []func() // of a stream
}

func (p *passage) end() {
	for _, end := range p.ends {
		end()
	}
}

// rewrite makes the request that the app gets. ReverseProxy has removed what concerned one connection only.
func (p *passage) rewrite(r *httputil.ProxyRequest) {
	in, out := r.In.URL, r.Out
	out.URL = &url.URL{
		Scheme: p.proxy.target.Scheme, Host: p.proxy.target.Host,
		Path: in.Path, RawPath: in.RawPath, RawQuery: in.RawQuery, ForceQuery: in.ForceQuery,
	}
	if !strings.EqualFold(out.Header.Get("Upgrade"), "websocket") {
		// Requests within h2c would reach the app past us, and say themselves who they are.
		out.Header.Del("Upgrade")
		out.Header.Del("Connection")
	}
	removeOurs(out.Header)
	removeOurs(out.Trailer)
	r.SetXForwarded()
	if addr := clientAddr(p.in); addr.IsValid() { // not the proxy before us
		out.Header.Set("X-Forwarded-For", addr.String())
	}
	if p.secure { // perhaps by the word of a proxy
		out.Header.Set("X-Forwarded-Proto", "https")
	}
	identify(out.Header, p.who)
	p.relayCookies(out.Header)
}

// relayCookies leaves the app, which relays the Cookie header to the server API, with a cookie that leads to the session that
// the request is made in, from the very first request on. One that was just replaced stays: the server API refuses it, where
// without it a plain one that somebody planted would pass.
func (p *passage) relayCookies(header http.Header) {
	ours := cookieNameFor(p.secure)
	bad := p.who != nil && p.who.cookie != nil
	cookies := withoutCookies(header["Cookie"], func(name string) bool {
		return bad && name == ours || !p.secure && name == secureCookieName // not of this site, but the API would prefer it
	})
	if p.who != nil && p.who.cookie != nil {
		cookies = []string{strings.Join(append(cookies, ours+"="+p.who.cookie.Value), "; ")}
	}
	delete(header, "Cookie")
	if len(cookies) > 0 {
		header["Cookie"] = cookies
	}
}

// withoutCookies removes cookies from Cookie headers. A header without any of them stays as it is.
func withoutCookies(lines []string, unwanted func(name string) bool) (left []string) {
	for _, line := range lines {
		var kept []string
		cookies := strings.Split(line, ";")
		for _, cookie := range cookies {
			if name, _, _ := strings.Cut(cookie, "="); !unwanted(strings.TrimSpace(name)) {
				kept = append(kept, strings.TrimSpace(cookie))
			}
		}
		if len(kept) < len(cookies) {
			line = strings.Join(kept, "; ")
		}
		if line != "" {
			left = append(left, line)
		}
	}
	return left
}

// modify adds the cookie of a new visitor to the app's answer, and watches over streams.
func (p *passage) modify(answer *http.Response) error {
	if _, ok := answer.Header["Content-Type"]; !ok {
		p.pace.Header()["Content-Type"] = nil // else net/http would guess one
	}
	switch {
	case setsCookie(answer.Header, cookieNameFor(p.secure)): // relayed from a login: newer than ours
		keepPrivate(answer.Header)
	case p.who != nil:
		p.who.welcome(answer.Header)
	}
	upgraded := answer.StatusCode == http.StatusSwitchingProtocols
	if upgraded && !p.proxy.app.begin() {
		return hub.Restarting
	}
	if upgraded {
		p.ends = append(p.ends, p.proxy.app.tabs.Done)
	}
	if upgraded || strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		// Neither has an end for which a shutdown could wait.
		stop := context.AfterFunc(p.proxy.streaming, p.cut)
		p.ends = append(p.ends, func() { stop() })
	}
	return nil
}

func setsCookie(header http.Header, name string) bool {
	for _, line := range header["Set-Cookie"] {
		if have, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(have) == name {
			return true
		}
	}
	return false
}

// fail answers where the app did not.
func (p *passage) fail(w http.ResponseWriter, _ *http.Request, err error) {
	a := p.proxy.app
	var bye *hub.Bye
	switch {
	case p.in.Context().Err() != nil: // the client went away
		panic(http.ErrAbortHandler)
	case errors.As(err, &bye):
		a.refuse(w, p.in, bye)
	case p.pace.bodyFailed():
		a.refuse(w, p.in, session.Refuse(session.BadRequest, "the body of the request did not come as announced, or paused for over %v", bodyWait))
	default:
		a.metrics.refused(ofRequest, string(session.Unavailable))
		p.proxy.failures.Error("the app does not answer: start it, or correct --app", "app", p.proxy.target.Host, "method", p.in.Method, "path", p.in.URL.Path, "error", err)
		writeProblem(w, p.in, problem{Status: http.StatusBadGateway, Code: string(session.Unavailable),
			Detail: "the app behind this server does not answer: try again later"})
	}
}

// buffers are used again, as an answer under way needs one each.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if have, ok := b.pool.Get().(*[]byte); ok {
		return *have
	}
	return make([]byte, proxyBuffer)
}

func (b *buffers) Put(used []byte) { b.pool.Put(&used) }
