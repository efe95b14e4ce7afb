package web

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seshd/seshd/hub"
	"github.com/seshd/seshd/session"
)

// Defaults of Options.
const (
	DefaultMaxMessageBytes = 64 << 10 // no less than a session may hold, so that one message can fill it
	DefaultShutdownTimeout = 25 * time.Second
)

// Options tune an App; the zero value is good with a store that keeps secrets, such as the embedded one.
type Options struct {
	Secrets         []string               // cookie keys, the newest first, each of at least MinSecretBytes; nil: the store's own
	APIKeys         []string               // keys of the internal listener; nil: nobody gets at what needs one
	TrustedProxies  []netip.Prefix         // whose X-Forwarded-For and X-Forwarded-Proto are believed; nil: nobody's
	AllowedOrigins  []string               // other origins whose pages may use the session, scheme included
	RequireOrigin   bool                   // refuse WebSockets without Origin, which come from terminals and not from browsers
	SameSite        http.SameSite          // of the cookie; 0: Lax
	Tour            bool                   // the four routes of the tour, which write on GET, the live session view and the shop
	App             *url.URL               // where what neither seshd nor the Router owns is proxied to, such as http://127.0.0.1:3000; nil: nowhere
	CloseIdleTabs   bool                   // an open tab does not keep its session alive
	TLS             *tls.Config            // of the public listener of Serve and Run; nil: plain HTTP
	MaxConnections  int                    // of the public listener of Serve and Run; 0: no limit
	MaxMessageBytes int                    // of a frame or a body; 0: DefaultMaxMessageBytes, negative: no limit
	ShutdownTimeout time.Duration          // 0: DefaultShutdownTimeout
	Collectors      []prometheus.Collector // what else /metrics shows, such as the store: each of ours is one
	Logger          *slog.Logger           // nil: slog.Default()
}

// App serves sessions. Its embedded Router is free for the program's own routes, whose handlers find the visitor's session by
// Session; what seshd owns is matched first. It may be used concurrently once the routes are set.
type App struct {
	*mux.Router

	// Static after construction.
	manager  *session.Manager
	hub      *hub.Hub
	options  Options
	log      *slog.Logger
	cookies  *cookieJar
	origins  *originPolicy
	routes   *mux.Router // what seshd owns; the rest falls through to Router
	proxy    *proxy      // nil without Options.App
	upgrader websocket.Upgrader
	metrics  *metrics
	refusals map[string]*slog.Logger // by code
	began    time.Time

	pinger    pinger
	poller    *poller // nil: every tab keeps its reader
	buffers   readBuffers
	parkAfter time.Duration // shorter in tests
	pongWait  time.Duration // shorter in tests
	writeWait time.Duration // of tabs; shorter in tests
	lastCall  time.Duration // longer in tests
	draining  atomic.Bool
	writers   writers
	unheard   reminder // of a proxy that is not trusted

	stop    context.CancelFunc // of the App's own work
	working sync.WaitGroup
	closing sync.Once

	mu      sync.Mutex     // guards stopped, and Add of tabs against Wait
	stopped bool           // no connection may begin any more
	tabs    sync.WaitGroup // WebSocket connections
}

