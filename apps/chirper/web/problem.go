package web

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Problem is an error as the API tells it.
type Problem struct {
	// Status is the HTTP status; in a stream that has begun it comes too late,
	// and the problem is a line of its own.
	Status int `json:"-"`
	// Code is for programs and never changes; docs/chirper-api.md lists all.
	Code string `json:"code"`
	// Message is for people: what is wrong and what to do.
	Message string `json:"message"`
}

func (p Problem) Error() string { return p.Code + ": " + p.Message }

func problem(status int, code, format string, args ...any) *Problem {
	return &Problem{status, code, fmt.Sprintf(format, args...)}
}

// refuse answers a request with a problem.
func refuse(w http.ResponseWriter, p *Problem) {
	writeJSON(w, p.Status, map[string]*Problem{"error": p})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a client that has gone needs no answer
}
