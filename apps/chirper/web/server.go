package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// DefaultAddr is where the page is served unless another address is given.
const DefaultAddr = "127.0.0.1:7480"

// Config is what a Server serves.
type Config struct {
	Backend Backend
	// Observe asks the cluster how it is; it should answer within a second. The
	// server asks once a second while somebody watches.
	Observe func(ctx context.Context) (Overview, error)
	// Operator stops and starts processes; nil if this server cannot.
	Operator Operator
	// Hosts are names, besides IP addresses and localhost, under which the page
	// may be asked for.
	Hosts []string
	// Logger is silent when nil.
	Logger *slog.Logger
	Limits Limits
}

// Operator stops and starts the processes of a cluster, where a server is
// beside them. Both are idempotent.
type Operator interface {
	// Stop ends a process as a crash would.
	Stop(ctx context.Context, process int) error
	Start(ctx context.Context, process int) error
}

// Limits bound what requests may cost. The zero value serves.
type Limits struct {
	// Requests under way at a time; the next ones are refused at once, as busy.
	// 0 means 64.
	Requests int
	// Connections at a time; the next ones are closed at once, so that whoever
	// opens many leaves the process the file descriptors that it needs. 0 means 256.
	Connections int
	// Watchers of the live view at a time; the next ones are refused. 0 means 32.
	Watchers int
	// Wait is how long an action is waited for; then its outcome is called
	// unknown. 0 means 15 s.
	Wait time.Duration
	// Every is how often the live view is renewed. 0 means a second.
	Every time.Duration
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Requests, 64)
	set(&l.Connections, 256)
	set(&l.Watchers, 32)
	if l.Wait <= 0 {
		l.Wait = 15 * time.Second
	}
	if l.Every <= 0 {
		l.Every = time.Second
	}
	return l
}

// Server is an http.Handler with the page and the API. It is safe for
// concurrent use.
type Server struct {
	cfg     Config
	handler http.Handler
	room    chan struct{} // one token for each request under way
	people  *people
	seen    *latencies
	live    *live
}

// New makes a server. It does nothing until requests come.
func New(cfg Config) (*Server, error) {
	if cfg.Backend == nil || cfg.Observe == nil {
		return nil, errors.New("web: Config needs a Backend and an Observe")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Server{
		cfg: cfg, room: make(chan struct{}, cfg.Limits.Requests),
		people: newPeople(cfg.Backend), seen: newLatencies(),
	}
	s.live = newLive(cfg, s.seen)
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	s.handler = s.guard(s.routes(assets))
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) routes(assets *assets) *http.ServeMux {
	mux := http.NewServeMux()
	api := func(pattern string, h func(w http.ResponseWriter, r *http.Request) *Problem) {
		mux.Handle(pattern, s.bounded(h))
	}
	api("GET /api/v1", s.about)
	api("GET /api/v1/suggestions", s.suggestions)
	api("GET /api/v1/users/{user}", s.profile)
	api("POST /api/v1/users/{user}/join", s.join)
	api("POST /api/v1/users/{user}/posts", s.post)
	api("PUT /api/v1/users/{user}/following/{other}", s.follow)
	api("DELETE /api/v1/users/{user}/following/{other}", s.unfollow)
	api("GET /api/v1/users/{user}/timeline", s.timeline)
	api("GET /api/v1/overview", s.overview)
	api("POST /api/v1/processes/{process}/stop", s.stop)
	api("POST /api/v1/processes/{process}/start", s.start)
	mux.HandleFunc("GET /api/v1/live", s.live.serve)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) { s.noRoute(mux, w, r) })
	mux.Handle("/", assets)
	return mux
}

// noRoute explains what is wrong with a request that no handler takes.
func (s *Server) noRoute(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/api/" {
			w.Header().Set("Allow", method)
			refuse(w, problem(http.StatusMethodNotAllowed, "method", "%s is not possible here; use %s", r.Method, method))
			return
		}
	}
	refuse(w, problem(http.StatusNotFound, "no-such-path", "there is nothing at %s; docs/chirper-api.md lists the API", r.URL.Path))
}

// Serve serves the listener until ctx ends; requests under way then have a few
// seconds to end. It closes the listener.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	base, cancel := context.WithCancel(context.Background())
	defer cancel()
	hs := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       s.cfg.Limits.Wait + 5*time.Second, // its end also ends a request under way
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelWarn),
	}
	hs.RegisterOnShutdown(s.live.close)
	ended := make(chan error, 1)
	go func() { ended <- hs.Serve(atMost(ln, s.cfg.Limits.Connections)) }()
	select {
	case err := <-ended:
		return fmt.Errorf("web: %w", err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.Background(), 3*time.Second)
	defer stop()
	if hs.Shutdown(grace) != nil {
		cancel()
		hs.Close()
	}
	<-ended
	s.live.asks.Wait() // what observes the cluster may be closed now
	return nil
}
