package web

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
)

// hand is an operator that notes what it is told.
type hand struct {
	mu   sync.Mutex
	told []string
}

func (h *hand) tell(what string, process int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if process != 1 {
		return errors.New("the cluster has no such process")
	}
	h.told = append(h.told, what)
	return nil
}

func (h *hand) Stop(_ context.Context, process int) error  { return h.tell("stop", process) }
func (h *hand) Start(_ context.Context, process int) error { return h.tell("start", process) }

func TestOperator(t *testing.T) {
	h := &hand{}
	hs := serve(t, Config{Backend: newFake(), Operator: h})
	for _, step := range []struct {
		path, body, header string
		status             int
		says               string
	}{
		{"1/stop", "{}", "", 200, `"process":1`},
		{"1/start", "{}", "", 200, `"process":1`},
		{"2/stop", "{}", "", 409, "no such process"},
		{"x/stop", "{}", "", 400, "bad-process"},
		{"70000/stop", "{}", "", 400, "bad-process"},
		{"1/stop", "", "Content-Type: text/plain", 415, "content-type"},
		{"1/stop", "{}", "Origin: http://elsewhere.example", 403, "origin"},
	} {
		res, text := request(t, hs, "POST", "/api/v1/processes/"+step.path, step.body, step.header)
		if res.StatusCode != step.status || !strings.Contains(text, step.says) {
			t.Errorf("%s: %d %s, want %d %s", step.path, res.StatusCode, text, step.status, step.says)
		}
	}
	if got := strings.Join(h.told, " "); got != "stop start" {
		t.Errorf("told: %s", got)
	}
}
