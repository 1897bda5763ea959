package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
)

// replacement is an operator's command under way. It keeps nothing that it could
// not find out again: it looks at all processes, does what is next, and looks
// again. So it may be interrupted, and run anew, at any moment; and what it asks for
// is compare-and-set by the version of the members that it has seen, so that of two
// operators one succeeds.
type replacement struct {
	e       env
	file    *cluster.File
	name    string
	process ids.Process
	addr    string
	home    ids.Partition
	client  *host.Client

	inc    ids.Incarnation         // the new one, once it is known
	before map[ids.Ensemble]uint64 // the generation of the one that is replaced, as seen first
	state  []ensembleStep          // the own partition's first: it decides between two operators
	said   string                  // what the operator was told last
	saved  bool                    // the file has the new address
}

// ensembleStep is how far one ensemble is.
type ensembleStep struct {
	Ensemble ids.Ensemble `json:"ensemble"`
	Version  uint64       `json:"version"`
	Named    bool         `json:"named"`
	Voting   bool         `json:"voting"`
}

// prepare checks what can be checked without the cluster.
func (r *replacement) prepare(id uint) error {
	if id == 0 {
		return notNamed(r.name, "--process")
	}
	for p, members := range r.file.Partitions {
		for i := range members {
			if uint(members[i].ID) != id {
				continue
			}
			r.home = ids.Partition(p)
			if len(members) == 1 {
				return fmt.Errorf("process %d is the only one of partition %d: what it had is lost with its disk", id, p)
			}
			if r.addr != "" {
				members[i].Addr = r.addr
			}
			return r.file.Validate()
		}
	}
	return noProcess(r.name, uint64(id), "--process")
}

// poll is how often the processes are asked.
const poll = 500 * time.Millisecond

// starting is how long the new process may take to answer for the first time.
const starting = 4 * time.Second

func (r *replacement) run(ctx context.Context) (int, error) {
	c, err := dialOperator(ctx, r.file, 5*time.Second)
	if code, refused := refusedOperator(err, r.name); refused != nil {
		return code, refused
	}
	if err != nil {
		return exitUnreachable, fmt.Errorf("%w\n  More than half of each partition's processes must run", err)
	}
	defer c.Close()
	r.client = c
	began := time.Now()
	var silent error // the new process does not answer yet
	for first := true; ; {
		all := askAll(ctx, c, r.file, 2*time.Second)
		done, code, err := r.step(ctx, all, first)
		if code == exitUnreachable && time.Since(began) < starting {
			silent, err = err, nil // it may have been started just now
		} else {
			silent, first = nil, false
		}
		if done || err != nil {
			return code, err
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			if silent != nil {
				return exitUnreachable, silent
			}
			return exitFailed, fmt.Errorf("not complete yet (%s): %w\n  It goes on by itself where it can, if enough of the others run (eyrie status); run the command again to see it through", r.said, context.Cause(ctx))
		}
	}
}

// step looks at everybody and does what is next.
func (r *replacement) step(ctx context.Context, all []processStatus, first bool) (done bool, code int, err error) {
	self := r.find(all)
	if self == nil {
		if !first {
			r.say("process %d does not answer", r.process)
			return false, 0, nil
		}
		return false, exitUnreachable, fmt.Errorf("process %d does not answer\n  Start the new one first, with an empty directory: eyrie node --cluster %s --id %d", r.process, quoted(r.name), r.process)
	}
	if r.inc == 0 {
		r.inc = self.Incarnation
	} else if r.inc != self.Incarnation {
		return false, exitFailed, fmt.Errorf("process %d was started anew with another empty directory; run the command again for that one", r.process)
	}
	r.look(all)
	if err := r.fits(self, all); err != nil {
		return false, exitRefused, err
	}
	if err := r.lacking(all); first && err != nil {
		return false, exitUnreachable, err
	}
	if first && self.Member && !r.state[0].Named {
		return false, exitRefused, fmt.Errorf("process %d takes part with the memory it has: there is nothing to replace\n  To move it to another disk, stop it and move its directory", r.process)
	}
	for i := range r.state {
		s := &r.state[i]
		if s.Named {
			continue
		}
		if i == 0 && s.Version == 0 && first && !anyMember(all) {
			return false, exitRefused, errors.New("the cluster is not founded yet: all its processes have to be started once before one can be replaced")
		}
		return r.ask(ctx, all, s)
	}
	return r.watch(self)
}

