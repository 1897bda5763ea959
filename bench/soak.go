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
	"time"
)

// Soak keeps a durable cluster of real processes under full load for minutes,
// and says whether disk and memory have stopped growing. args are flags (see
// -help); it returns an exit status: 1 if they have not.
func Soak(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return SoakOf(ctx, args, stdout, stderr, func(context.Context) (string, error) { return os.Executable() })
}

// SoakOf is Soak with a way to find a binary whose command node runs our servers.
func SoakOf(ctx context.Context, args []string, stdout, stderr io.Writer, binary func(context.Context) (string, error)) int {
	if isClient() {
		return beTicker(ctx, func(o order) (System, error) {
			return newVoleryClient(o.Case, o.Address, func() time.Duration { return 0 })
		}, os.Stdin, stdout, stderr)
	}
	s, err := parseSoak(args, stderr)
	if err != nil {
		return 2
	}
	if s.binary == "" {
		if s.binary, err = binary(ctx); err != nil {
			fmt.Fprintln(stderr, err)
			return 1
		}
	}
	words := stdout
	if s.json {
		words = stderr
	}
	samples, err := s.run(ctx, words, stderr)
	if s.json {
		enc := json.NewEncoder(stdout)
		for i := range samples {
			err = errors.Join(err, enc.Encode(&samples[i]))
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	writeSoak(words, samples)
	if !writeGrowth(words, samples) {
		return 1
	}
	return 0
}

type soakSettings struct {
	json, quick   bool
	minutes       float64
	every         time.Duration
	c             Case
	binary, where string
}

func parseSoak(args []string, stderr io.Writer) (*soakSettings, error) {
	s := &soakSettings{minutes: 10, c: Case{Replicas: 3, Command: SetData}}
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.BoolVar(&s.json, "json", false, "write one JSON object a line; the table goes to standard error")
	f.BoolVar(&s.quick, "quick", false, "40 s, whatever -minutes says")
	f.Float64Var(&s.minutes, "minutes", s.minutes, "minutes of full load")
	f.DurationVar(&s.every, "every", 2*time.Second, "time between samples")
	f.IntVar(&s.c.Partitions, "partitions", 1, "number of partitions")
	f.IntVar(&s.c.Outstanding, "outstanding", 64, "operations in flight")
	f.IntVar(&s.c.Size, "size", 100, "bytes of a value")
	f.IntVar(&s.c.Span, "znodes", 50_000, "number of znodes that operations touch")
	f.Float64Var(&s.c.MultiShare, "share", -1, "share of global commands, creates and deletes (default 0.02 with several partitions, else 0)")
	f.StringVar(&s.where, "dir", "", "folder for the servers' files, on a disk (default: the system's for temporary files)")
	f.StringVar(&s.binary, "eyrie", "", "binary whose command node runs our servers")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if s.quick {
		s.minutes = 40.0 / 60
	}
	if s.c.MultiShare < 0 {
		s.c.MultiShare = 0
		if s.c.Partitions > 1 {
			s.c.MultiShare = 0.02
		}
	}
	if c := &s.c; f.NArg() > 0 || s.minutes <= 0 || s.every <= 0 || c.Partitions < 1 || c.Outstanding < 1 || c.Size < 1 || c.Span < 64 || c.MultiShare > 1 {
		fmt.Fprintln(stderr, "soak: want flags only, positive numbers, and 64 znodes at least")
		return nil, flag.ErrHelp
	}
	return s, nil
}

// SoakSample is the cluster at a time, as a line of JSON.
type SoakSample struct {
	Bench     string      `json:"bench"` // "soak"
	Seconds   float64     `json:"seconds"`
	Warm      bool        `json:"warm_up"`
	OpsPerS   float64     `json:"ops_per_s"` // since the sample before
	P50       float64     `json:"p50_us"`
	P99       float64     `json:"p99_us"`
	Max       float64     `json:"max_us"`
	Errors    uint64      `json:"errors"`
	Processes []Footprint `json:"processes"`
}

// warmShare is the share of the run before the samples that count: the first
// checkpoints are made, journals have as many segments as they may, logs are as
// long as they get.
const warmShare = 0.25

func (s *soakSettings) run(ctx context.Context, words, stderr io.Writer) (samples []SoakSample, err error) {
	dir, where, err := benchFolder(s.where, "soak")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	c := s.c
	c.Dir = dir
	fmt.Fprintf(words, "soak: %d partitions of 3 durable processes, the client in a process of its own; setData of %d B to %d znodes,\n"+
		"%.0f %% create and delete, %d outstanding, for %.1f minutes\n%s\n%s\n",
		c.Partitions, c.Size, c.Span, 100*c.MultiShare, c.Outstanding, s.minutes, where, Machine())
	servers := &nodeProcesses{binary: s.binary, stores: true, c: c}
	defer func() { err = errors.Join(err, servers.Close()) }()
	if err := servers.Start(ctx); err != nil {
		return nil, err
	}
	client, err := startTicker(ctx, "soak", order{Address: asJSON(servers.Address()), Case: c, Seed: 1}, stderr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	if err := client.started(ctx); err != nil {
		return nil, errors.Join(err, servers.Err())
	}
	o, err := observe(ctx, servers.file(), voleryService)
	if err != nil {
		return nil, err
	}
	defer o.client.Close()
	if err := client.steer(steer{Outstanding: c.Outstanding}); err != nil {
		return nil, err
	}
	return s.sample(ctx, servers, client, o)
}

func asJSON(v any) json.RawMessage {
	b, _ := json.Marshal(v) // of a string
	return b
}

func (s *soakSettings) sample(ctx context.Context, servers *nodeProcesses, client *ticker, o *observer) (samples []SoakSample, err error) {
	begin, last := time.Now(), len(client.all())
	length := time.Duration(s.minutes * float64(time.Minute))
	for next := begin.Add(s.every); next.Sub(begin) <= length; next = next.Add(s.every) {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return samples, context.Cause(ctx)
		}
		if err := servers.Err(); err != nil {
			return samples, err
		}
		ticks := client.all()[last:]
		last += len(ticks)
		p := newSoakSample(time.Since(begin), ticks)
		p.Warm = p.Seconds < warmShare*length.Seconds()
		for i := range s.c.Partitions * s.c.Replicas {
			p.Processes = append(p.Processes, o.footprint(ctx, i, filepath.Join(servers.folder, fmt.Sprint(i+1)), servers.Pid(i)))
		}
		samples = append(samples, p)
	}
	return samples, nil
}

func newSoakSample(at time.Duration, ticks []tick) SoakSample {
	p := SoakSample{Bench: "soak", Seconds: at.Seconds()}
	var h Histogram
	var seconds float64
	for i := range ticks {
		ticks[i].Latency.addTo(&h)
		seconds += ticks[i].Seconds
		p.Errors += ticks[i].Errors
	}
	if seconds > 0 {
		p.OpsPerS = float64(h.total) / seconds
	}
	p.P50, p.P99, p.Max = us(h.Quantile(0.5)), us(h.Quantile(0.99)), us(h.Max())
	return p
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
