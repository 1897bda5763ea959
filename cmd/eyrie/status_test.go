package main

import (
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Status fits into a terminal, and says of a process what an operator has to do
// something about.
func TestStatusForPeople(t *testing.T) {
	f := &cluster.File{Cluster: "0123456789abcdef", Execution: optimistic.Full}
	says := func(carried uint32) *node.Status {
		return &node.Status{
			State: node.Ready, PID: 1234567,
			Replica:    partition.Status{Position: ids.Position{T: 1795405660148593, E: ids.All}, Version: 1, Carried: carried},
			Ridge:      ridge.Status{Ensembles: []ridge.EnsembleStatus{{Ensemble: ids.All, Coordinator: 12, Decided: 123456789, Delivered: 123456789, LogCount: 65536, Lead: -15 * time.Millisecond}}},
			Durable:    &node.DurableStatus{Records: 123456789, Written: 123456789, Checkpoint: 1234, Age: 25},
			Optimistic: &optimistic.Status{Counters: optimistic.Counters{Runs: 123456789, Confirmed: 123456000, Wrong: 789, Repairs: 123, ReplyMistakes: 456}},
			Loop:       node.Pauses{Lately: 0.384, Longest: 1.5},
		}
	}
	all := []processStatus{
		{Process: 11, Addr: "192.168.100.101:17411", Reachable: true, Status: says(1)},
		{Process: 12, Addr: "192.168.100.102:17412", Reachable: true, Status: says(1)},
		{Process: 13, Addr: "192.168.100.103:17413"},
	}
	shown := func() string {
		var b strings.Builder
		printStatus(&b, f, all)
		return b.String()
	}
	f.Partitions = [][]cluster.Member{{{ID: 11}, {ID: 12}, {ID: 13}}}
	out := shown()
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(out, "programs carry up to 1: all that answer") || strings.Contains(out, "full:") {
		t.Errorf("all is well:\n%s", out)
	}
	if strings.Contains(out, "waits") {
		t.Errorf("two of three are enough:\n%s", out)
	}
	all[0].Reachable = false
	if out = shown(); !strings.Contains(out, "what is of partition 0 alone waits: of processes [11 12 13] 1 answer, and 2 must run\n") {
		t.Errorf("one of three:\n%s", out)
	}
	all[0].Reachable = true
	all[1].Status = says(2)
	all[1].Status.Durable.NoRoom = true
	all[1].Status.Durable.Rot = &node.Rot{Found: 2, There: true}
	all[2].Stranger = "a toaster answers"
	if out = shown(); !strings.Contains(out, "process 13: a toaster answers\n") {
		t.Errorf("a stranger:\n%s", out)
	}
	all[2] = processStatus{Process: 13, Reachable: true, Status: &node.Status{RefusedBy: map[ids.Process]string{12: "not alike", 11: "not at all alike"}}}
	out = shown()
	for _, want := range []string{
		"process 13 is refused by [11 12]: not at all alike",
		"process 12: its disk is almost full: make room",
		"process 12 found damage in its journal on the disk, in 2 parts: not all are mended",
		"carry up to 1: processes [11]", "carry up to 2: processes [12]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not said: %s\n%s", want, out)
		}
	}
}
