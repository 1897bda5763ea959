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
	cmd    *exec.Cmd
	mu     sync.Mutex
	out    bytes.Buffer
	opened chan string // where its page is, once it has said so; closed when it has ended
}

var opened = regexp.MustCompile(`open (http://\S+/)\s`)

func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := opened.Match(p.out.Bytes())
	p.out.Write(b)
	if m := opened.FindSubmatch(p.out.Bytes()); m != nil && !before {
		p.opened <- string(m[1])
	}
	return len(b), nil
}

func (p *program) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(eyrie, args...), opened: make(chan string, 1)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.cmd.Wait()
		close(p.opened)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
		<-ended
		late.Stop()
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

// page is where a program says that Chirper's page is.
func (p *program) page(t *testing.T) string {
	t.Helper()
	select {
	case page, ok := <-p.opened:
		if ok {
			return page
		}
		t.Fatalf("it ended, and told of no page:\n%s", p)
	case <-time.After(2 * time.Minute):
		t.Fatalf("no page is told of:\n%s", p)
	}
	return ""
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
