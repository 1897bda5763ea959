package web

// Overview is how a cluster is, now. Counters count since the start of a
// process.
type Overview struct {
	Cluster string `json:"cluster"`
	// Execution is how services are executed: conservative, baseline or full.
	Execution  string      `json:"execution"`
	Partitions []Partition `json:"partitions"`
	// What the server adds.
	At        int64     `json:"at"` // milliseconds since 1970
	Operator  bool      `json:"operator"`
	Rates     Rates     `json:"rates"`
	Latencies Latencies `json:"latencies"`
}

// Partition is one partition's replicas.
type Partition struct {
	Partition int       `json:"partition"`
	Replicas  []Replica `json:"replicas"`
	Rates     Rates     `json:"rates"`
}

// States of a replica.
const (
	Alive     = "alive"
	Suspected = "suspected" // it answers, but others have not heard of it
	Silent    = "silent"    // it does not answer, and others do not suspect it yet
	Dead      = "dead"      // it does not answer, and others suspect it
	Starting  = "starting"  // it answers, but does not execute yet
)

// Replica is one process of a partition.
type Replica struct {
	Process int    `json:"process"`
	Addr    string `json:"addr"`
	State   string `json:"state"`
	// Note says more about a State.
	Note string `json:"note,omitempty"`
	// Coordinates: it orders the partition's commands.
	Coordinates bool     `json:"coordinates,omitempty"`
	Counters    Counters `json:"counters"`
	// EarlyMilliseconds and LateMilliseconds are from a command's arrival to its
	// optimistic and to its conservative delivery here, smoothed; zero without
	// optimistic delivery.
	EarlyMilliseconds float64 `json:"early_ms,omitempty"`
	LateMilliseconds  float64 `json:"late_ms,omitempty"`
	Heap              uint64  `json:"heap_bytes,omitempty"`
	// PID is the operating system's number of a process that is one by itself.
	PID int `json:"pid,omitempty"`
}

// Counters are those of one replica, since its start.
type Counters struct {
	Commands uint64 `json:"commands"` // executed in order
	Reads    uint64 `json:"reads"`    // executed without a place in the order
	// Compared are deliveries that came before their order was final, Misplaced those of
	// them whose optimistic order was wrong.
	Compared  uint64 `json:"compared,omitempty"`
	Misplaced uint64 `json:"misplaced,omitempty"`
	// Runs are optimistic executions. Confirmed commands ended by theirs, of Wrong
	// ones it was not right. Repairs had runs done again.
	Runs      uint64 `json:"runs,omitempty"`
	Confirmed uint64 `json:"confirmed,omitempty"`
	Wrong     uint64 `json:"wrong,omitempty"`
	Repairs   uint64 `json:"repairs,omitempty"`
	// Replies were ready optimistically; WrongReplies of them were not those that
	// came in the end.
	Replies      uint64 `json:"replies,omitempty"`
	WrongReplies uint64 `json:"wrong_replies,omitempty"`
}

// Rates are per second, since the overview before.
type Rates struct {
	Commands float64 `json:"commands"`
	Reads    float64 `json:"reads"`
	Mistakes float64 `json:"mistakes"`
	Repairs  float64 `json:"repairs"`
	// Since the start: what the living replicas counted.
	MistakesTotal uint64 `json:"mistakes_total"`
	RepairsTotal  uint64 `json:"repairs_total"`
}

// rate fills in Rates from the counters of this overview and of the one before,
// seconds earlier. Every replica of a partition executes all its commands, so
// that the fastest counts; each read is executed by one. A command of several
// partitions counts in each.
func (v *Overview) rate(before map[int]Counters, seconds float64) {
	v.Rates = Rates{}
	for i := range v.Partitions {
		p := &v.Partitions[i]
		p.Rates = Rates{}
		for _, r := range p.Replicas {
			c := r.Counters
			p.Rates.MistakesTotal = max(p.Rates.MistakesTotal, c.Misplaced+c.Wrong)
			p.Rates.RepairsTotal = max(p.Rates.RepairsTotal, c.Repairs)
			old, ok := before[r.Process]
			if !ok || seconds <= 0 || c.Commands < old.Commands || c.Reads < old.Reads {
				continue // it is new, or was started anew
			}
			per := func(now, then uint64) float64 { return float64(now-min(then, now)) / seconds }
			p.Rates.Commands = max(p.Rates.Commands, per(c.Commands, old.Commands))
			p.Rates.Reads += per(c.Reads, old.Reads)
			p.Rates.Mistakes = max(p.Rates.Mistakes, per(c.Misplaced+c.Wrong, old.Misplaced+old.Wrong))
			p.Rates.Repairs = max(p.Rates.Repairs, per(c.Repairs, old.Repairs))
		}
		v.Rates.Commands += p.Rates.Commands
		v.Rates.Reads += p.Rates.Reads
		v.Rates.Mistakes += p.Rates.Mistakes
		v.Rates.Repairs += p.Rates.Repairs
		v.Rates.MistakesTotal += p.Rates.MistakesTotal
		v.Rates.RepairsTotal += p.Rates.RepairsTotal
	}
}

// counters are those of all replicas that answered.
func (v *Overview) counters() map[int]Counters {
	all := map[int]Counters{}
	for _, p := range v.Partitions {
		for _, r := range p.Replicas {
			if r.State == Alive || r.State == Suspected || r.State == Starting {
				all[r.Process] = r.Counters
			}
		}
	}
	return all
}
