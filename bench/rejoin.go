package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/node"
)

// Rejoin kills a replica with many variables under load, brings it back, and
// says how long it takes until it has caught up, and what clients notice. args
// are flags (see -help); it returns an exit status: 1 if clients wait much
// longer while the replica comes back.
func Rejoin(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case isClient():
		return beTicker(ctx, newVarsClient, os.Stdin, stdout, stderr)
	case os.Getenv(serverEnv) != "":
		return beServer(ctx, args, stderr)
	}
	s, err := parseRejoin(args, stderr)
	if err != nil {
		return 2
	}
	s.words = stdout
	if s.json {
		s.words = stderr
	}
	runs, err := s.run(ctx, stderr)
	if s.json {
		enc := json.NewEncoder(stdout)
		for _, r := range runs {
			err = errors.Join(err, enc.Encode(r))
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if !writeRejoins(s.words, runs) {
		return 1
	}
	return 0
}

// The ways in which a replica comes back: it executes again what it lacks, or
// fetches another's state since what it lacks is forgotten.
const byReplay, byTransfer = "replay", "transfer"

type rejoinSettings struct {
	json, quick           bool
	variables, size, load int
	normal, away          time.Duration
	share                 float64
	victim                int
	ways                  []string
	where                 string
	words                 io.Writer
}

func parseRejoin(args []string, stderr io.Writer) (*rejoinSettings, error) {
	s := &rejoinSettings{ways: []string{byReplay, byTransfer}}
	f := flag.NewFlagSet("rejoin", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&s.json, "json", false, "write one JSON object a line; the table goes to standard error")
	f.BoolVar(&s.quick, "quick", false, "fewer variables and seconds, whatever other flags say")
	f.IntVar(&s.variables, "variables", 1_000_000, "number of variables")
	f.IntVar(&s.size, "size", 100, "bytes of a variable")
	f.IntVar(&s.load, "outstanding", 64, "operations in flight that make the highest throughput")
	f.Float64Var(&s.share, "share", 0.5, "load as a share of it")
	f.IntVar(&s.victim, "victim", 3, "process that is killed; 1 coordinates")
	f.DurationVar(&s.normal, "normal", 20*time.Second, "how long it is watched before and after")
	f.DurationVar(&s.away, "away", 3*time.Second, "how long the replica that replays is away")
	f.Var(words{&s.ways, byReplay + " " + byTransfer}, "ways", "ways to come back, separated by commas: replay, transfer")
	f.StringVar(&s.where, "dir", "", "folder for the servers' files, on a disk (default: the system's for temporary files)")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if s.quick {
		s.variables, s.normal, s.away = 50_000, 4*time.Second, time.Second
	}
	if f.NArg() > 0 || s.variables < 1 || s.size < 1 || s.load < 1 || s.share <= 0 || s.share > 1 || s.victim < 1 || s.victim > 3 || s.normal < time.Second || s.away <= 0 {
		fmt.Fprintln(stderr, "rejoin: want flags only, and sensible numbers")
		return nil, flag.ErrHelp
	}
	return s, nil
}

// rejoin is the cluster of a run.
type rejoin struct {
	*rejoinSettings
	servers *rejoiners
	client  *ticker
	o       *observer
	rate    float64
}

func (s *rejoinSettings) run(ctx context.Context, stderr io.Writer) (runs []*RejoinRun, err error) {
	dir, where, err := benchFolder(s.where, "rejoin")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(s.words, "rejoin: three durable processes of one partition with %d variables of %d B, the client in a process of its own;\n"+
		"process %d is killed and comes back, at %.0f %% of the highest throughput\n%s\n%s\n", s.variables, s.size, s.victim, 100*s.share, where, Machine())
	r := &rejoin{rejoinSettings: s}
	if r.servers, err = startReplicas(ctx, dir); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.servers.Close()) }()
	c := Case{Partitions: 1, Replicas: 3, Size: s.size, Span: s.variables, Outstanding: s.load, Dir: dir}
	if r.client, err = startTicker(ctx, "rejoin", order{Address: asJSON(r.servers.file()), Case: c, Seed: 1}, stderr); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.client.close()) }()
	if err := r.client.started(ctx); err != nil {
		return nil, errors.Join(err, r.servers.Err())
	}
	if r.o, err = observe(ctx, r.servers.file(), measured); err != nil {
		return nil, err
	}
	defer r.o.client.Close()
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	if err := r.findRate(ctx); err != nil {
		return nil, err
	}
	for _, way := range s.ways {
		run, err := r.comeBack(ctx, way)
		if err != nil {
			return runs, errors.Join(err, r.servers.Err())
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// settle waits until what filling the variables has left is done: two checkpoints
// of each process, of which the first has all variables and so takes much longer
// than those that come later. One that is only about to be made would be written
// while the normal latency is measured, and a replica killed meanwhile would have
// nothing to replay from.
func (r *rejoin) settle(ctx context.Context) error {
	for end := time.Now().Add(awayLimit); ; {
		if err := errors.Join(r.servers.Err(), pass(ctx, r.normal/2)); err != nil {
			return err
		}
		quiet := true
		for i := range 3 {
			s := r.o.status(ctx, i)
			quiet = quiet && s != nil && s.Durable != nil && s.Durable.Older != 0 && !s.Durable.Making
		}
		if quiet || time.Now().After(end) {
			return nil
		}
	}
}

// findRate measures the highest throughput and has the load go on at a share.
func (r *rejoin) findRate(ctx context.Context) error {
	if err := r.client.steer(steer{Outstanding: r.load}); err != nil {
		return err
	}
	warm := int(r.normal / time.Second / 2)
	ticks, err := r.client.seconds(ctx, 2*warm)
	if err != nil {
		return err
	}
	var rates []float64
	for i := range ticks[warm:] {
		rates = append(rates, ticks[warm+i].rate())
	}
	top := middling(rates)
	r.rate = r.share * top
	fmt.Fprintf(r.words, "highest throughput %s/s, with %d outstanding (median of %d s); load from here on: %s/s\n\n", Digits(top), r.load, len(rates), Digits(r.rate))
	if err := r.client.steer(steer{Rate: r.rate, Outstanding: pacedWindow}); err != nil {
		return err
	}
	_, err = r.client.seconds(ctx, warm) // until the backlog of checkpoints is done
	return err
}

// comeBack kills the replica and brings it back.
func (r *rejoin) comeBack(ctx context.Context, way string) (*RejoinRun, error) {
	v := r.victim - 1
	begin := time.Now()
	if err := pass(ctx, r.normal); err != nil {
		return nil, err
	}
	had := r.o.status(ctx, v)
	if had == nil {
		return nil, errors.New("rejoin: the process does not say how it is")
	}
	run := &RejoinRun{Bench: "rejoin", Way: way, Variables: r.variables, SizeBytes: r.size, Rate: r.rate}
	killed := time.Now()
	r.servers.Kill(v)
	if err := r.stayAway(ctx, way, had); err != nil {
		return nil, err
	}
	run.Journal = allocated(filepath.Join(r.servers.dir(v), "journal"))
	back := time.Now()
	if err := r.servers.Again(v); err != nil {
		return nil, err
	}
	if err := r.follow(ctx, run, back); err != nil {
		return nil, err
	}
	caught := time.Now()
	if err := pass(ctx, r.normal); err != nil {
		return nil, err
	}
	if way == byTransfer && run.TransferBytes == 0 {
		return nil, errors.New("rejoin: the replica caught up without another's state")
	}
	run.AwaySeconds = back.Sub(killed).Seconds()
	for _, p := range []struct {
		name     string
		from, to time.Time
	}{{"before", begin, killed.Add(-time.Second)}, {"away", killed, back.Add(-time.Second)}, {"during", back, caught}, {"after", caught.Add(time.Second), time.Now()}} {
		run.add(p.name, r.client.between(p.from, p.to), begin)
	}
	return run, nil
}

func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// awayLimit bounds how long the replica stays away until others have forgotten
// what it lacks, and backLimit how long it may take to catch up.
const awayLimit, backLimit = 3 * time.Minute, 5 * time.Minute

// stayAway returns when the replica is to come back.
func (r *rejoin) stayAway(ctx context.Context, way string, had *node.Status) error {
	if way == byReplay {
		return pass(ctx, r.away)
	}
	for end := time.Now().Add(awayLimit); ; {
		if err := pass(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		if s := r.o.status(ctx, r.victim%3); s != nil {
			for i, e := range s.Ridge.Ensembles {
				if e.Trimmed > had.Ridge.Ensembles[i].Delivered {
					return nil
				}
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("rejoin: others still remember what the replica lacks, after %v", awayLimit)
		}
	}
}

// follow watches the replica until it has all that another one had a moment
// before.
func (r *rejoin) follow(ctx context.Context, run *RejoinRun, back time.Time) error {
	var goal *node.Status
	for time.Since(back) < backLimit {
		if err := errors.Join(r.servers.Err(), pass(ctx, 50*time.Millisecond)); err != nil {
			return err
		}
		s := r.o.status(ctx, r.victim-1)
		if s == nil || len(s.Ridge.Ensembles) == 0 {
			continue
		}
		run.TransferBytes = max(run.TransferBytes, s.Transfer.Bytes)
		if run.ReadySeconds == 0 && s.State == node.Ready {
			run.ReadySeconds = time.Since(back).Seconds()
			run.Replayed = s.Replica.Counters.Delivered
		}
		if s.State == node.Ready && goal != nil && reached(s, goal) {
			run.CaughtSeconds, run.Replayed = time.Since(back).Seconds(), s.Replica.Counters.Delivered
			return nil
		}
		if g := r.o.status(ctx, r.victim%3); g != nil {
			goal = g
		}
	}
	s := r.o.status(ctx, r.victim-1)
	if s == nil {
		return errors.New("rejoin: the replica does not answer")
	}
	return fmt.Errorf("rejoin: the replica has not caught up in %v: %s", backLimit, strings.TrimSpace(s.State+" "+s.Transfer.Lacks))
}

func reached(s, goal *node.Status) bool {
	for i, e := range goal.Ridge.Ensembles {
		if s.Ridge.Ensembles[i].Delivered < e.Delivered {
			return false
		}
	}
	return true
}
