package simtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Summary is what many runs did.
type Summary struct {
	Runs      int               `json:"runs"`
	Commands  int               `json:"commands"`
	Answered  int               `json:"answered"`
	Failed    int               `json:"failed"`
	Unknown   int               `json:"unknown"`
	Effects   int               `json:"effects"`
	Reads     int               `json:"reads"`
	Multi     int               `json:"multi"`
	Sampled   int               `json:"sampled"`
	Undecided int               `json:"undecided"`
	Thin      int               `json:"thin"`    // runs that were thin,
	Lost      int               `json:"lost"`    // or lost a partition to laggards
	Durable   int               `json:"durable"` // runs with disks
	Events    uint64            `json:"events"`
	Virtual   float64           `json:"virtual_seconds"`
	Median    int               `json:"median"` // commands of the median run
	Faults    map[string]uint64 `json:"faults"`
	Slow      map[string]uint64 `json:"slow"`
	Elapsed   time.Duration     `json:"-"`
	commands  []int
	// Hash folds the traces' hashes, in any order.
	Hash     uint64     `json:"-"`
	Failures []*Failure `json:"failures"`
}

// RunMany runs seeds first, first+1, ..., n of them, parallel at a time. It
// stops early when ctx ends or, unless keepOn is set, after the first failure.
// progress, if not nil, is called after each run, one call at a time.
func RunMany(ctx context.Context, first uint64, n, parallel int, keepOn bool, o Options, progress func(done int, r Report, err error)) Summary {
	s := Summary{Faults: map[string]uint64{}, Slow: map[string]uint64{}}
	begin := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	next := 0
	for range max(parallel, 1) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= n || ctx.Err() != nil {
					return
				}
				r, err := Run(first+uint64(i), o)
				mu.Lock()
				s.add(r, err)
				if progress != nil {
					progress(s.Runs, r, err)
				}
				mu.Unlock()
				if err != nil && !keepOn {
					stop()
				}
			}
		})
	}
	wg.Wait()
	s.Elapsed = time.Since(begin)
	slices.SortFunc(s.Failures, func(a, b *Failure) int { return int(a.Seed) - int(b.Seed) })
	if len(s.commands) > 0 {
		slices.Sort(s.commands)
		s.Median = s.commands[len(s.commands)/2]
	}
	return s
}

func (s *Summary) add(r Report, err error) {
	s.Runs++
	s.Commands += r.Commands
	s.Answered += r.Answered
	s.Failed += r.Failed
	s.Unknown += r.Unknown
	s.Effects += r.Effects
	s.Reads += r.Reads
	s.Multi += r.Multi
	s.Sampled += r.Sampled
	s.Undecided += r.Undecided
	if r.Thin {
		s.Thin++
	}
	if r.Lost {
		s.Lost++
	}
	if r.Durable {
		s.Durable++
	}
	s.Events += r.Events
	s.Virtual += r.Virtual
	s.Hash += r.Hash * 0x9e3779b97f4a7c15
	s.commands = append(s.commands, r.Commands)
	for k, v := range r.Faults {
		s.Faults[k] += v
	}
	for k, v := range r.Slow {
		s.Slow[k] += v
	}
	if f, ok := err.(*Failure); ok {
		s.Failures = append(s.Failures, f)
	}
}

// MarshalJSON makes an object. The hash is text there, as in String: it has more bits
// than a number of JavaScript.
func (s Summary) MarshalJSON() ([]byte, error) {
	type fields Summary
	return json.Marshal(struct {
		fields
		Seconds float64 `json:"seconds"`
		Hash    string  `json:"hash"`
	}{fields(s), s.Elapsed.Seconds(), fmt.Sprintf("%016x", s.Hash)})
}

// String is the summary for people.
func (s *Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs (%d of them with disks) in %v, %d failed; %.0f s of virtual time, %d events\n",
		s.Runs, s.Durable, s.Elapsed.Round(time.Millisecond), len(s.Failures), s.Virtual, s.Events)
	fmt.Fprintf(&b, "%d commands checked (median run %d, %d thin runs): %d answered, %d of them with an error, %d of unknown outcome\n",
		s.Commands, s.Median, s.Thin, s.Answered, s.Failed, s.Unknown)
	fmt.Fprintf(&b, "%d were ordered and took effect or failed for good, %d of them at several partitions; %d were read without an instance; %d checked by porcupine too (%d groups undecided)\n",
		s.Effects, s.Multi, s.Reads, s.Sampled, s.Undecided)
	fmt.Fprintf(&b, "faults:\n%sslow paths:\n%straces %016x\n", sortedCounts(s.Faults), sortedCounts(s.Slow), s.Hash)
	return b.String()
}
