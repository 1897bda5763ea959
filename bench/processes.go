package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Processes are servers that were started as programs of their own. The zero
// value is ready; it is not safe for concurrent use.
type Processes struct{ all []*process }

type process struct {
	cmd    *exec.Cmd
	said   lastWords
	ended  chan struct{} // closed when cmd has ended
	killed bool          // by Kill
}

// Start starts one more. It is killed when this process ends, however that
// does, where the system can see to it.
func (p *Processes) Start(name string, args ...string) error {
	x, err := start(name, args...)
	if err == nil {
		p.all = append(p.all, x)
	}
	return err
}

func start(name string, args ...string) (*process, error) {
	x := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	x.cmd.Stdout, x.cmd.Stderr = &x.said, &x.said
	dieWithParent(x.cmd)
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		x.cmd.Wait()
		close(x.ended)
	}()
	return x, nil
}

// Kill kills the i-th, from 0, as kill -9 does, and returns when it has ended.
func (p *Processes) Kill(i int) {
	x := p.all[i]
	x.killed = true
	x.cmd.Process.Kill()
	<-x.ended
}

// Again starts the i-th again, which was killed, as it was started.
func (p *Processes) Again(i int) error {
	x, err := start(p.all[i].cmd.Path, p.all[i].cmd.Args[1:]...)
	if err == nil {
		p.all[i] = x
	}
	return err
}

// Pid is the i-th's, and zero while it is killed.
func (p *Processes) Pid(i int) int {
	if p.all[i].killed {
		return 0
	}
	return p.all[i].cmd.Process.Pid
}

// Err tells that one has ended by itself, and what it said last.
func (p *Processes) Err() error {
	for i, x := range p.all {
		select {
		case <-x.ended:
			if x.killed {
				continue
			}
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

// CPU is the user and system time that they have used so far, to the nanosecond:
// in ticks of the system's clock a short window of little load would read zero.
// Zero where it cannot be had.
func (p *Processes) CPU() (used time.Duration) {
	for _, x := range p.all {
		used += cpuOf(x.cmd.Process.Pid)
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

// FreeAddrs are loopback addresses on which nothing listened a moment ago. Their
// ports lie below those that the system gives to outgoing connections, one of which
// could otherwise have taken a port by the time that a server is to listen there.
func FreeAddrs(n int) (addrs []string, err error) {
	for range n {
		ln, e := listenLow()
		if e != nil {
			return nil, e
		}
		addrs = append(addrs, ln.Addr().String())
		defer func() { err = errors.Join(err, ln.Close()) }()
	}
	return addrs, nil
}

const firstPort, ports = 16_000, 16_000

// listenLow looks where it has not yet, from a place on that differs by program.
var (
	firstLook = rand.Uint32N(ports)
	looks     atomic.Uint32
)

func listenLow() (ln net.Listener, err error) {
	for range ports {
		if ln, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstPort+(firstLook+looks.Add(1))%ports)); err == nil {
			return ln, nil
		}
	}
	return nil, err
}
