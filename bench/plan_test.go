package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func fakePlan(systems ...string) *Plan {
	p := &Plan{Bench: "test", Title: "test", Rounds: 3, Phases: phases, Cases: []Case{
		{Partitions: 1, Replicas: 3, Size: 10, Outstanding: 1}, {Partitions: 1, Replicas: 3, Size: 10, Outstanding: 8},
	}}
	for i, s := range systems {
		p.Contenders = append(p.Contenders, Contender{System: s, New: func(Case) System {
			return &fake{latency: constant(time.Duration(i+1) * time.Millisecond)}
		}})
	}
	return p
}

// Rounds alternate: A B A B.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns []string
		err := fakePlan("a", "b").Run(t.Context(), func(pt Point) { turns = append(turns, pt.System) })
		if want := strings.Split("a b a b a b a b a b a b", " "); err != nil || !slices.Equal(turns, want) {
			t.Errorf("turns %v (%v), want %v", turns, err, want)
		}
	})
}

// A line of JSON has exactly the fields that its readers know.
func TestJSONFields(t *testing.T) {
	var b bytes.Buffer
	pt := Point{First: errors.New("not in the line"), Others: 0.5}
	if err := pt.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Count(b.String(), "\n") != 1 {
		t.Errorf("not one line: %q", b.String())
	}
	var m map[string]any
	if err := json.Unmarshal(b.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(`bench system variant round partitions replicas size_bytes outstanding multi_share
		destinations delay_us load ops seconds ops_per_s mean_us p50_us p95_us p99_us p999_us cpu_s_per_1000 errors`)
	for _, w := range want {
		if _, ok := m[w]; !ok {
			t.Errorf("field %s is missing", w)
		}
	}
	if len(m) != len(want) {
		t.Errorf("%d fields, want %d: %v", len(m), len(want), m)
	}
}

// Loads are shares of the throughput under full load.
func TestLoads(t *testing.T) {
	for _, c := range []struct {
		name string
		of   func(string) string
		want []float64
	}{
		{"the first one's", nil, []float64{8000, 4000, 2000, 2000, 800, 800}}, // b is half as fast, but offered the same
		{"its own", itself, []float64{8000, 4000, 2000, 1000, 800, 400}},
		{"of one that is not there", func(string) string { return "c" }, []float64{8000, 4000, 2000, 1000, 800, 400}},
		{"of another", func(string) string { return "a" }, []float64{8000, 4000, 2000, 2000, 800, 800}},
	} {
		t.Run(c.name, func(t *testing.T) { testLoads(t, c.of, c.want) })
	}
	if sameLoads("chirper "+ourFull) != "chirper "+ourSMR || sameLoads(retwisPipelined) != retwisPipelined {
		t.Error("Chirper's systems are not offered the same")
	}
}

func testLoads(t *testing.T, of func(string) string, wanted []float64) {
	synctest.Test(t, func(t *testing.T) {
		p := fakePlan("a", "b")
		p.LoadsOf = of
		base := p.Cases[1]
		p.Cases = nil
		for _, load := range []float64{1, 0.25, 0.1} {
			base.Load = load
			p.Cases = append(p.Cases, base)
		}
		var points []Point
		if err := p.Run(t.Context(), func(pt Point) { points = append(points, pt) }); err != nil {
			t.Fatal(err)
		}
		sums := Summarize(points)
		for i, want := range wanted {
			if got := sums[i].OpsPerS; got < want*0.85 || got > want*1.15 {
				t.Errorf("load %v: %v/s, want %v", sums[i].Load, got, want)
			}
		}
	})
}

// Optimistic figures are in the line of a system that has them, and so is the
// table.
func TestLatencyCommand(t *testing.T) {
	var out, words bytes.Buffer
	args := strings.Fields("-json -rounds 1 -warm 50ms -window 150ms -outstanding 16 -in one -delays 500us -loads 0.5")
	if status := Latency(t.Context(), args, &out, &words); status != 0 {
		t.Fatalf("status %d: %s", status, words.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 6 {
		t.Fatalf("%d lines, want two loads of three variants: %s", len(lines), out.String())
	}
	for i, line := range lines {
		var pt Point
		if err := json.Unmarshal([]byte(line), &pt); err != nil {
			t.Fatal(err)
		}
		if (pt.Optimistic != nil) != (pt.Variant != "conservative") || strings.Contains(line, "opt_p50_us") != (i%3 < 2) {
			t.Errorf("optimistic figures where there should be none, or none: %s", line)
		}
	}
	if !strings.Contains(words.String(), "33 % less: the cap") {
		t.Errorf("no cap: %s", words.String())
	}
}

// Medians and ratios of known points.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var points []Point
		p := fakePlan("a", "b")
		if err := p.Run(t.Context(), func(pt Point) { pt.CPU = 0.001; points = append(points, pt) }); err != nil {
			t.Fatal(err)
		}
		sums := Summarize(points)
		if len(sums) != 4 || sums[0].Rounds != 3 {
			t.Fatalf("%d summaries, want 4 of 3 rounds: %+v", len(sums), sums)
		}
		var b strings.Builder
		if err := WriteTable(&b, sums, "a"); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"1.00", "0.50", "1.00", "0.50"} {
			line := strings.Fields(strings.Split(b.String(), "\n")[i+1])
			if got := line[len(line)-3]; got != want {
				t.Errorf("ratio of line %d is %s, want %s\n%s", i, got, want, b.String())
			}
		}
	})
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{5, 1, 9}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(c.in); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.in, got, c.want)
		}
	}
}

