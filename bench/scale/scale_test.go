package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

func options(t *testing.T) Options {
	o, err := DefaultOptions()
	if err != nil {
		t.Fatal(err)
	}
	o.Quick, o.Groups, o.Destinations, o.Shares = true, []int{1, 2, 8}, []int{4, 8, 16}, []float64{0, 0.1, 1}
	return o
}

// Every claim holds in the small too.
func TestClaims(t *testing.T) {
	l := &lab{Options: options(t)}
	for _, e := range l.experiments() {
		c := e.run()
		if len(c.Checks) == 0 || len(c.Rows) == 0 {
			t.Errorf("%s: nothing is checked", e.name)
		}
		if !c.Holds() {
			var b strings.Builder
			c.write(&b)
			t.Error(b.String())
		}
	}
	t.Logf("%d runs, %d messages, %v of processor time", l.runs, l.total, l.spent)
}

// A plan has one outcome.
func TestRunsRepeat(t *testing.T) {
	l := &lab{Options: options(t)}
	p := l.groupPlan(3, 512, 0.2, 20)
	a, b := Run(p), Run(p)
	if a.PerS == 0 || a.PerS != b.PerS || a.Messages != b.Messages || a.Measured != b.Measured || !slices.Equal(a.Busy, b.Busy) {
		t.Errorf("two runs of one plan: %v and %v messages a second, %d and %d messages", a.PerS, b.PerS, a.Messages, b.Messages)
	}
	p.Seed++
	if c := Run(p); c.Messages == a.Messages && c.Measured == a.Measured {
		t.Error("the seed changes nothing")
	}
}

// post is a core that sends what it is given at its first tick, and notes when
// what is sent to it comes.
type post struct {
	out  []wire.Message
	to   ids.Addr
	came []time.Duration
}

func (p *post) Step(now hlc.Now, _ ids.Addr, _ wire.Message) {
	p.came = append(p.came, now.Mono-monoStart)
}
func (p *post) Tick(hlc.Now)        {}
func (p *post) Wake() time.Duration { return sim.Never }
func (p *post) Drain(_ time.Duration, send func(ids.Addr, wire.Message)) int {
	for _, m := range p.out {
		send(p.to, m)
	}
	p.out = nil
	return 0
}

// parcel is a message of some size.
type parcel struct{ n int }

func (*parcel) Kind() wire.Kind          { return 1 }
func (p *parcel) Append(b []byte) []byte { return append(b, make([]byte, p.n)...) }

// send has some processes send one message each to the last, and says when they
// came.
func send(costs Costs, cores int, sizes ...int) []time.Duration {
	n := newNetwork(Link{Bandwidth: 1e6, Delay: time.Millisecond}, cores, costs, len(sizes)+1)
	sink := &post{}
	for i, size := range sizes {
		n.add(ids.To(ids.Process(i+1)), &post{out: []wire.Message{&parcel{size}}, to: ids.To(99)}, false, 0)
	}
	n.add(ids.To(99), sink, false, 0)
	n.runUntil(10 * time.Second)
	return sink.came
}

func TestLinks(t *testing.T) {
	link := Link{Bandwidth: 1e6, Delay: time.Millisecond}
	one := link.occupies(wireBytes(10_000 + messageHeader))
	if one < 10*time.Millisecond || one > 12*time.Millisecond {
		t.Fatalf("10 kB occupy 1 MB/s for %v", one)
	}
	// The delay comes once, and receiving overlaps with sending.
	if at := send(Costs{}, 1, 10_000); len(at) != 1 || at[0] != one+link.Delay {
		t.Errorf("one message came at %v, not %v", at, one+link.Delay)
	}
	// Two ports send at once, one takes both.
	at := send(Costs{}, 1, 10_000, 10_000)
	if len(at) != 2 || at[0] != one+link.Delay || at[1] != 2*one+link.Delay {
		t.Errorf("two messages from two came at %v", at)
	}
}

func TestConnectionsShareAPort(t *testing.T) {
	n := newNetwork(Link{Bandwidth: 1e6}, 1, Costs{}, 3)
	large, small := &post{}, &post{}
	src := n.add(ids.To(1), &post{}, false, 0)
	n.add(ids.To(2), large, false, 0)
	n.add(ids.To(3), small, false, 0)
	src.emit(ids.To(2), &parcel{1 << 20})
	src.emit(ids.To(3), &parcel{10})
	src.flush(0, 0)
	n.runUntil(10 * time.Second)
	if len(large.came) != 1 || len(small.came) != 1 || small.came[0] > 150*time.Millisecond || large.came[0] < time.Second {
		t.Errorf("a large message came at %v, a small one behind it at %v", large.came, small.came)
	}
}

func TestProcessors(t *testing.T) {
	c := Costs{Wake: 1000, Read: 2000, RecvMessage: 300, Step: 100_000, Write: 5000}
	at := send(c, 1, 10, 10)
	// Both are stepped in turn: the second has to wait for the first.
	if len(at) != 2 || at[1]-at[0] < 100*time.Microsecond {
		t.Errorf("on one processor, messages are stepped at %v", at)
	}
}

func TestFit(t *testing.T) {
	want := []float64{5000, 70, 0.4}
	var samples []sample
	for _, k := range []float64{1, 8, 64, 300} {
		for _, size := range []float64{20, 1000, 30000} {
			s := sample{counts: []float64{1, k, k * size}}
			for i, n := range s.counts {
				s.cost += n * want[i]
			}
			samples = append(samples, s)
		}
	}
	for i, got := range fit(samples) {
		if math.Abs(got-want[i]) > 0.01*want[i] {
			t.Errorf("cost %d is %v, not %v", i, got, want[i])
		}
	}
	// What would cost less than nothing costs nothing.
	for i := range samples {
		samples[i].counts = append(samples[i].counts, -samples[i].counts[1])
	}
	for i, got := range fit(samples) {
		if got < 0 || math.IsNaN(got) {
			t.Errorf("cost %d is %v", i, got)
		}
	}
}

func TestCosts(t *testing.T) {
	c, err := DefaultCosts()
	if err != nil || c.Machine == "" || c.Date == "" || c.Version == "" {
		t.Errorf("the committed costs: %+v, %v", c, err)
	}
	for _, bad := range []string{"", "{}", `{"read_ns":-1}`, strings.Replace(string(committed), `"step_ns": `, `"step_ns": -`, 1)} {
		if _, err := parseCosts([]byte(bad)); err == nil {
			t.Errorf("%q are costs", bad)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, args := range [][]string{{"--groups", "x"}, {"--groups", "0"}, {"--destinations", "3"}, {"--share", "2"}, {"--cores", "0"},
		{"--bandwidth", "0"}, {"--costs", "/does/not/exist"}, {"more"}} {
		var out bytes.Buffer
		if code := Command(context.Background(), args, &out, &out); code != 2 || out.Len() == 0 {
			t.Errorf("%v: exit status %d, %q", args, code, out.String())
		}
	}
	var out, words bytes.Buffer
	if code := Command(context.Background(), []string{"--json", "--quick", "--groups", "1,2", "--only", "groups"}, &out, &words); code != 0 {
		t.Fatalf("exit status %d: %s", code, words.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines {
		var p Point
		if err := json.Unmarshal([]byte(line), &p); err != nil || !p.Model || p.Bench != "scale" || p.Groups != p.Partitions || p.Destinations != groupDestinations || p.SizeBytes != groupSize {
			t.Errorf("%s: %+v, %v", line, p, err)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines for two numbers of groups, loaded and idle", len(lines))
	}
	if bench.Machine() == "" {
		t.Error("no machine")
	}
}
