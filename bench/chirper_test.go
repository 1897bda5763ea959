package bench

import (
	"bytes"
	"strings"
	"testing"
)

// Real processes serve every workload on one partition and on two, whoever the
// client is, and say what they used and where the time went.
func TestChirper(t *testing.T) {
	points, words := runBench(t, Chirper, "-json -rounds 1 -warm 50ms -outstanding 8 -users 60 -partitions 1,2 -workloads timeline,timeline-read,mix -loads 1,0.5 -eyrie "+eyrieBinary(t))
	for _, pt := range points {
		if pt.Ops == 0 || pt.Errors > 0 || pt.ClientCPU <= 0 || pt.CDF == nil || pt.CDF[0] > pt.CDF[len(pt.CDF)-1] {
			t.Errorf("%s: %+v", pt.name(), pt)
		}
		if reads := pt.Command != Post; reads && (pt.TimelinePosts < FirstPosts || pt.TimelinePosts > TimelineBound) {
			t.Errorf("%s, %s: timelines of %.1f posts", pt.name(), pt.Command, pt.TimelinePosts)
		}
		if staged := pt.Command != TimelineRead && !strings.Contains(pt.Variant, "waiting"); staged && (pt.Stages == nil || pt.Stages.Multicast <= 0) {
			t.Errorf("%s, %s: stages %+v", pt.name(), pt.Command, pt.Stages)
		}
		o := pt.Optimistic
		if both := pt.Variant == ourBaseline || pt.Variant == ourFull; both != (o != nil) {
			t.Errorf("%s, %s: %+v", pt.name(), pt.Command, o)
		} else if both && (o.Replies == 0 || o.Replies > pt.Ops+64 || o.Runs == 0 || o.Stages == nil || o.CDF == nil || o.P50 > pt.P50) {
			t.Errorf("%s, %s: %+v beside %+v", pt.name(), pt.Command, o, pt)
		}
	}
	// Workloads, loads and partitions; the waiting client, and few processes, at
	// one load and number of partitions; both replies to what is ordered, hasty clients at one load.
	if want := 3*2*2 + 3 + 3 + 2*2*2*2 + 2*2*2; len(points) != want {
		t.Errorf("%d points, want %d: %s", len(points), want, words)
	}
	for _, want := range []string{"under full load", "latency below full load", "s-smr waiting", "s-smr together"} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is missing: %s", want, words)
		}
	}
}

// With more outstanding than the servers' tables of clients have room for, beside
// one late answer, every command is answered all the same.
func TestChirperManyOutstanding(t *testing.T) {
	points, words := runBench(t, Chirper, "-json -rounds 1 -warm 300ms -outstanding 640 -users 60 -partitions 2 -workloads timeline -loads 1 -eyrie "+eyrieBinary(t), "-only", "chirper "+ourSMR)
	if len(points) != 1 || points[0].Ops == 0 || points[0].Errors > 0 {
		t.Errorf("%+v: %s", points, words)
	}
}

// Bad flags are refused before anything runs.
func TestChirperFlags(t *testing.T) {
	for _, args := range []string{"-users 1", "-size 141", "-skew 0.5", "-graph /nowhere", "-workloads nothing", "-workers"} {
		var out, words bytes.Buffer
		if status := Chirper(t.Context(), strings.Fields(args), &out, &words); status != 2 || words.Len() == 0 {
			t.Errorf("%s: status %d: %s", args, status, words.String())
		}
	}
}