// What goes wrong at the start or the end is in the point, and the others are
// still measured.
func TestFailedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fakePlan("good")
		broken := &fake{startErr: errFake}
		p.Contenders = append(p.Contenders, Contender{System: "broken", New: func(Case) System { return broken }})
		leaky := &fake{latency: constant(time.Millisecond), closeErr: errFake}
		p.Contenders = append(p.Contenders, Contender{System: "leaky", New: func(Case) System { return leaky }})
		p.Cases, p.Rounds = p.Cases[:1], 1
		var got []Point
		if err := p.Run(t.Context(), func(pt Point) { got = append(got, pt) }); err != nil || len(got) != 3 {
			t.Fatalf("%d points, %v", len(got), err)
		}
		if got[1].Errors != 1 || !errors.Is(got[1].First, errFake) || got[1].Ops != 0 || !broken.closed {
			t.Errorf("failed start: %+v, closed %v", got[1], broken.closed)
		}
		if got[2].Errors != 1 || !errors.Is(got[2].First, errFake) {
			t.Errorf("failed close: %+v", got[2])
		}
	})
}

// A quick plan fits into its budget whatever it holds, and keeps five rounds
// if windows stay useful.
func TestQuicken(t *testing.T) {
	const quickBudget = 95 * time.Second
	for _, c := range []struct{ cases, contenders, rounds int }{{3, 3, 5}, {6, 2, 5}, {1, 1, 5}, {20, 6, 1}} {
		p := &Plan{Rounds: 5, Phases: Phases{Warm: time.Second, Measure: 3 * time.Second, Drain: 5 * time.Second},
			Cases: make([]Case, c.cases), Contenders: make([]Contender, c.contenders)}
		p.quicken(quickBudget)
		turn := p.Phases.Warm + p.Phases.Measure + turnCost
		if total := turn * time.Duration(p.Rounds*c.cases*c.contenders); total > quickBudget {
			t.Errorf("%v: planned for %v", c, total)
		}
		if p.Rounds != c.rounds {
			t.Errorf("%v: %d rounds of %v", c, p.Rounds, p.Phases.Measure)
		}
	}
}

// Each dimension is varied by itself, and no case comes twice.
func TestMatrix(t *testing.T) {
	for _, c := range []struct {
		vary string
		want int
	}{{"outstanding", 2}, {"size", 3}, {"outstanding,size", 4}, {"groups", 2}, {"destinations", 3}, {"size,groups,destinations", 7}} {
		m := matrix{at: 64, sizes: []int{16, 100, 1000}, groups: []int{1, 2}, destinations: []int{1, 2, 4}}
		s, err := parse("order", []string{"-vary", c.vary, "-outstanding", "1,64"}, io.Discard, settings{rounds: 1, size: 100, window: time.Second, own: m.flags})
		if err != nil {
			t.Fatal(err)
		}
		if cs := m.cases(s); len(cs) != c.want {
			t.Errorf("%s: %d cases, want %d: %+v", c.vary, len(cs), c.want, cs)
		}
	}
}

// A contender that does not exist in a case is left out of it.
func TestContenderCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := fakePlan("a", "b")
		p.Contenders[1].Can = func(c Case) bool { return c.Outstanding == 8 }
		var turns []string
		if err := p.Run(t.Context(), func(pt Point) { turns = append(turns, pt.System) }); err != nil {
			t.Fatal(err)
		}
		if want := strings.Split("a a b a a b a a b", " "); !slices.Equal(turns, want) || p.turns() != 3 {
			t.Errorf("turns %v (%d a round), want %v", turns, p.turns(), want)
		}
	})
}

