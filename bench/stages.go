package bench

import (
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/partition"
)

// StageSums are the parts of commands' latencies, as the dissertation cuts them
// (section 4.6.2) and once more, summed over Count commands. Clocks are those of
// the processes concerned: here, one machine's, read once for all that a process
// takes in at a time. The time of the proposal is the median of the acceptors'
// clocks as the coordinator knows them, so it is early by about what a message
// between them takes; never by more than to the client's sending.
type StageSums struct {
	Count     uint64
	Batching  time.Duration // from the client's sending until the coordinator proposed it
	Multicast time.Duration // until the replica that answered delivered it
	Waiting   time.Duration // until it began to execute it
	Executing time.Duration // until its reply was final, other partitions' signals included
	Replying  time.Duration // until the client had the reply
}

// Stager is a System whose commands are stamped on their way.
type Stager interface {
	// Stages are the sums so far.
	Stages() StageSums
}

// stagesOf are the sums of a Stager so far, and nil of other systems.
func stagesOf(sys System) *StageSums {
	if s, ok := sys.(Stager); ok {
		sums := s.Stages()
		return &sums
	}
	return nil
}

// EarlyStager is a System whose optimistic replies are stamped too.
type EarlyStager interface {
	// EarlyStages are the sums so far, of optimistic replies.
	EarlyStages() StageSums
}

func earlyStagesOf(sys System) *StageSums {
	if s, ok := sys.(EarlyStager); ok {
		sums := s.EarlyStages()
		return &sums
	}
	return nil
}

func (s *StageSums) sub(o StageSums) {
	s.Count -= o.Count
	s.Batching -= o.Batching
	s.Multicast -= o.Multicast
	s.Waiting -= o.Waiting
	s.Executing -= o.Executing
	s.Replying -= o.Replying
}

// Stages are mean parts of the latency in a point.
type Stages struct {
	Batching  float64 `json:"batching_us"`
	Multicast float64 `json:"multicast_us"`
	Waiting   float64 `json:"waiting_us"`
	Executing float64 `json:"executing_us"`
	Replying  float64 `json:"replying_us"`
}

func (s *StageSums) means() *Stages {
	if s == nil || s.Count == 0 {
		return nil
	}
	us := func(d time.Duration) float64 { return float64(d) / 1e3 / float64(s.Count) }
	return &Stages{us(s.Batching), us(s.Multicast), us(s.Waiting), us(s.Executing), us(s.Replying)}
}

// stageClock sums what replies say. It is safe for concurrent use.
type stageClock struct {
	mu   sync.Mutex
	sums StageSums
}

// add counts a command that was ordered. One that was read has no such stages,
// and the answer to one of its copies that came too late has not all of them.
func (s *stageClock) add(r host.Result) {
	if at := r.Reply.Stages; at.Proposed > 0 && at.Started > 0 {
		s.count(r.Sent, max(r.Sent, min(at.Proposed, at.Delivered)), at, r.Replied)
	}
}

// addEarly counts the optimistic reply that came before. Such a command was not
// proposed by then: its multicasting is all the client's.
func (s *stageClock) addEarly(r host.Result) {
	if at := r.Early.Reply.Stages; at.Started > 0 {
		s.count(r.Sent, r.Sent, at, r.Sent+hlc.Timestamp(r.Early.Took/time.Microsecond))
	}
}

func (s *stageClock) count(sent, proposed hlc.Timestamp, at partition.Stages, replied hlc.Timestamp) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Count++
	s.sums.Batching += proposed.Sub(sent)
	s.sums.Multicast += at.Delivered.Sub(proposed)
	s.sums.Waiting += at.Started.Sub(at.Delivered)
	s.sums.Executing += at.Finished.Sub(at.Started)
	s.sums.Replying += replied.Sub(at.Finished)
}

// Stages implements Stager.
func (s *stageClock) Stages() StageSums {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sums
}
