package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Processes are servers that were started as programs of their own. The zero
// value is ready; it is not safe for concurrent use.
type Processes struct{ all []*process }

type process struct {
	cmd   *exec.Cmd
	said  lastWords
	ended chan struct{} // closed when cmd has ended
}

// Start starts one more. It is killed when this process ends, however that
// does, where the system can see to it.
func (p *Processes) Start(name string, args ...string) error {
	x := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	x.cmd.Stdout, x.cmd.Stderr = &x.said, &x.said
	dieWithParent(x.cmd)
	if err := x.cmd.Start(); err != nil {
		return err
	}
	p.all = append(p.all, x)
	go func() {
		x.cmd.Wait()
		close(x.ended)
	}()
	return nil
}

// Err tells that one has ended by itself, and what it said last.
func (p *Processes) Err() error {
	for i, x := range p.all {
		select {
		case <-x.ended:
			return fmt.Errorf("process %d ended: %v: %s", i+1, x.cmd.ProcessState, x.said.String())
		default:
		}
	}
	return nil
}

// Close kills them, and says what Err says.
func (p *Processes) Close() error {
	err := p.Err()
	for _, x := range p.all {
		x.cmd.Process.Kill()
	}
	for _, x := range p.all {
		<-x.ended
	}
	p.all = nil
	return err
}

// ticksPerSecond is how /proc counts processor time, on all that Go runs on.
const ticksPerSecond = 100

// CPU is the user and system time that they have used so far; zero where there
// is no /proc.
func (p *Processes) CPU() (used time.Duration) {
	for _, x := range p.all {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", x.cmd.Process.Pid))
		_, rest, _ := bytes.Cut(b, []byte(") ")) // behind the name, which may hold blanks
		fields := strings.Fields(string(rest))
		if len(fields) < 13 {
			continue
		}
		for _, f := range fields[11:13] {
			ticks, _ := strconv.ParseInt(f, 10, 64)
			used += time.Duration(ticks) * time.Second / ticksPerSecond
		}
	}
	return used
}

// lastWords keep the end of what is written.
type lastWords struct {
	mu sync.Mutex
	b  []byte
}

const wordsKept = 2000

// Write implements io.Writer.
func (w *lastWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b = append(w.b, b...)
	w.b = w.b[max(0, len(w.b)-wordsKept):]
	return len(b), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.b))
}

// FreeAddrs are loopback addresses on which nothing listened a moment ago.
func FreeAddrs(n int) (addrs []string, err error) {
	for range n {
		ln, e := net.Listen("tcp", "127.0.0.1:0")
		if e != nil {
			return nil, e
		}
		addrs = append(addrs, ln.Addr().String())
		defer func() { err = errors.Join(err, ln.Close()) }()
	}
	return addrs, nil
}
