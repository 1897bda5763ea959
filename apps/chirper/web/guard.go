package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// maxBody bounds a request's body: a post of 140 characters, each of which may
// be several code points, with room.
const maxBody = 16 << 10

// policy is the Content-Security-Policy of everything served: scripts, styles
// and connections from here alone, nothing inline, no frames.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard refuses what comes from other sites, and what asks for another's name.
func (s *Server) guard(next http.Handler) http.Handler {
	origin := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if !s.own(r.Host) {
			refuse(w, problem(http.StatusForbidden, "host", "this server does not serve %q; ask for it by its IP address or as localhost", r.Host))
			return
		}
		if err := origin.Check(r); err != nil || foreign(r) {
			refuse(w, problem(http.StatusForbidden, "origin", "pages of other origins may not use this server"))
			return
		}
		http.NewResponseController(w).SetWriteDeadline(time.Now().Add(30 * time.Second))
		next.ServeHTTP(w, r)
	})
}

// foreign says whether a browser says that another site's page asks the API.
// What only reads is refused to them too, as it costs the cluster work; they
// may link to the page.
func foreign(r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, "/api/") {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	from := r.Header.Get("Origin")
	u, err := url.Parse(from)
	return from != "" && (err != nil || u.Host != r.Host)
}

// own says whether a Host header names this server. A name of somebody else's
// that resolves to a loopback address (DNS rebinding) would make a foreign page
// one of the same origin.
func (s *Server) own(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.Trim(strings.TrimSuffix(host, "."), "[]")
	return net.ParseIP(host) != nil || strings.EqualFold(host, "localhost") ||
		slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// bodyTime is how long a request's body may take to come.
const bodyTime = 5 * time.Second

// bounded runs a handler with a bound on what it reads, on how many do at a
// time, and on how long it takes. The body is read before a place is taken: one
// that does not come keeps nobody from the service.
func (s *Server) bounded(h func(w http.ResponseWriter, r *http.Request) *Problem) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := takeBody(w, r); p != nil {
			w.Header().Set("Connection", "close")
			refuse(w, p)
			return
		}
		select {
		case s.room <- struct{}{}:
			defer func() { <-s.room }()
		default:
			refuse(w, problem(http.StatusServiceUnavailable, "busy", "%d requests are under way, as many as are allowed; try again", cap(s.room)))
			return
		}
		wait := s.cfg.Limits.Wait
		ctx, cancel := context.WithTimeout(r.Context(), wait)
		defer cancel()
		rc := http.NewResponseController(w)
		rc.SetReadDeadline(time.Now().Add(wait + 5*time.Second))
		rc.SetWriteDeadline(time.Now().Add(wait + 5*time.Second))
		if p := h(w, r.WithContext(ctx)); p != nil {
			refuse(w, p)
		}
	})
}

// takeBody reads the whole body, which is short.
func takeBody(w http.ResponseWriter, r *http.Request) *Problem {
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "too-large", "the body is longer than %d bytes", maxBody)
	case err != nil:
		return problem(http.StatusRequestTimeout, "no-body", "the body did not come within %v", bodyTime)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// readJSON reads a request's body, which must be one JSON object with known
// fields.
func readJSON(r *http.Request, into any) *Problem {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return problem(http.StatusUnsupportedMediaType, "content-type", "the body must be JSON, with Content-Type: application/json")
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && !utf8.Valid(body) {
		err = errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err == nil {
		err = dec.Decode(into)
	}
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("there is more behind the object")
		}
	}
	if err == nil {
		return nil
	}
	return problem(http.StatusBadRequest, "bad-json", "the body is not the JSON object that this needs: %v", err)
}
