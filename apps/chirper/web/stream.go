package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
)

// What a line of an answer is.
const (
	optimisticReply   = "optimistic"
	conservativeReply = "conservative"
)

// line is one reply to an action. An answer is a stream of lines (NDJSON): the
// optimistic reply, if one came first, and the conservative one. Who does not
// ask for a stream gets the last line alone. The status is that of the last
// line's error, if it is the first, too.
type line struct {
	Reply string `json:"reply"`
	// Milliseconds from the sending of the command to this reply.
	Milliseconds float64 `json:"ms"`
	// Of the conservative one: when the optimistic one came, and whether it was
	// the same; without one both are left out.
	Optimistic *float64 `json:"optimistic_ms,omitempty"`
	Agreed     *bool    `json:"agreed,omitempty"`
	Value      any      `json:"value,omitempty"`
	Error      *Problem `json:"error,omitempty"`
}

const ndjson = "application/x-ndjson"

// act answers a request with the replies to a command. Reads without a place in
// the order are not counted among the latencies of actions.
func (s *Server) act(w http.ResponseWriter, r *http.Request, c Call, counted bool) {
	sent := time.Now()
	streams := strings.Contains(r.Header.Get("Accept"), ndjson)
	begun := false
	if streams {
		first, final := c.First(r.Context())
		if !final && !gaveUp(first.Err) {
			begun = true
			s.begin(w)
			s.writeLine(w, s.lineOf(r, optimisticReply, time.Since(sent), first))
		}
	}
	last := c.Last(r.Context())
	l := s.lineOf(r, conservativeReply, time.Since(sent), last)
	if !gaveUp(last.Err) {
		t := c.Times()
		l.Milliseconds = milliseconds(t.Conservative)
		if t.Early {
			early := milliseconds(t.Optimistic)
			l.Optimistic, l.Agreed = &early, &t.Agreed
		}
		if counted {
			s.seen.add(t)
		}
	}
	switch {
	case !begun && l.Error != nil:
		writeJSON(w, l.Error.Status, l)
		return
	case !begun && !streams:
		writeJSON(w, http.StatusOK, l)
		return
	case !begun:
		s.begin(w)
	}
	s.writeLine(w, l)
}

// gaveUp says whether an error means that no reply was waited for to the end.
func gaveUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (s *Server) lineOf(to *http.Request, kind string, after time.Duration, r Reply) line {
	l := line{Reply: kind, Milliseconds: milliseconds(after)}
	if r.Err == nil {
		l.Value = r.Value
	} else {
		l.Error = s.explain(to, r.Err)
	}
	return l
}

func (s *Server) begin(w http.ResponseWriter) {
	w.Header().Set("Content-Type", ndjson)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// writeLine sends a line at once. A client that has gone needs none.
func (s *Server) writeLine(w http.ResponseWriter, l line) {
	if json.NewEncoder(w).Encode(l) == nil {
		http.NewResponseController(w).Flush()
	}
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}
