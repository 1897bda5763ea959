package main

import (
	"fmt"
	"io"
	"time"
)

// printOptimistic shows how executions before their turn fare, of processes that
// have such.
func printOptimistic(w io.Writer, all []processStatus) {
	titled := false
	for _, p := range all {
		if !p.Reachable || p.Status.Optimistic == nil {
			continue
		}
		if !titled {
			titled = true
			fmt.Fprintln(w, "\nPROCESS\tRUNS\tCONFIRMED\tWRONG\tREPAIRS\tMISTAKES\tEARLY\tFINAL")
		}
		o, d := p.Status.Optimistic, &p.Status.Ridge.Optimism
		c := &o.Counters
		fmt.Fprintf(w, "%d\t%d\t%s\t%d\t%d\t%d\t%v\t%v\n", p.Process, c.Runs,
			percent(c.Confirmed, c.Confirmed+c.Wrong+c.Unstarted), c.Wrong, c.Repairs, c.ReplyMistakes,
			d.Early.Round(10*time.Microsecond), d.Late.Round(10*time.Microsecond))
	}
}

// percent is part of whole.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}
