package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var opened = regexp.MustCompile(`open (http://\S+)/`)

// pageOf is where a program says that its page is.
func pageOf(t *testing.T, log *record) *page {
	t.Helper()
	eventually(t, 30*time.Second, "a page is told of", func() bool { return opened.MatchString(log.String()) })
	return &page{t, opened.FindStringSubmatch(log.String())[1] + "/api/v1"}
}

// page is Chirper's API, as a program uses it.
type page struct {
	t    *testing.T
	base string
}

// try sends a request; the value is that of the conservative reply, or the whole
// answer.
func (p *page) try(method, path string, body any) (int, string) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	req, err := http.NewRequest(method, p.base+path, bytes.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(answer)
}

func (p *page) do(method, path string, body any, says string) {
	p.t.Helper()
	if code, answer := p.try(method, path, body); code != 200 || !strings.Contains(answer, says) {
		p.t.Fatalf("%s %s: %d %s, want %s", method, path, code, answer, says)
	}
}

// state of a process, as the live view has it.
func (p *page) state(process int) string {
	_, answer := p.try("GET", "/overview", nil)
	var v struct {
		Partitions []struct {
			Replicas []struct {
				Process int
				State   string
			}
		}
	}
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		return err.Error()
	}
	for _, part := range v.Partitions {
		for _, r := range part.Replicas {
			if r.Process == process {
				return r.State
			}
		}
	}
	return "unknown"
}

func (p *page) becomes(process int, state string) {
	p.t.Helper()
	eventually(p.t, 30*time.Second, fmt.Sprintf("the live view calls process %d %s", process, state), func() bool { return p.state(process) == state })
}

// TestPage: eyrie up serves Chirper's page; one replica may be stopped, and is
// started again, while users go on.
func TestPage(t *testing.T) {
	t.Parallel()
	cmd, log := startUp(t, "--dir", t.TempDir(), "--web", "127.0.0.1:0")
	p := pageOf(t, log)
	for u := range 4 {
		p.do("POST", fmt.Sprintf("/users/%d/join", u), struct{}{}, `"changed":true`)
	}
	p.do("PUT", "/users/1/following/0", nil, `"changed":true`)
	p.do("POST", "/users/0/posts", map[string]string{"text": "all are well"}, `"author":0`)
	p.do("GET", "/users/1/timeline", nil, "all are well")
	p.becomes(1, "alive")
	p.do("POST", "/processes/1/stop", struct{}{}, "1")
	for i := range 5 {
		text := fmt.Sprintf("one is gone, %d", i)
		p.do("POST", "/users/0/posts", map[string]string{"text": text}, text)
		p.do("GET", "/users/1/timeline?ordered=true", nil, text)
	}
	p.becomes(1, "dead")
	p.do("POST", "/processes/1/start", struct{}{}, "1")
	p.becomes(1, "alive")
	if code, answer := p.try("POST", "/processes/9/stop", struct{}{}); code != 409 || !strings.Contains(answer, "no process 9") {
		t.Errorf("process 9: %d %s", code, answer)
	}
	if code := ends(t, cmd, syscall.SIGINT); code != 0 || !strings.Contains(log.String(), "stopped") {
		t.Errorf("Ctrl-C: exit code %d: %s", code, log)
	}
}

// TestPageElsewhere: a page for processes that run by themselves, one of which is
// killed.
func TestPageElsewhere(t *testing.T) {
	t.Parallel()
	c := startProcesses(t, 2, 3)
	cmd, log := begin(t, "chirper", "web", "--cluster", c.file, "--web", "127.0.0.1:0")
	t.Cleanup(func() { cmd.Process.Kill() })
	p := pageOf(t, log)
	p.do("POST", "/users/7/join", struct{}{}, `"changed":true`)
	p.becomes(2, "alive")
	c.kill(2)
	p.do("POST", "/users/7/posts", map[string]string{"text": "killed"}, "killed")
	p.becomes(2, "dead")
	if code, answer := p.try("POST", "/processes/2/start", struct{}{}); code != 501 || !strings.Contains(answer, "no-operator") {
		t.Errorf("to start a process elsewhere: %d %s", code, answer)
	}
	if code := ends(t, cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d: %s", code, log)
	}
}

func TestPageAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	bad{"up --dir DIR --web " + ln.Addr().String(), 1, []string{"in use", "--web off"}}.run(t, dir)
	bad{"up --dir DIR --web nowhere", 2, []string{"HOST:PORT"}}.run(t, dir)
	if out, code := eyrie(t, nil, "init", "--cluster", dir+"/c.json"); code != 0 {
		t.Fatal(out)
	}
	bad{"chirper web --cluster DIR/none.json", 2, []string{"no cluster file"}}.run(t, dir)
	bad{"chirper web --cluster DIR/c.json --web nowhere", 2, []string{"HOST:PORT"}}.run(t, dir)
	bad{"chirper web --cluster DIR/c.json --web off", 2, []string{"off"}}.run(t, dir)
	bad{"chirper web --cluster DIR/c.json --web 127.0.0.1:0 --timeout 100ms", 5, []string{"eyrie status"}}.run(t, dir)
	_, log := startUp(t, "--dir", filepath.Join(dir, "quiet"), "--memory", "--web", "off")
	if opened.MatchString(log.String()) {
		t.Errorf("--web off: %s", log)
	}
}
