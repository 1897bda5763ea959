package browser

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var eyrie string // the built binary

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "eyrie-browser")
	if err != nil {
		panic(err)
	}
	eyrie = filepath.Join(dir, "eyrie")
	build := exec.Command("go", "build", "-o", eyrie, "./cmd/eyrie")
	build.Dir = "../../../.."
	code := 1
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building eyrie: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// program is a running eyrie.
type program struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(eyrie, args...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		ended := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
		p.cmd.Wait()
		ended.Stop()
		if t.Failed() {
			t.Logf("eyrie %s said:\n%.3000s", strings.Join(args, " "), p)
		}
	})
	return p
}

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(eyrie, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("eyrie %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var opened = regexp.MustCompile(`open (http://\S+/)`)

// page is where a program says that Chirper's page is.
func (p *program) page(t *testing.T) string {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		if m := opened.FindStringSubmatch(p.String()); m != nil {
			return m[1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("no page is told of:\n%s", p)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// call uses the API, to prepare what the browser shall find.
func call(t *testing.T, page, method, path, body string) {
	t.Helper()
	req, err := http.NewRequest(method, page+"api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != 200 {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
}
