package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// rounds of each measurement. The least counts: what runs beside it only adds.
const rounds = 7

// Calibrate measures what work costs on this machine: cores of Ridge that are
// handed messages in memory, and the real transport over loopback TCP. It reads
// processor time, so what runs beside it disturbs it only by way of the caches;
// best it is left alone. It takes about fifteen seconds. say is told what was
// measured, for people.
//
// In loopback the kernel's receiving half runs in the sender's write. The sum
// of both sides is as on a network; the split is not quite.
func Calibrate(ctx context.Context, say func(format string, args ...any)) (Costs, error) {
	c := Costs{
		Machine: strings.TrimPrefix(strings.SplitN(bench.Machine(), "\n", 2)[0], "machine: "),
		Date:    time.Now().UTC().Format(time.DateOnly),
		Version: version(),
	}
	if err := calibrateCores(&c, say); err != nil {
		return c, err
	}
	if err := calibrateLinks(ctx, &c, say); err != nil {
		return c, err
	}
	if err := c.chirper(ctx); err != nil {
		return c, err
	}
	say("Chirper at one replica: getTimeline %.0f ns, post %.0f ns and %.0f ns for each timeline\n", c.Timeline, c.Post, c.PostEach)
	c.round()
	return c, c.validate()
}

// version is the Go that built this, and the source's revision if known.
func version() string {
	v := runtime.Version()
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v += ", revision " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}

// round leaves four digits: there is no more truth in them.
func (c *Costs) round() {
	for _, v := range []*float64{
		&c.Wake, &c.Read, &c.RecvMessage, &c.RecvByte, &c.RecvEntry, &c.Write, &c.SendMessage, &c.SendByte,
		&c.Propose, &c.ProposeByte, &c.Batch, &c.Step, &c.StepEntry, &c.StepByte, &c.Deliver, &c.Timeline, &c.Post, &c.PostEach,
	} {
		if *v != 0 {
			unit := math.Pow(10, math.Floor(math.Log10(*v))-3)
			*v = math.Round(*v/unit) * unit
			*v = math.Round(*v*1e7) / 1e7
		}
	}
}

// WriteFile writes c for ReadCosts.
func (c *Costs) WriteFile(file string) error {
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o666)
}

// check tells how well a fit describes what was measured.
func check(say func(string, ...any), what string, samples []sample, costs []float64) {
	worst := 0.0
	for _, s := range samples {
		sum := 0.0
		for i, n := range s.counts {
			sum += n * costs[i]
		}
		worst = max(worst, abs(sum-s.cost)/s.cost)
	}
	words := make([]string, len(costs))
	for i, v := range costs {
		words[i] = fmt.Sprintf("%.3g", v)
	}
	say("%-12s %s ns; off by at most %.0f %% in %d shapes\n", what, strings.Join(words, ", "), 100*worst, len(samples))
}
