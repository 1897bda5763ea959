package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// about says what this is and what it allows.
func (s *Server) about(w http.ResponseWriter, r *http.Request) *Problem {
	writeJSON(w, http.StatusOK, map[string]any{
		"service": "chirper", "version": 1,
		"limits": map[string]any{
			"characters": chirper.MaxText, "user": chirper.MaxUser, "timeline": chirper.MaxTimeline,
			"body_bytes": maxBody, "requests": s.cfg.Limits.Requests, "watchers": s.cfg.Limits.Watchers,
			"wait_seconds": s.cfg.Limits.Wait.Seconds(),
		},
		"operator": s.cfg.Operator != nil,
	})
	return nil
}

// number reads a user of the path.
func number(r *http.Request, name string) (uint64, *Problem) {
	text := r.PathValue(name)
	u, err := strconv.ParseUint(text, 10, 64)
	if err != nil || u > uint64(chirper.MaxUser) || strconv.FormatUint(u, 10) != text {
		return 0, problem(http.StatusBadRequest, "bad-user", "%q is not a user; users are whole numbers from 0 to %d", clip(text), chirper.MaxUser)
	}
	return u, nil
}

// clip keeps what an answer repeats short.
func clip(text string) string {
	if len(text) <= 40 {
		return text
	}
	return strings.ToValidUTF8(text[:40], "") + "…"
}

// explain explains an error of a request. What only reads may be asked again.
func (s *Server) explain(r *http.Request, err error) *Problem {
	p := s.cfg.Backend.Explain(err)
	if r.Method == http.MethodGet && p.Code == "outcome-unknown" {
		p = Problem{http.StatusGatewayTimeout, "no-answer", "no answer came in time; nothing was changed: ask again"}
	}
	return &p
}

func (s *Server) profile(w http.ResponseWriter, r *http.Request) *Problem {
	user, p := number(r, "user")
	if p != nil {
		return p
	}
	known, ok, err := s.cfg.Backend.Profile(r.Context(), user)
	if err != nil {
		return s.explain(r, err)
	}
	if !ok {
		p := noUser
		return &p
	}
	if known.Follows == nil {
		known.Follows = []uint64{}
	}
	writeJSON(w, http.StatusOK, known)
	return nil
}

// suggestions are users to sign in as, or to follow.
func (s *Server) suggestions(w http.ResponseWriter, r *http.Request) *Problem {
	people, err := s.people.suggest(r.Context())
	if err != nil {
		return s.explain(r, err)
	}
	writeJSON(w, http.StatusOK, map[string]any{"users": people})
	return nil
}

func (s *Server) join(w http.ResponseWriter, r *http.Request) *Problem {
	user, p := number(r, "user")
	if p == nil {
		p = readJSON(r, &struct{}{})
	}
	if p != nil {
		return p
	}
	s.people.met(user)
	s.act(w, r, s.cfg.Backend.Join(r.Context(), user), true)
	return nil
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) *Problem {
	user, p := number(r, "user")
	var body struct {
		Text *string `json:"text"`
	}
	if p == nil {
		p = readJSON(r, &body)
	}
	if p == nil {
		p = checkText(body.Text)
	}
	if p != nil {
		return p
	}
	s.act(w, r, s.cfg.Backend.Post(r.Context(), user, *body.Text), true)
	return nil
}

// checkText says what is wrong with a text, by the rules of the service.
func checkText(text *string) *Problem {
	if text == nil {
		return problem(http.StatusBadRequest, "bad-json", `"text" is missing`)
	}
	if strings.TrimSpace(*text) == "" {
		return problem(http.StatusUnprocessableEntity, "empty", "there is nothing in the post")
	}
	if n := chirper.Characters(*text); n > chirper.MaxText {
		return problem(http.StatusUnprocessableEntity, "too-long", "the post has %d characters; at most %d are possible", n, chirper.MaxText)
	}
	if err := chirper.CheckText(*text); err != nil {
		return problem(http.StatusUnprocessableEntity, "bad-text", "%v", err)
	}
	return nil
}

func (s *Server) follow(w http.ResponseWriter, r *http.Request) *Problem {
	return s.pair(w, r, s.cfg.Backend.Follow)
}

func (s *Server) unfollow(w http.ResponseWriter, r *http.Request) *Problem {
	return s.pair(w, r, s.cfg.Backend.Unfollow)
}

// pair does something with the two users of a path.
func (s *Server) pair(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, user, other uint64) Call) *Problem {
	user, p := number(r, "user")
	if p != nil {
		return p
	}
	other, p := number(r, "other")
	if p != nil {
		return p
	}
	s.act(w, r, do(r.Context(), user, other), true)
	return nil
}

func (s *Server) timeline(w http.ResponseWriter, r *http.Request) *Problem {
	user, p := number(r, "user")
	if p != nil {
		return p
	}
	ordered := false
	switch text := r.URL.Query().Get("ordered"); text {
	case "true":
		ordered = true
	case "", "false":
	default:
		return problem(http.StatusBadRequest, "bad-parameter", "ordered is %q; it may be true or false", clip(text))
	}
	s.act(w, r, s.cfg.Backend.Timeline(r.Context(), user, ordered), ordered)
	return nil
}

func (s *Server) overview(w http.ResponseWriter, r *http.Request) *Problem {
	v, err := s.live.once(r.Context())
	if err != nil {
		return problem(http.StatusServiceUnavailable, "no-status", "the cluster could not be asked how it is: %v", err)
	}
	writeJSON(w, http.StatusOK, v)
	return nil
}

func (s *Server) stop(w http.ResponseWriter, r *http.Request) *Problem {
	return s.operate(w, r, func(o Operator, process int) error { return o.Stop(r.Context(), process) })
}

func (s *Server) start(w http.ResponseWriter, r *http.Request) *Problem {
	return s.operate(w, r, func(o Operator, process int) error { return o.Start(r.Context(), process) })
}

func (s *Server) operate(w http.ResponseWriter, r *http.Request, do func(o Operator, process int) error) *Problem {
	if s.cfg.Operator == nil {
		return problem(http.StatusNotImplemented, "no-operator", "this server cannot stop or start processes, which run elsewhere; end them where they run, by kill and eyrie node")
	}
	n, err := strconv.ParseUint(r.PathValue("process"), 10, 16)
	if err != nil {
		return problem(http.StatusBadRequest, "bad-process", "%q is not a process; GET /api/v1/overview lists them", clip(r.PathValue("process")))
	}
	if p := readJSON(r, &struct{}{}); p != nil {
		return p
	}
	if err := do(s.cfg.Operator, int(n)); err != nil {
		return problem(http.StatusConflict, "operator", "%v", err)
	}
	writeJSON(w, http.StatusOK, map[string]any{"process": n})
	return nil
}
