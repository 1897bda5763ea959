package node

import (
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Config is what a Node is made of.
type Config struct {
	Self        ids.Process
	Incarnation ids.Incarnation // drawn at random by the driver, never zero
	Topology    *ridge.Topology
	// Machine, if not nil, takes Ridge's deliveries in place of a partition's
	// replica; Service, Placement and Partition then do not count.
	Machine   Machine
	Service   *partition.Service
	Placement partition.Placement
	// Execution other than conservative needs Ridge.Optimistic.
	Execution optimistic.Mode
	// Runs bounds optimistic execution; zero fields take the defaults. ObserveRuns
	// is told of it; nil in production.
	Runs        optimistic.Tuning
	ObserveRuns func(optimistic.Event)
	Ridge       ridge.Tuning
	Partition   partition.Tuning
	Random      func() uint64
	Checks      bool                  // partition's checked modes [E2] [N1]
	Observe     func(partition.Event) // nil in production
	// Optimistic is told of optimistic deliveries; nil in production.
	Optimistic func(ridge.OptDelivery)
	Learned    func(ids.Ensemble, ids.Instance, ridge.ValueID) // nil in production

	// Durable: what Records gives is journalled, Jobs are done, and the process
	// starts again from what Recovered has, which is nil at the very first start.
	// Incarnation is then that of the directory, and Life names this start:
	// random, never used before, not zero.
	Durable   bool
	Life      uint64
	Recovered *Recovered
	// Heap, if not nil, says for Status how many bytes the process's heap has.
	Heap func() uint64
	// Refused, if not nil, says for Status which processes refuse a connection, and why.
	Refused func() map[ids.Process]string
	// PID, for Status, is the operating system's number of the process.
	PID int
	// Transfer bounds state transfers; zero fields take the defaults.
	Transfer TransferTuning
}