// New makes an App. It panics where the options are unusable, such as a secret that is too short: that
// is a mistake of the program, to be seen at its start.
func New(m *session.Manager, o Options) *App {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = DefaultMaxMessageBytes
	}
	if o.ShutdownTimeout == 0 {
		o.ShutdownTimeout = DefaultShutdownTimeout
	}
	if o.SameSite == 0 {
		o.SameSite = http.SameSiteLaxMode
	}
	if len(o.Secrets) == 0 {
		secret, err := m.Secret("secret-key")
		if err != nil {
			panic("web: " + err.Error())
		}
		o.Secrets = []string{secret}
	}
	a := &App{
		Router:  mux.NewRouter(),
		manager: m,
		hub:     hub.New(m, hub.Options{CloseIdleTabs: o.CloseIdleTabs}),
		options: o,
		log:     o.Logger,
		cookies: newCookieJar(o.Secrets, m.Lifetime(), o.SameSite),
		origins: newOriginPolicy(o.AllowedOrigins),
		writers: writers{limit: runtime.GOMAXPROCS(0)},
		upgrader: websocket.Upgrader{
			HandshakeTimeout: headerWait,
			ReadBufferSize:   0, // that of the hijacker's reader
			WriteBufferSize:  writeBuffer,
			WriteBufferPool:  new(sync.Pool),                           // it writes no frame of a tab that is in (out.go), and is to keep no buffer for that
			CheckOrigin:      func(*http.Request) bool { return true }, // checked before, by originPolicy
		},
		parkAfter: parkAfter, pongWait: pongWait, writeWait: writeWait, lastCall: lastCall,
		began: time.Now(),
	}
	a.upgrader.Error = a.refuseHandshake
	var err error
	if a.poller, err = newPoller(); err != nil {
		a.log.Warn("idle tabs will take more memory", "error", err)
	}
	a.metrics, a.refusals = newMetrics(a), refusalLogs(a.log)
	m.Observe(session.Observer{Answered: a.metrics.answered, Lived: a.metrics.lived})
	a.Router.Use(a.WithSession)
	a.Router.NotFoundHandler = http.HandlerFunc(a.notFound)
	a.Router.MethodNotAllowedHandler = a.methodNotAllowed(a.Router)
	if o.App != nil {
		a.proxy = newProxy(a, o.App)
	}
	a.route()
	work, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.working.Go(func() { a.pinger.run(work) })
	a.working.Go(a.poller.run)
	return a
}

// route sets the routes that seshd owns. Paths are matched encoded and as they come, since a key may hold any character.
func (a *App) route() {
	a.routes = mux.NewRouter().UseEncodedPath().SkipClean(true)
	a.routes.NotFoundHandler = http.HandlerFunc(a.passOn)
	a.routes.MethodNotAllowedHandler = a.guard(a.methodNotAllowed(a.routes))

	handle := func(path string, f http.HandlerFunc, methods ...string) {
		a.routes.Handle(path, a.guard(f)).Methods(methods...)
	}
	handle("/session", a.getSession, "GET", "HEAD")
	handle("/session", a.postSession, "POST")
	handle("/session", a.patchSession, "PATCH")
	handle("/session", a.deleteSession, "DELETE")
	handle("/session/tabs", a.getTabs, "GET", "HEAD")
	handle("/session/events", a.events, "GET")
	handle("/session/ticket", a.postTicket, "POST")
	handle("/session/keys/{key}", a.getKey, "GET", "HEAD")
	handle("/session/keys/{key}", a.putKey, "PUT")
	handle("/session/keys/{key}", a.deleteKey, "DELETE")
	handle(problemsPath, problems(), "GET", "HEAD")
	a.routes.HandleFunc("/ws", a.connect).Methods("GET")
	for _, path := range []string{"/seshd.js", "/seshd-events.js"} {
		a.routes.HandleFunc(path, a.client).Methods("GET", "HEAD")
	}
	if a.options.Tour {
		a.tour()
		a.live()
		a.shop()
	}
}

// ServeHTTP serves what seshd owns, by Router what the program added, and by Options.App the rest.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = a.withPeer(r)
	if err := surplus(r); err != nil && !opensTab(r) {
		w.Header().Set("Connection", "close")
		refuse := func(w http.ResponseWriter, r *http.Request) { a.refuse(w, r, err) }
		if r.URL.Path == "/session" || strings.HasPrefix(r.URL.Path, "/session/") {
			refuse = a.guard(http.HandlerFunc(refuse))
		}
		refuse(w, r)
		return
	}
	a.routes.ServeHTTP(w, r)
}

// passOn gives the program's Router, or else the app behind, what seshd does not own; below /session that is nothing.
func (a *App) passOn(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/session/") {
		a.guard(http.HandlerFunc(a.notFound))(w, r)
		return
	}
	if a.proxy != nil && !a.routed(r) {
		a.proxy.ServeHTTP(w, r)
		return
	}
	a.Router.ServeHTTP(w, r)
}

// routed says whether the program has a route at the path, if only for other methods. The Router itself is not asked, as it
// redirects paths that it would write in another way.
func (a *App) routed(r *http.Request) bool {
	var match mux.RouteMatch
	a.Router.Match(r, &match)
	return !errors.Is(match.MatchErr, mux.ErrNotFound)
}
