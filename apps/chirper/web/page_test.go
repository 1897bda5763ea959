package web

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestPage(t *testing.T) {
	hs := serve(t, Config{Backend: newFake()})
	res, html := request(t, hs, "GET", "/", "")
	if res.StatusCode != 200 || !strings.Contains(html, "<title>Chirper") {
		t.Fatalf("%d %.200s", res.StatusCode, html)
	}
	for _, h := range []string{"default-src 'none'", "frame-ancestors 'none'", "script-src 'self'"} {
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), h) {
			t.Errorf("the policy lacks %s", h)
		}
	}
	if again, _ := request(t, hs, "GET", "/", "", "If-None-Match: "+res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("again: %d", again.StatusCode)
	}
	for _, name := range []string{"/app.js", "/style.css", "/icon.svg"} {
		if res, _ := request(t, hs, "GET", name, ""); res.StatusCode != 200 || strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.Header.Get("Content-Type"))
		}
	}
	if res, _ := request(t, hs, "GET", "/doc.go", ""); res.StatusCode != 404 {
		t.Errorf("what is not of the page: %d", res.StatusCode)
	}
	if res, _ := request(t, hs, "POST", "/", "{}"); res.StatusCode != 405 {
		t.Errorf("POST /: %d", res.StatusCode)
	}
}

// What users write never becomes markup: the page makes elements with text only.
func TestPageMakesNoMarkupOfText(t *testing.T) {
	entries, err := page.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function`)
	inline := regexp.MustCompile(`<script>|<style>|\son[a-z]+="|\sstyle="`)
	imported := regexp.MustCompile(`from "\./([^"]+)"`)
	for _, e := range entries {
		text, err := page.ReadFile("page/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if m := markup.FindString(string(text)); m != "" {
			t.Errorf("%s uses %s", e.Name(), m)
		}
		if m := inline.FindString(string(text)); strings.HasSuffix(e.Name(), ".html") && m != "" {
			t.Errorf("%s has %s, which the policy forbids", e.Name(), m)
		}
		for _, m := range imported.FindAllStringSubmatch(string(text), -1) {
			if _, err := page.ReadFile("page/" + m[1]); err != nil {
				t.Errorf("%s imports %s: %v", e.Name(), m[1], err)
			}
		}
		if kinds[extension(e.Name())] == "" {
			t.Errorf("%s is of a kind that is not served", e.Name())
		}
	}
}

func extension(name string) string { return name[strings.LastIndexByte(name, '.'):] }

// listening serves from a socket until cancel is called; what Serve returns then
// is in ended.
func listening(t *testing.T, limits Limits) (addr string, cancel func(), ended <-chan error) {
	t.Helper()
	s, err := New(Config{
		Backend: newFake(), Limits: limits,
		Observe: func(context.Context) (Overview, error) { return Overview{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan error, 1)
	go func() { end <- s.Serve(ctx, ln) }()
	return ln.Addr().String(), cancel, end
}

// Serve ends with its context, although somebody watches.
func TestServeEnds(t *testing.T) {
	addr, cancel, ended := listening(t, Limits{})
	res, err := http.Get("http://" + addr + "/api/v1/live")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("still serving")
	}
}
