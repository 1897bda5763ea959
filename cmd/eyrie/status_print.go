package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// printStatus shows all to people, in tables that mostly fit into 80 columns.
func printStatus(w io.Writer, f *cluster.File, all []processStatus) {
	fmt.Fprintf(w, "cluster %s, execution %v\n", f.Cluster, f.Execution)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "PROCESS\tPARTITION\tADDRESS\tSUSPECTS\tSTATE")
	for _, p := range all {
		if !p.Reachable {
			fmt.Fprintf(tw, "%d\t%d\t%s\t-\tunreachable\n", p.Process, p.Partition, p.Addr)
			continue
		}
		fmt.Fprintf(tw, "%d\t%d\t%s\t%v\t%s\n", p.Process, p.Partition, p.Addr, list(p.Status.Ridge.Suspected), p.Status.State)
	}
	for _, waits := range lacking(f, all) {
		fmt.Fprintln(tw, waits)
	}
	printRefused(tw, all)
	printStrangers(tw, all)
	fmt.Fprintln(tw, "\nPROCESS\tPID\tPOSITION\tUNFINISHED")
	for _, p := range all {
		if p.Reachable {
			r := &p.Status.Replica
			fmt.Fprintf(tw, "%d\t%d\t%v\t%d\n", p.Process, p.Status.PID, r.Position, r.Unfinished)
		}
	}
	fmt.Fprintln(tw, "\nPROCESS\tENSEMBLE\tCOORDINATOR\tROUND\tDECIDED\tDELIVERED\tLOG\tAHEAD")
	for _, p := range all {
		if !p.Reachable {
			continue
		}
		for _, en := range p.Status.Ridge.Ensembles {
			ahead := "-" // of nothing
			if en.Decided > 0 {
				ahead = fmt.Sprint(en.Lead.Round(time.Millisecond))
			}
			fmt.Fprintf(tw, "%d\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", p.Process, ensembleName(en.Ensemble), en.Coordinator, en.Round.Counter, en.Decided, en.Delivered, en.LogCount, ahead)
		}
	}
	printDurable(tw, all)
	printPauses(tw, all)
	printOptimistic(tw, all)
	tw.Flush()
	printVersions(w, all)
	for _, p := range all {
		if p.Reachable && p.Status.Error != "" {
			fmt.Fprintf(w, "process %d: %s\n", p.Process, p.Status.Error)
		}
	}
}

// printVersions shows which version of the service is in force and which programs
// carry: in one line for all that say the same.
func printVersions(w io.Writer, all []processStatus) {
	type versions struct{ force, carried uint32 }
	var order []versions
	who := map[versions][]ids.Process{}
	for _, p := range all {
		if p.Reachable && p.Status.Replica.Version > 0 {
			v := versions{p.Status.Replica.Version, p.Status.Replica.Carried}
			if who[v] == nil {
				order = append(order, v)
			}
			who[v] = append(who[v], p.Process)
		}
	}
	for i, v := range order {
		of := "all that answer"
		if len(order) > 1 {
			of = fmt.Sprintf("processes %v", who[v])
		}
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "version %d of the service in force, programs carry up to %d: %s\n", v.force, v.carried, of)
	}
}

// printDurable shows what the processes have on their disks, and which states
// are on their way from one to another.
func printDurable(w io.Writer, all []processStatus) {
	titled := false
	for _, p := range all {
		if !p.Reachable || p.Status.Durable == nil {
			continue
		}
		if !titled {
			titled = true
			fmt.Fprintln(w, "\nPROCESS\tJOURNALLED\tDURABLE\tCHECKPOINT\tTAKEN\tTRANSFER")
		}
		d, t := p.Status.Durable, &p.Status.Transfer
		checkpoint, taken := "none", "-"
		if d.Checkpoint > 0 {
			checkpoint, taken = fmt.Sprint(d.Checkpoint), "before the start"
			if d.Age >= 0 {
				taken = fmt.Sprintf("%v ago", time.Duration(d.Age*float64(time.Second)).Round(time.Second))
			}
		}
		transfer := "-"
		switch {
		case t.Phase != "":
			transfer = t.Phase
		case len(t.Serving) > 0:
			transfer = fmt.Sprintf("to %v", t.Serving)
		}
		fmt.Fprintf(w, "%d\t%d\t%d\t%s\t%s\t%s\n", p.Process, d.Records, d.Written, checkpoint, taken, transfer)
	}
	for _, p := range all {
		if p.Reachable && p.Status.Durable != nil {
			if p.Status.Durable.NoRoom {
				fmt.Fprintf(w, "process %d: its disk is almost full: make room, or commands are refused\n", p.Process)
			}
			if rot := p.Status.Durable.Rot; rot != nil {
				fmt.Fprintf(w, "process %d found damage in its journal on the disk, in %d parts: %s\n", p.Process, rot.Found, mendedOrNot(rot.There))
			}
			for _, damaged := range p.Status.Durable.Damaged {
				fmt.Fprintf(w, "process %d found at its start: %s\n", p.Process, damaged)
			}
		}
	}
}

func mendedOrNot(there bool) string {
	if there {
		return "not all are mended; do not stop it now, it would be refused at its start"
	}
	return "all are mended; the disk may be failing"
}

// printPauses shows the processes that paused lately: where a command's time went
// that no queue explains.
func printPauses(w io.Writer, all []processStatus) {
	titled := false
	of := func(s float64) string {
		if s == 0 {
			return "-"
		}
		return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
	}
	for _, p := range all {
		if !p.Reachable {
			continue
		}
		loop, sync := p.Status.Loop, node.Pauses{}
		if d := p.Status.Durable; d != nil {
			sync = d.Syncs
		}
		if loop.Lately == 0 && sync.Lately == 0 {
			continue
		}
		if !titled {
			titled = true
			fmt.Fprintln(w, "\nPROCESS\tROUND LATELY\tEVER\tSYNC LATELY\tEVER")
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", p.Process, of(loop.Lately), of(loop.Longest), of(sync.Lately), of(sync.Longest))
	}
}

func ensembleName(e ids.Ensemble) string {
	if e == ids.All {
		return "all"
	}
	return fmt.Sprint(e)
}

func list(ps []ids.Process) string {
	if len(ps) == 0 {
		return "none"
	}
	return fmt.Sprint(ps)
}
