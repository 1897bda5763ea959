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

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// fetch tells a value: a command that needs no place in the order.
var fetch = ssmr.NewCommand("fetch",
	func(a storeArg) ssmr.Access { return ssmr.Exactly(values.Reads(a.Key)) },
	func(tx ssmr.Tx, a storeArg) ([]byte, error) {
		v, _ := values.Get(tx, a.Key)
		return v, nil
	}, ssmr.ReadOnly())

// Reads measures linearizable reads, which no instance orders, beside our own
// ordered writes. The replicas run in this process and the client, with the
// load generator, in one of its own: this program started again. args are flags
// (see -help); it returns an exit status.
func Reads(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if os.Getenv(clientEnv) != "" {
		return readsClient(ctx, os.Stdin, stdout, stderr)
	}
	d := defaults()
	d.outstanding = []int{1, 64}
	s, err := parse("reads", args, stderr, d)
	if err != nil {
		return 2
	}
	p := &Plan{
		Bench: "reads",
		Title: fmt.Sprintf("reads: 1 partition of 3 replicas in one process, the client in another, over loopback TCP, in memory, %d B values", s.size),
		Contenders: []Contender{
			{System: "eyrie", Variant: "write", New: func(c Case) System { return &apart{Eyrie: Eyrie{c: c}, stderr: stderr} }},
			{System: "eyrie", Variant: "read", New: func(c Case) System { return &apart{Eyrie: Eyrie{c: c}, reads: true, stderr: stderr} }},
		},
		References: []string{"eyrie write"},
	}
	for _, n := range s.outstanding {
		p.Cases = append(p.Cases, Case{Partitions: 1, Replicas: 3, Size: s.size, Outstanding: n})
	}
	return execute(ctx, p, s, stdout, stderr)
}

// clientEnv tells this program, started again, that it is the client.
const clientEnv = "EYRIE_BENCH_CLIENT"

// apart is a cluster of ours in this process, measured from another one.
type apart struct {
	Eyrie
	reads  bool
	stderr io.Writer
}

// Start implements System: it starts the replicas alone.
func (a *apart) Start(ctx context.Context) error {
	if err := measured.Validate(); err != nil {
		return err
	}
	if err := a.startNodes(ctx); err != nil {
		return err
	}
	return a.ready(ctx)
}

// order is what the client is told.
type order struct {
	File   *cluster.File
	Case   Case
	Phases Phases
	Seed   uint64
	Reads  bool
}

// report is what it tells: an empty one asks for this process's CPU time.
type report struct {
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
	ctx, cancel := context.WithTimeout(ctx, startLimit+ph.Warm+ph.Measure+ph.Drain+5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe, "bench", "reads")
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
	r, err := a.converse(in, out, order{a.file, c, ph, seed, a.reads})
	in.Close()
	return r, errors.Join(err, cmd.Wait())
}

func (a *apart) converse(in io.Writer, out io.Reader, o order) (*Result, error) {
	say, hear := json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))
	if err := say.Encode(o); err != nil {
		return nil, err
	}
	for {
		var r report
		if err := hear.Decode(&r); err != nil {
			return nil, fmt.Errorf("the client's process ended early: %w", err)
		}
		switch {
		case r.Error != "":
			return nil, errors.New(strings.TrimSpace(r.Error))
		case r.Result != nil:
			return r.Result.result(), nil
		}
		if err := say.Encode(OwnCPU()); err != nil {
			return nil, err
		}
	}
}
