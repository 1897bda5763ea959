package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// TestTwoReplies: what an optimistic reply shows is marked, and then confirmed
// or corrected. The replies to posts are the test's own, each when it says so;
// all else is a real cluster's.
func TestTwoReplies(t *testing.T) {
	browser := launch(t)
	up := start(t, "up", "--dir", t.TempDir(), "--memory", "--partitions", "1", "--web", "127.0.0.1:0")
	target, err := url.Parse(up.page(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	lines := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/posts") {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		for line := range lines {
			io.WriteString(w, line+"\n")
			w.(http.Flusher).Flush()
			if strings.Contains(line, `"conservative"`) {
				return
			}
		}
	}))
	t.Cleanup(server.CloseClientConnections)
	ann := open(t, browser, "ann", server.URL, 1280, "light")
	ann.signIn(3)
	ann.click("#auto") // readings would not find what nobody has posted

	const first = "#posts li:first-child"
	value := func(id, text string) string {
		return fmt.Sprintf(`"value":{"id":%q,"author":3,"time":"2026-01-01T00:00:00Z","text":%q}`, id, text)
	}
	send := func(text string) {
		ann.fills("#text", text)
		ann.click("#post-button")
		ann.shows(first+" .badge", "sending")
		lines <- `{"reply":"optimistic","ms":1.25,` + value("a-"+text, text) + `}`
		ann.shows(first+".optimistic .badge", "likely, 1.25 ms")
		ann.shows("#actions tr:first-child", "1.25 ms")
		ann.shows("#actions tr:first-child .badge", "likely")
	}
	send("right")
	lines <- `{"reply":"conservative","ms":3.5,"optimistic_ms":1.25,"agreed":true,` + value("a-right", "right") + `}`
	ann.shows(first+".confirmed .badge", "confirmed, 3.50 ms")
	ann.shows("#actions tr:first-child .badge", "agreed")

	send("wrong")
	lines <- `{"reply":"conservative","ms":3.5,"optimistic_ms":1.25,"agreed":false,` + value("b", "wrong") + `}`
	ann.shows(first+".corrected .badge", "corrected, 3.50 ms")
	ann.shows("#actions tr:first-child .badge", "corrected")
	ann.shows("#notice", "corrected")

	send("refused")
	lines <- `{"reply":"conservative","ms":3.5,"optimistic_ms":1.25,"agreed":false,"error":{"code":"too-wide","message":"too long for so many"}}`
	ann.shows(first+" .badge", "not posted")
	ann.shows("#notice.bad", "too long for so many")
	if text := eval[string](ann, "document.querySelector('#text').value"); text != "refused" {
		t.Errorf("the text that was not posted is lost: %q is left", text)
	}
	ann.calm()
}

// TestCharacters: the page counts as the service does.
func TestCharacters(t *testing.T) {
	browser := launch(t)
	up := start(t, "up", "--dir", t.TempDir(), "--memory", "--partitions", "1", "--web", "127.0.0.1:0")
	ann := open(t, browser, "ann", up.page(t), 1280, "light")
	ann.signIn(3)
	set := func(js string) {
		eval[bool](ann, fmt.Sprintf("(e => { e.value = %s; return e.dispatchEvent(new Event('input')) })(document.querySelector('#text'))", js))
	}
	set(`"👨‍👩‍👧‍👦e\u0301🇵🇱"`)
	ann.shows("#count", "137 characters left")
	set(`"x".repeat(141)`)
	ann.shows("#count.over", "1 character too many")
	ann.click("#post-button")
	ann.shows("#notice.bad", "at most 140 characters")
	set(`"👨‍👩‍👧‍👦".repeat(140)`)
	ann.shows("#count", "0 characters left")
	ann.click("#post-button")
	ann.shows("#notice", "Posted")
	ann.calm()
}
