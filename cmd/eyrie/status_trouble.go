package main

import (
	"fmt"
	"io"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// lacking says what waits because too few processes answer.
func lacking(f *cluster.File, all []processStatus) (waits []string) {
	answers := map[ids.Process]bool{}
	for _, p := range all {
		answers[p.Process] = p.Reachable
	}
	for _, e := range f.Topology().Ensembles {
		n := 0
		for _, p := range e.Acceptors {
			if answers[p] {
				n++
			}
		}
		what := fmt.Sprintf("what is of partition %v alone", e.ID)
		if e.ID == ids.All {
			what = "what is of several partitions"
		}
		if need := len(e.Acceptors)/2 + 1; n < need {
			waits = append(waits, fmt.Sprintf("%s waits: of processes %v %d answer, and %d must run", what, e.Acceptors, n, need))
		}
	}
	return waits
}

// printRefused says which processes wait since others do not speak with them.
func printRefused(w io.Writer, all []processStatus) {
	for _, p := range all {
		if p.Reachable && !p.Status.Member && len(p.Status.RefusedBy) > 0 {
			by := refusers(p.Status)
			fmt.Fprintf(w, "process %d is refused by %v: %s\n", p.Process, by, p.Status.RefusedBy[by[0]])
		}
	}
}

// printStrangers says which processes' addresses other programs have.
func printStrangers(w io.Writer, all []processStatus) {
	for _, p := range all {
		if p.Stranger != "" {
			fmt.Fprintf(w, "process %d: %s\n", p.Process, p.Stranger)
		}
	}
}
