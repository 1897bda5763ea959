package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper"
)

// serve starts a server for a test.
func serve(t *testing.T, cfg Config) *httptest.Server {
	t.Helper()
	_, hs := serveOf(t, cfg)
	return hs
}

func serveOf(t *testing.T, cfg Config) (*Server, *httptest.Server) {
	t.Helper()
	if cfg.Observe == nil {
		cfg.Observe = func(context.Context) (Overview, error) { return Overview{Cluster: "test"}, nil }
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(s)
	t.Cleanup(func() { s.live.close(); hs.Close() })
	return s, hs
}

// request sends a request; what is not empty among headers ("Name: value") is
// set besides the content type.
func request(t *testing.T, hs *httptest.Server, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, hs.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, ok := strings.Cut(h, ": ")
		if !ok {
			continue
		}
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

func TestActions(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1, 2)})
	for _, step := range []struct{ method, path, body, want string }{
		{"POST", "/users/3/join", "{}", `"value":{"changed":true}`},
		{"POST", "/users/3/join", "{}", `"value":{"changed":false}`},
		{"PUT", "/users/3/following/2", "", `"value":{"changed":true}`},
		{"POST", "/users/2/posts", `{"text":"hello <b>"}`, `"author":2`},
		{"GET", "/users/3/timeline", "", `"text":"hello`},
		{"GET", "/users/3/timeline?ordered=true", "", `"reply":"conservative"`},
		{"GET", "/users/3", "", `"follows":[2]`},
		{"GET", "/users/2", "", `"follows":[]`},
		{"DELETE", "/users/3/following/2", "", `"value":{"changed":true}`},
		{"GET", "/users/3/timeline", "", `"value":{"posts":[]}`},
		{"GET", "/suggestions", "", `{"user":2,"followers":0,"following":0}`},
		{"GET", "/overview", "", `"cluster":"test"`},
		{"GET", "", "", `"characters":140`},
	} {
		res, text := request(t, hs, step.method, "/api/v1"+step.path, step.body)
		if res.StatusCode != 200 || !strings.Contains(text, step.want) || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %d %s, want %s", step.method, step.path, res.StatusCode, text, step.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1, 2)})
	long := fmt.Sprintf(`{"text":%q}`, strings.Repeat("é", chirper.MaxText+1))
	for _, bad := range []struct {
		method, path, body string
		status             int
		code               string
		header             string
	}{
		{"GET", "/users/-1", "", 400, "bad-user", ""},
		{"GET", "/users/01", "", 400, "bad-user", ""},
		{"GET", "/users/9007199254740992", "", 400, "bad-user", ""},
		{"GET", "/users/" + strings.Repeat("9", 500), "", 400, "bad-user", ""},
		{"PUT", "/users/1/following/x", "", 400, "bad-user", ""},
		{"PUT", "/users/1/following/77", "", 404, "no-user", ""},
		{"GET", "/users/77", "", 404, "no-user", ""},
		{"POST", "/users/1/posts", "", 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":"a"`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":1}`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":null}`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":"a","loud":true}`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":"a"} {}`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `[]`, 400, "bad-json", ""},
		{"POST", "/users/1/posts", `{"text":" \n "}`, 422, "empty", ""},
		{"POST", "/users/1/posts", `{"text":"a\u0000b"}`, 422, "bad-text", ""},
		{"POST", "/users/1/posts", long, 422, "too-long", ""},
		{"POST", "/users/1/posts", `{"text":"` + strings.Repeat("a", maxBody) + `"}`, 413, "too-large", ""},
		{"POST", "/users/1/posts", `{"text":"a"}`, 415, "content-type", "Content-Type: text/plain"},
		{"POST", "/users/1/posts", `text=a`, 415, "content-type", "Content-Type: application/x-www-form-urlencoded"},
		{"POST", "/users/1/posts", `{"text":"a"}`, 403, "origin", "Origin: http://elsewhere.example"},
		{"POST", "/users/1/posts", `{"text":"a"}`, 403, "origin", "Sec-Fetch-Site: cross-site"},
		{"GET", "/users/1/timeline?ordered=true", "", 403, "origin", "Sec-Fetch-Site: same-site"},
		{"GET", "/users/1", "", 403, "host", "Host: rebound.example"},
		{"GET", "/users/1/timeline?ordered=perhaps", "", 400, "bad-parameter", ""},
		{"POST", "/users/1/timeline", "{}", 405, "method", ""},
		{"GET", "/users/1/join", "", 405, "method", ""},
		{"GET", "/nowhere", "", 404, "no-such-path", ""},
		{"POST", "/processes/1/stop", "{}", 501, "no-operator", ""},
	} {
		res, text := request(t, hs, bad.method, "/api/v1"+bad.path, bad.body, bad.header)
		var got struct{ Error Problem }
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%s %.60s: %d, not JSON: %.100s", bad.method, bad.path, res.StatusCode, text)
			continue
		}
		if res.StatusCode != bad.status || got.Error.Code != bad.code || got.Error.Message == "" || len(text) > 400 {
			t.Errorf("%s %.60s %.40s: %d %.300s, want %d %s", bad.method, bad.path, bad.body, res.StatusCode, text, bad.status, bad.code)
		}
	}
}

// Emojis of several code points are one character each, as in the service.
func TestCharactersAreThoseThatPeopleCount(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1)})
	text := strings.Repeat("👨‍👩‍👧‍👦", chirper.MaxText)
	body, _ := json.Marshal(map[string]string{"text": text})
	if res, answer := request(t, hs, "POST", "/api/v1/users/1/posts", string(body)); res.StatusCode != 200 {
		t.Errorf("%d families: %d %.200s", chirper.MaxText, res.StatusCode, answer)
	}
}

// The optimistic reply is sent at once, while the conservative one is awaited.
func TestBothRepliesAreStreamed(t *testing.T) {
	for _, lie := range []bool{false, true} {
		f := newFake(1)
		f.early, f.late, f.lie, f.hold = time.Millisecond, 2*time.Millisecond, lie, make(chan struct{})
		hs := serve(t, Config{Backend: f})
		req, _ := http.NewRequest("POST", hs.URL+"/api/v1/users/1/posts", strings.NewReader(`{"text":"a"}`))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", ndjson)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(res.Body)
		next := func() (l line) {
			if !lines.Scan() {
				t.Fatalf("the stream ended: %v", lines.Err())
			}
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				t.Fatal(err)
			}
			return l
		}
		if l := next(); l.Reply != optimisticReply || l.Value == nil || l.Error != nil {
			t.Errorf("first line: %+v", l)
		}
		close(f.hold) // the conservative reply comes only now
		l := next()
		if l.Reply != conservativeReply || l.Optimistic == nil || *l.Optimistic != 1 || l.Milliseconds != 2 || l.Agreed == nil || *l.Agreed == lie {
			t.Errorf("second line: %+v", l)
		}
		if lines.Scan() {
			t.Errorf("more: %s", lines.Text())
		}
		res.Body.Close()
	}
}

// Without an optimistic reply there is one line, and an error has its status.
func TestOneReply(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1)})
	res, text := request(t, hs, "GET", "/api/v1/users/1/timeline", "", "Accept: "+ndjson)
	if res.StatusCode != 200 || strings.Count(text, "\n") != 1 || strings.Contains(text, "agreed") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
	if res, text = request(t, hs, "PUT", "/api/v1/users/1/following/5", "", "Accept: "+ndjson); res.StatusCode != 404 || !strings.Contains(text, "no-user") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

// An optimistic error is told, and so is that it turned out otherwise.
func TestRefusedOptimistically(t *testing.T) {
	f := newFake(1)
	f.early, f.late = time.Millisecond, 2*time.Millisecond
	hs := serve(t, Config{Backend: f})
	res, text := request(t, hs, "PUT", "/api/v1/users/1/following/5", "", "Accept: "+ndjson)
	if res.StatusCode != 200 || strings.Count(text, "no-user") != 2 || strings.Count(text, "\n") != 2 {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

func TestOutcomeUnknown(t *testing.T) {
	f := newFake(1)
	f.early, f.hold = time.Millisecond, make(chan struct{})
	hs := serve(t, Config{Backend: f, Limits: Limits{Wait: 30 * time.Millisecond}})
	for _, accept := range []string{"Accept: " + ndjson, "Accept: application/json"} {
		res, text := request(t, hs, "POST", "/api/v1/users/1/posts", `{"text":"a"}`, accept)
		streamed := accept == "Accept: "+ndjson
		if !strings.Contains(text, "outcome-unknown") || streamed != (res.StatusCode == 200) || strings.Contains(text, "agreed") {
			t.Errorf("%s: %d %s", accept, res.StatusCode, text)
		}
	}
}

// At most so many requests are under way; the next one is refused at once.
func TestBusy(t *testing.T) {
	f := newFake(1)
	f.hold = make(chan struct{})
	hs := serve(t, Config{Backend: f, Limits: Limits{Requests: 1}})
	first := make(chan int)
	go func() {
		for { // until it has the place, which one of the others may have
			res, err := http.Get(hs.URL + "/api/v1/users/1/timeline")
			if err != nil {
				first <- 0
				return
			}
			res.Body.Close()
			if res.StatusCode != 503 {
				first <- res.StatusCode
				return
			}
		}
	}()
	deadline := time.Now().Add(20 * time.Second)
	for {
		res, text := request(t, hs, "GET", "/api/v1", "")
		if res.StatusCode == 503 && strings.Contains(text, "busy") && res.Header.Get("Retry-After") != "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not refused: %d %s", res.StatusCode, text)
		}
	}
	close(f.hold)
	if code := <-first; code != 200 {
		t.Errorf("the first one: %d", code)
	}
}
