package main

import (
	"context"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// runReplace has a process that was started with nothing take the place of the
// one that had its id.
func runReplace(ctx context.Context, e env, args []string) int {
	fs := flags(e, "replace", "--process N [flags]", `Puts a new process in the place of one whose disk, or machine, is lost for good.
Start the new one first, with the same id and an empty directory:

  eyrie node --id N

(One that shared its directory with others: eyrie forget --help. If the new one
is on another machine, copy the cluster's file there, change the process's
address in it, and give that address here with --addr; clients and processes
that have older copies find it through the others.)

It waits to be admitted. This command then has the other processes of its
ensembles agree, one ensemble after the other, that it counts from now on; it
fetches the state, and gets its votes back when it has that on disk. Until the
command ends with 0 no other process of the same partition should be stopped:
fewer of them than usual hold what was acknowledged. It may be stopped and run
again at any time. Of two operators who replace a process at once one succeeds,
and the other is told.

A process whose disk is there needs no replacing: start it again. Exits with 4
if there is nothing to replace, somebody else did, or the others do not speak
with the new one (it is not started as they are, or by another file), with 5 if the new process
or the cluster cannot be reached, with 1 if it takes longer than --timeout.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	id := fs.Uint("process", 0, "which process is replaced")
	addr := fs.String("addr", "", "`host:port` of the new process if it is elsewhere; it is written to the cluster's file")
	asJSON := fs.Bool("json", false, "print the outcome as JSON")
	timeout := fs.Duration("timeout", 10*time.Minute, "how long to wait for the end")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	r := &replacement{e: e, file: f, name: *file, addr: *addr, process: ids.Process(*id)}
	if err := r.prepare(*id); err != nil {
		return fail(e, "replace", exitUsage, err)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	code, err := r.run(ctx)
	if *asJSON {
		printJSON(e.stdout, r.outcome(err))
	}
	if err != nil {
		return fail(e, "replace", code, err)
	}
	return code
}

func (r *replacement) outcome(err error) any {
	o := struct {
		Process     ids.Process     `json:"process"`
		Incarnation ids.Incarnation `json:"incarnation,string"`
		Complete    bool            `json:"complete"`
		State       string          `json:"state"`
		Ensembles   []ensembleStep  `json:"ensembles"`
		Error       string          `json:"error,omitempty"`
	}{r.process, r.inc, err == nil, r.said, r.state, ""}
	if err != nil {
		o.Error = err.Error()
	}
	return o
}
