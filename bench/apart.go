package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Servers are what a client in a process of its own speaks to.
type Servers interface {
	// Start starts them, unless they run already. The context bounds the
	// start only.
	Start(ctx context.Context) error
	// Address is what the client's process is told about them, as JSON.
	Address() any
	// CPU is the processor time that they have used so far, in whichever
	// processes they are.
	CPU() time.Duration
	// Close ends them, or leaves them to the next turn.
	Close() error
}

// Apart is a contender whose client, with the load generator, is in a process
// of its own: this program started again.
type Apart struct {
	System, Variant string
	// Servers are started in this process, or by it.
	Servers func(Case) Servers
	// Client makes the client, in its process, from what Address said. cpu is
	// that of the servers.
	Client func(c Case, address json.RawMessage, cpu func() time.Duration) (System, error)
	// Can is as in Contender.
	Can func(Case) bool
}

func (a Apart) String() string { return Contender{System: a.System, Variant: a.Variant}.String() }

// contender is a as a plan of the named bench has it. The client's words for
// people go to stderr.
func (a Apart) contender(bench string, stderr io.Writer) Contender {
	return Contender{System: a.System, Variant: a.Variant, Can: a.Can, New: func(c Case) System {
		return &apart{Servers: a.Servers(c), who: a.String(), bench: bench, stderr: stderr}
	}}
}

// clientEnv tells this program, started again, that it is the client.
const clientEnv = "EYRIE_BENCH_CLIENT"

// isClient says whether this process is to be the client of a bench.
func isClient() bool { return os.Getenv(clientEnv) != "" }

// apart is a system that is measured from another process.
type apart struct {
	Servers
	who, bench string
	stderr     io.Writer
}

var errApart = errors.New("bench: the client is in another process")

// Submit implements System, and fails: measure is how it is measured.
func (a *apart) Submit(_ Op, done func(error)) { done(errApart) }

// Flush implements System.
func (a *apart) Flush() {}

// order is what the client is told.
type order struct {
	System  string
	Address json.RawMessage
	Case    Case
	Phases  Phases
	Seed    uint64
}

// told is what it tells: an empty one of them asks for the servers' CPU time.
type told struct {
	Result *wireResult
	Error  string
}

// measure implements measurer. The client's words come by its standard output,
// one line each; it asks for the servers' CPU time when it reads its own.
func (a *apart) measure(ctx context.Context, c Case, ph Phases, seed uint64) (*Result, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := json.Marshal(a.Address())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.startLimit()+ph.Warm+ph.Measure+ph.Drain+5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "bench", a.bench)
	cmd.Env, cmd.Stderr = append(os.Environ(), clientEnv+"=1"), a.stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r, err := a.converse(in, out, order{a.who, address, c, ph, seed})
	in.Close()
	return r, errors.Join(err, cmd.Wait())
}

func (a *apart) converse(in io.Writer, out io.Reader, o order) (*Result, error) {
	say, hear := json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	if err := say.Encode(o); err != nil {
		return nil, err
	}
	for {
		var r told
		if err := hear.Decode(&r); err != nil {
			return nil, fmt.Errorf("the client's process ended early: %w", err)
		}
		switch {
		case r.Error != "":
			return nil, errors.New(strings.TrimSpace(r.Error))
		case r.Result != nil:
			return r.Result.result(), nil
		}
		if err := say.Encode(a.CPU()); err != nil {
			return nil, err
		}
	}
}
