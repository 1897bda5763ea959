package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// The API over the real service, on one machine.
func TestService(t *testing.T) {
	m, err := ssmr.NewMachine(chirper.Service)
	if err != nil {
		t.Fatal(err)
	}
	hs := serve(t, Config{Backend: Chirper(chirper.NewClient(m.Client()))})
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/users/3/join", "{}", 200, `"value":{"changed":true}`},
		{"POST", "/users/3/join", "{}", 200, `"value":{"changed":false}`},
		{"POST", "/users/2/join", "{}", 200, `"value":{"changed":true}`},
		{"POST", "/users/2/posts", `{"text":"hello <b>"}`, 200, `"author":2`},
		{"PUT", "/users/3/following/2", "", 200, `"value":{"changed":true}`},
		{"GET", "/users/3/timeline", "", 200, `"author":2`},
		{"GET", "/users/3/timeline?ordered=true", "", 200, `"author":2`},
		{"GET", "/users/3", "", 200, `{"user":3,"followers":0,"following":1,"follows":[2]}`},
		{"GET", "/users/4", "", 404, `"code":"no-user"`},
		{"GET", "/suggestions", "", 200, `{"users":[{"user":2,"followers":1,"following":0},{"user":3,"followers":0,"following":1}]}`},
		{"DELETE", "/users/3/following/2", "", 200, `"value":{"changed":true}`},
		{"GET", "/users/3/timeline", "", 200, `"value":{"posts":[]}`},
		{"PUT", "/users/3/following/3", "", 422, `"code":"self"`},
		{"PUT", "/users/3/following/9", "", 404, `"code":"no-user"`},
		{"POST", "/users/9/posts", `{"text":"a"}`, 404, `"code":"no-user"`},
		{"GET", "/users/9/timeline", "", 404, `"code":"no-user"`},
	} {
		res, text := request(t, hs, step.method, "/api/v1"+step.path, step.body)
		if res.StatusCode != step.status || !strings.Contains(text, step.want) {
			t.Errorf("%s %s: %d %s, want %d %s", step.method, step.path, res.StatusCode, text, step.status, step.want)
		}
	}
}

// A profile lists the first of many who are followed.
func TestProfileIsBounded(t *testing.T) {
	m, err := ssmr.NewMachine(chirper.Service)
	if err != nil {
		t.Fatal(err)
	}
	c := chirper.NewClient(m.Client())
	for u := range chirper.User(shown + 20) {
		if _, err := c.Join(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if u > 0 {
			if _, err := c.Follow(t.Context(), 0, u); err != nil {
				t.Fatal(err)
			}
		}
	}
	hs := serve(t, Config{Backend: Chirper(c)})
	_, text := request(t, hs, "GET", "/api/v1/users/0", "")
	var p Profile
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Following != shown+19 || len(p.Follows) != shown || p.Follows[0] != 1 {
		t.Errorf("%v: %.200s", err, text)
	}
}

// Every error has a code; that an outcome is unknown counts for more than why.
func TestExplanations(t *testing.T) {
	s := service{}
	for _, row := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("%w: %w", ssmr.ErrOutcomeUnknown, ssmr.ErrClosed), http.StatusGatewayTimeout, "outcome-unknown"},
		{&chirper.Error{Op: "post", User: 1, Err: fmt.Errorf("%w: empty", chirper.ErrBadText)}, http.StatusUnprocessableEntity, "bad-text"},
		{ssmr.ErrNoRoom, http.StatusInsufficientStorage, "no-room"},
		{errors.New("strange"), http.StatusInternalServerError, "internal"},
	} {
		if p := s.Explain(row.err); p.Status != row.status || p.Code != row.code || p.Message == "" {
			t.Errorf("%v: %+v, want %d %s", row.err, p, row.status, row.code)
		}
	}
}
