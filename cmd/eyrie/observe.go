package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/apps/chirper/web"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/ridge"
)

// observer asks the processes of a cluster how they are, for the live view. It
// connects when it is first asked.
type observer struct {
	f *cluster.File

	mu sync.Mutex
	c  *host.Client
}

// observeTimeout is how long a process that listens may take to answer.
const observeTimeout = 900 * time.Millisecond

func (o *observer) observe(ctx context.Context) (web.Overview, error) {
	c, err := o.client(ctx)
	if err != nil { // nobody answers: that is an overview, too
		if ctx.Err() != nil {
			return web.Overview{}, err
		}
		return overviewOf(o.f, members(o.f)), nil
	}
	return overviewOf(o.f, askAll(ctx, c, o.f, observeTimeout)), nil
}

// client is connected, unless the cluster has another life than it knows.
func (o *observer) client(ctx context.Context) (*host.Client, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.c != nil && o.c.Err() != nil {
		o.c.Close()
		o.c = nil
	}
	if o.c == nil {
		c, err := dialOperator(ctx, o.f, observeTimeout)
		if err != nil {
			return nil, err
		}
		o.c = c
	}
	return o.c, nil
}

func (o *observer) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.c != nil {
		o.c.Close()
	}
}

// overviewOf is the live view of what the processes said.
func overviewOf(f *cluster.File, all []processStatus) web.Overview {
	v := web.Overview{Cluster: f.Cluster, Execution: f.Execution.String(), Partitions: make([]web.Partition, len(f.Partitions))}
	for p := range v.Partitions {
		v.Partitions[p].Partition = p
	}
	suspects := map[ids.Process]bool{}
	for _, p := range all {
		if p.Reachable {
			for _, q := range p.Status.Ridge.Suspected {
				suspects[q] = true
			}
		}
	}
	for _, p := range all {
		into := &v.Partitions[p.Partition]
		into.Replicas = append(into.Replicas, replicaOf(p, suspects[p.Process]))
	}
	together(&v)
	return v
}

// together leaves out the operating system's number of a process that all share:
// who kills that kills the cluster.
func together(v *web.Overview) {
	pids := map[int]bool{}
	for _, p := range v.Partitions {
		for _, r := range p.Replicas {
			if r.PID != 0 {
				pids[r.PID] = true
			}
		}
	}
	if len(pids) != 1 {
		return
	}
	for _, p := range v.Partitions {
		for i := range p.Replicas {
			p.Replicas[i].PID = 0
		}
	}
}

func replicaOf(p processStatus, suspected bool) web.Replica {
	r := web.Replica{Process: int(p.Process), Addr: p.Addr}
	switch {
	case !p.Reachable && suspected:
		r.State = web.Dead
	case !p.Reachable:
		r.State = web.Silent
	case p.Status.State != node.Ready:
		r.State, r.Note = web.Starting, p.Status.State
	case suspected:
		r.State = web.Suspected
	default:
		r.State = web.Alive
	}
	if !p.Reachable {
		r.Note = p.Stranger
		return r
	}
	s := p.Status
	if s.Error != "" {
		r.Note = s.Error
	}
	r.Coordinates = slices.ContainsFunc(s.Ridge.Ensembles, func(e ridge.EnsembleStatus) bool {
		return e.Ensemble == ids.Ensemble(p.Partition) && e.Leading
	})
	r.Counters = web.Counters{
		Commands: s.Replica.Counters.Finished, Reads: s.Replica.Counters.Reads,
		Compared: s.Ridge.Counters.Ahead(), Misplaced: s.Ridge.Counters.Mistakes,
	}
	if s.Optimistic != nil {
		c := s.Optimistic.Counters
		r.Counters.Runs, r.Counters.Confirmed, r.Counters.Wrong, r.Counters.Repairs = c.Runs, c.Confirmed, c.Wrong, c.Repairs
		r.Counters.Replies, r.Counters.WrongReplies = c.OptReplies, c.ReplyMistakes
	}
	if s.Ridge.Optimism.On {
		r.EarlyMilliseconds = float64(s.Ridge.Optimism.Early) / float64(time.Millisecond)
		r.LateMilliseconds = float64(s.Ridge.Optimism.Late) / float64(time.Millisecond)
	}
	r.Heap, r.PID = s.Heap, s.PID
	return r
}
