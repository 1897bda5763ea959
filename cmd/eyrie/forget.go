package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
)

// runForget gives up what one of several processes has in the directory that they
// share.
func runForget(_ context.Context, e env, args []string) int {
	fs := flags(e, "forget", "--process N --dir DIRECTORY [flags]", `Gives up what one process has in a directory that it shares with others (eyrie
node --id 1,4), as if its disk were lost. The others keep what they have. Stop
the program that runs them first; nothing in the cluster is told.

When the process's part of the directory is lost or damaged: forget it, start
all again, and replace it by the new one that has nothing:

  eyrie forget --process 4 --dir data/1-4
  eyrie node --id 1,4
  eyrie replace --process 4

When it has been replaced by one on another machine: forget it, and start those
that are left:

  eyrie forget --process 4 --dir data/1-4
  eyrie node --id 1 --dir data/1-4

What it had promised and stored there is gone for good. Never do so with more
than one process of a partition at a time: see each replacement through first.
Exits with 4 if the directory has nothing of the process, or is another
cluster's, or in use.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	id := fs.Uint("process", 0, "whose memory is given up")
	dir := fs.String("dir", "", "the `directory` that it shares with others")
	asJSON := fs.Bool("json", false, "print the outcome as JSON")
	f, code, ok := parseAndLoad(fs, e, args, file)
	if !ok {
		return code
	}
	if *id == 0 {
		return fail(e, "forget", exitUsage, notNamed(*file, "--process"))
	}
	m, err := listedIn(f, *file, uint64(*id), "--process")
	if err != nil {
		return fail(e, "forget", exitUsage, err)
	}
	if *dir == "" {
		return fail(e, "forget", exitUsage, fmt.Errorf("--dir is missing: which directory? eyrie node keeps its own in %s", filepath.Join(filepath.Dir(*file), dataName)))
	}
	switch err := host.ForgetShared(*dir, f.Cluster, f.Topology(), m.ID); {
	case errors.Is(err, host.ErrDirectory):
		return fail(e, "forget", exitRefused, err)
	case err != nil:
		return fail(e, "forget", exitFailed, err)
	}
	if *asJSON {
		printJSON(e.stdout, map[string]any{"process": *id, "directory": *dir, "forgotten": true})
		return exitOK
	}
	fmt.Fprintf(e.stdout, "%s has nothing of process %d any more. Start the others from it again; process %d with them only to replace it: eyrie replace --process %d\n", *dir, *id, *id, *id)
	return exitOK
}