// lacking says of which partition too few take part for anybody to be replaced: an
// ensemble names a new process if most of it agree.
func (r *replacement) lacking(all []processStatus) error {
	for p, members := range r.file.Partitions {
		taking := 0
		for _, s := range all {
			if s.Partition == ids.Partition(p) && s.Reachable && s.Status.Member {
				taking++
			}
		}
		if need := len(members)/2 + 1; taking < need {
			return fmt.Errorf("of partition %d only %d of %d processes take part, and nothing can be ordered, nor anybody replaced, by less than %d\n  Start those whose disks are there; if more are lost, so is what only they had", p, taking, len(members), need)
		}
	}
	return nil
}

// fits says why the cluster would not speak with the new process, if that is so:
// named it would take the other's place, and never have its votes.
func (r *replacement) fits(self *node.Status, all []processStatus) error {
	for _, p := range all {
		if !p.Reachable || !p.Status.Member || p.Process == r.process || (p.Status.Durable == nil) == (self.Durable == nil) {
			continue
		}
		flag, is := "--memory", "keeps its state on a disk, and the others keep all in memory"
		if self.Durable == nil {
			flag, is = "an empty directory, without --memory", "keeps everything in memory, and the others their state on disks"
		}
		return fmt.Errorf("process %d %s\n  Stop it, start it with %s, and run this command again", r.process, is, flag)
	}
	if by := refusers(self); len(by) > 0 && !self.Member && !strings.HasPrefix(self.State, node.Waiting) {
		return fmt.Errorf("processes %v do not speak with process %d: %s\n  Stop it, start it as they were started, and run this command again", by, r.process, self.RefusedBy[by[0]])
	}
	return nil
}

// refusers are the processes that refuse one, in order.
func refusers(s *node.Status) []ids.Process { return slices.Sorted(maps.Keys(s.RefusedBy)) }

// ask has an ensemble name the new process.
func (r *replacement) ask(ctx context.Context, all []processStatus, s *ensembleStep) (done bool, code int, err error) {
	if m := memberOf(all, s.Ensemble, r.process); m != nil && m.Generation != r.before[s.Ensemble] {
		return false, exitRefused, fmt.Errorf("process %d has been replaced meanwhile, by incarnation %d (ensemble %s, version %d)\n  Stop the one that you started", r.process, m.Incarnation, ensembleName(s.Ensemble), s.Version)
	}
	r.say("asks ensemble %s to replace process %d", ensembleName(s.Ensemble), r.process)
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	q := session.Replace{Ensemble: s.Ensemble, Process: r.process, Incarnation: r.inc, Version: s.Version, Addr: r.addr}
	for _, p := range all {
		if p.Reachable && p.Process != r.process {
			// Whoever does not coordinate does nothing; a conflict shows next time.
			_, _ = r.client.Replace(ctx, p.Process, q)
		}
	}
	return false, 0, nil
}

// watch waits until the new process has its votes and what it needs to keep them.
func (r *replacement) watch(self *node.Status) (done bool, code int, err error) {
	if r.addr != "" && !r.saved {
		if err := r.file.Save(r.name); err != nil {
			return false, exitFailed, fmt.Errorf("process %d is named at %s, but the file was not written: %w", r.process, r.addr, err)
		}
		r.saved = true
	}
	switch {
	case !self.Member:
		r.say("named in all its ensembles; waits for word of it")
		return false, 0, nil
	case self.Transfer.Lacks != "":
		r.say("%s", self.State)
		return false, 0, nil
	case self.Durable != nil && self.Durable.Older == 0:
		r.say("makes its state durable")
		return false, 0, nil
	}
	for _, s := range r.state {
		if !s.Voting {
			r.say("waits for its vote in ensemble %s", ensembleName(s.Ensemble))
			return false, 0, nil
		}
	}
	r.say("complete: process %d has its state and its votes", r.process)
	return true, exitOK, nil
}

// look finds out how far each of the process's ensembles is: its own partition's,
// which decides between two operators, comes first.
func (r *replacement) look(all []processStatus) {
	r.state = r.state[:0]
	list := []ids.Ensemble{ids.Ensemble(r.home)}
	if len(r.file.Partitions) > 1 {
		list = append(list, ids.All)
	}
	fresh := r.before == nil
	if fresh {
		r.before = map[ids.Ensemble]uint64{}
	}
	for _, id := range list {
		s := ensembleStep{Ensemble: id, Version: versionOf(all, id)}
		if m := memberOf(all, id, r.process); m != nil {
			s.Named = m.Incarnation == r.inc
			s.Voting = s.Named && m.Voting
			if fresh {
				r.before[id] = m.Generation
			}
		}
		r.state = append(r.state, s)
	}
}

func (r *replacement) find(all []processStatus) *node.Status {
	for _, p := range all {
		if p.Process == r.process && p.Reachable {
			return p.Status
		}
	}
	return nil
}

// say tells the operator what is new.
func (r *replacement) say(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); s != r.said {
		r.said = s
		fmt.Fprintf(r.e.stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), s)
	}
}