// Several groups beside each other serve what one would, each its own keys.
func TestSharded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made []*fake
		who := Sharded(Contender{System: "x", New: func(c Case) System {
			f := &fake{latency: constant(time.Millisecond)}
			made = append(made, f)
			return f
		}})
		c := Case{Partitions: 4, Outstanding: 16, Size: 10}
		if !who.Can(c) || who.Can(Case{Partitions: 2, MultiShare: 0.5}) {
			t.Error("sharded groups take single-group operations only")
		}
		s := who.New(c)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := measure(t.Context(), s, c, phases, 1)
		if err := s.Close(); err != nil || len(made) != 4 {
			t.Fatalf("%d groups, %v", len(made), err)
		}
		for _, f := range made {
			if share := float64(f.n) / float64(r.Latency.Total()); !f.started || !f.closed || share < 0.2 || share > 0.3 {
				t.Errorf("a group served %d of %d", f.n, r.Latency.Total())
			}
		}
	})
}

// A sweep of the load has one point of highest throughput and one of maximum
// power for each contender.
func TestPeaks(t *testing.T) {
	point := func(system string, outstanding int, ops, mean float64) Point {
		return Point{System: system, Outstanding: outstanding, OpsPerS: ops, Mean: mean}
	}
	peaks := Peaks(Summarize([]Point{
		point("a", 1, 100, 10), point("b", 1, 50, 20), point("a", 4, 300, 20), point("b", 4, 60, 80), point("a", 16, 400, 80), point("b", 16, 0, 0),
	}))
	if len(peaks) != 2 {
		t.Fatalf("%d peaks, want one a system", len(peaks))
	}
	for i, want := range [][2]int{{16, 4}, {4, 1}} {
		if got := [2]int{peaks[i].Most.Outstanding, peaks[i].Power.Outstanding}; got != want {
			t.Errorf("%s: highest throughput and power at %v outstanding, want %v", peaks[i].Most.System, got, want)
		}
	}
}

func TestPowerCommand(t *testing.T) {
	var out, words bytes.Buffer
	args := strings.Fields("-json -only floor -rounds 1 -warm 5ms -window 20ms -outstanding 1,8,1024 -sizes 64000 -replicas 3,4 -groups 1,2")
	if status := Power(t.Context(), args, &out, &words); status != 0 {
		t.Fatalf("status %d: %s", status, words.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 4 { // 3 replicas alone, and 1024 times 64 kB is too much
		t.Errorf("%d lines, want 4: %s", n, out.String())
	}
}

// The best of several references, each figure by itself.
func TestRatios(t *testing.T) {
	point := func(system string, ops, cpu, p50 float64) Point {
		return Point{System: system, Outstanding: 64, OpsPerS: ops, CPU: cpu, P50: p50}
	}
	sums := Summarize([]Point{point("ours", 400, 0.5, 25), point("a", 100, 1, 100), point("b", 200, 2, 50)})
	b, ok := best(sums, sums[0], []string{"a", "b"})
	if want := (Best{Ops: 200, CPU: 1, P50: 50, Fastest: "b"}); !ok || b != want {
		t.Errorf("best %+v, want %+v", b, want)
	}
	var w strings.Builder
	if err := WriteRatios(&w, sums, []string{"ours"}, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(w.String()), "\n")
	if got := strings.Join(strings.Fields(lines[len(lines)-1]), " "); got != "64 b 200 1.0000 50µs 2.00 0.50 0.50" || len(lines) != 2 {
		t.Errorf("ratios:\n%s", w.String())
	}
}

// The floor serves every operation, and ends cleanly.
func TestFloor(t *testing.T) {
	for _, n := range []int{1, 64} {
		f := NewFloor(Case{Outstanding: n})
		if err := f.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := measure(t.Context(), f, Case{Outstanding: n, Size: 100}, Phases{Measure: 50 * time.Millisecond, Drain: 5 * time.Second}, 1)
		if r.Errors != 0 || r.Latency.Total() == 0 {
			t.Errorf("%d outstanding: %d operations, %d errors: %v", n, r.Latency.Total(), r.Errors, r.First)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The command: flags, JSON on standard output alone, exit status.
func TestOrderCommand(t *testing.T) {
	var out, words bytes.Buffer
	args := strings.Fields("-json -only floor -rounds 2 -warm 10ms -window 30ms -outstanding 1,4")
	if status := Order(t.Context(), args, &out, &words); status != 0 {
		t.Fatalf("status %d: %s", status, words.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 4 {
		t.Errorf("%d lines, want 4: %s", n, out.String())
	}
	if !strings.Contains(words.String(), "machine:") || !strings.Contains(words.String(), "floor") {
		t.Errorf("no machine or no table for people: %s", words.String())
	}
	for _, bad := range []string{"-outstanding 0", "-outstanding x", "-only nobody", "-rounds 0", "extra", "-nosuch"} {
		if status := Order(t.Context(), strings.Fields(bad), &out, &words); status != 2 {
			t.Errorf("%q: status %d, want 2", bad, status)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if status := Order(cancelled, args, &out, &words); status != 1 {
		t.Errorf("cancelled: status %d, want 1", status)
	}
}
