package main

import (
	"testing"

	"github.com/eyrie-dev/eyrie/apps/chirper/web"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ridge"
)

// What a process says of itself and what others say of it make its state.
func TestOverviewOf(t *testing.T) {
	says := func(state string, pid int, suspects ...ids.Process) *node.Status {
		return &node.Status{State: state, PID: pid, Ridge: ridge.Status{
			Suspected: suspects,
			Ensembles: []ridge.EnsembleStatus{{Ensemble: 0, Leading: pid == 11}, {Ensemble: ids.All, Leading: true}},
		}}
	}
	f := &cluster.File{Cluster: "c", Partitions: make([][]cluster.Member, 2)}
	all := []processStatus{
		{Process: 1, Reachable: true, Status: says(node.Ready, 11, 2, 3)},
		{Process: 2, Reachable: true, Status: says(node.Ready, 12)},
		{Process: 3},
		{Process: 4, Partition: 1},
		{Process: 5, Partition: 1, Reachable: true, Status: says("fetches a state, 40 %", 15)},
	}
	want := map[int]string{1: web.Alive, 2: web.Suspected, 3: web.Dead, 4: web.Silent, 5: web.Starting}
	v := overviewOf(f, all)
	for p, part := range v.Partitions {
		for _, r := range part.Replicas {
			if r.State != want[r.Process] || r.Coordinates != (r.Process == 1) {
				t.Errorf("process %d of partition %d: %+v, want it %s", r.Process, p, r, want[r.Process])
			}
			if r.State == web.Starting && r.Note == "" {
				t.Errorf("process %d: nothing says what it does", r.Process)
			}
		}
	}
	if v.Partitions[0].Replicas[0].PID != 11 {
		t.Error("processes of their own lack their numbers")
	}
	for i := range all {
		if all[i].Reachable {
			all[i].Status.PID = 11
		}
	}
	if v = overviewOf(f, all); v.Partitions[0].Replicas[0].PID != 0 {
		t.Error("who kills a process that all share kills the cluster")
	}
}
