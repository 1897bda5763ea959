package scale

import (
	"math/rand/v2"
	"testing"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A post goes to its author's partition and to those of the followers, each
// timeline counted once.
func TestSocialDests(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, far := range []float64{0, 0.01, 0.5, 1} {
		l, several := Social{Post: true, Far: far}, 0
		for range 1000 {
			dests, timelines := l.dests(random, 3, 0, 8)
			sum := 0
			for _, n := range timelines {
				sum += int(n)
			}
			if len(dests) != len(timelines) || sum != followers+1 || !dests.Has(3) {
				t.Fatalf("far %v: %v with %v", far, dests, timelines)
			}
			if len(dests) > 1 {
				several++
			}
		}
		if (far == 0) != (several == 0) || far >= 0.5 && several < 1000 {
			t.Errorf("far %v: %d of 1000 concern several partitions", far, several)
		}
	}
	if dests, _ := (&Social{}).dests(random, 2, 0, 8); len(dests) != 1 || dests[0] != ids.Partition(2) {
		t.Errorf("a timeline is asked for at %v", dests)
	}
}

// Everything is answered, once, when all that it concerns have signalled; and a
// run repeats exactly.
func TestSocialRuns(t *testing.T) {
	o, err := DefaultOptions()
	if err != nil {
		t.Fatal(err)
	}
	o.Quick = true
	l := &lab{Options: o}
	one := l.run(l.socialPlan(1, &Social{Post: true}))
	two := l.run(l.socialPlan(2, &Social{Post: true, Far: 0.5}))
	again := l.run(l.socialPlan(2, &Social{Post: true, Far: 0.5}))
	if one.PerS < 1000 || two.PerS < 1000 || two.PerS > 2*one.PerS {
		t.Errorf("%.0f posts/s on one partition, %.0f on two", one.PerS, two.PerS)
	}
	if two.PerS != again.PerS || two.Messages != again.Messages {
		t.Errorf("%.0f posts/s with %d messages, then %.0f with %d", two.PerS, two.Messages, again.PerS, again.Messages)
	}
	if read := l.run(l.socialPlan(1, &Social{})); read.PerS < one.PerS || read.Sending[0]+read.Sending[1]+read.Sending[2] < 0.5 {
		t.Errorf("%.0f timelines/s beside %.0f posts/s; ports %v", read.PerS, one.PerS, read.Sending)
	}
}
