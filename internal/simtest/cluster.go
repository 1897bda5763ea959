package simtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/sim"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// cluster is one simulated cluster with its clients.
type cluster struct {
	seed    uint64
	shape   Shape
	rand    *rand.Rand // the driver's draws
	load    *rand.Rand // the workload's draws
	asks    *rand.Rand // which commands ask for optimistic replies
	world   *sim.World
	history *History
	service *partition.Service
	place   *oracle.Map
	topo    *ridge.Topology
	work    workload
	servers []*server // by process, from 1
	lives   []*server // every life of every process
	clients []*user   // those that live
	all     []*user
	nemesis *sim.Nemesis
	storm   *storm
	checks  monitor

	credit    int // commands still to be submitted
	submitted int
	answered  int
	open      int // submitted, neither answered nor given up, by clients that live
	crashes   int
	lost      bool          // a partition has no quorum left
	replaced  int           // processes
	healed    time.Duration // zero before the fault-free phase
	err       error         // what a monitor found
}

// start is the physical time at virtual time zero.
const start = hlc.Timestamp(1_767_225_600_000_000)

func newCluster(seed uint64, shape Shape) (c *cluster, err error) {
	c = &cluster{
		seed: seed, shape: shape,
		rand: rand.New(rand.NewPCG(seed, 0x64726976)), load: rand.New(rand.NewPCG(seed, 0x6c6f6164)),
		asks: newRand(seed, 0x61736b73),
	}
	if err := errors.Join(shape.Ridge.Validate(), shape.Partition.Validate()); err != nil {
		return nil, fmt.Errorf("the drawn shape is not valid: %w", err)
	}
	replicas := make([][]ids.Process, shape.Partitions)
	p := ids.Process(0)
	for i := range replicas {
		for range shape.Replicas {
			p++
			replicas[i] = append(replicas[i], p)
		}
	}
	c.topo = ridge.NewTopology(replicas)
	if err := c.topo.Validate(); err != nil {
		return nil, err
	}
	c.service = bankService()
	if shape.Service == "volery" {
		c.service = voleryService.Definition()
	}
	if err := c.service.Validate(); err != nil {
		return nil, err
	}
	c.place = oracle.New(1, shape.Partitions, c.service)
	c.history = newHistory(c.service, c.place, shape.Partitions, shape.Partition.MaxAccesses)
	c.work = newBankLoad(&c.shape, c.place)
	if shape.Service == "volery" {
		c.work = &voleryLoad{service: voleryService, place: c.place, shape: &c.shape}
		c.history.Second = voleryModel(c.history)
	}
	if shape.Work != nil {
		c.work = shape.Work
	}
	c.world = sim.New(seed, sim.Config{
		Endpoints: int(p) + 5*shape.Clients, Decode: node.Decode, Pointers: shape.Pointers, Network: shape.Network,
	})
	c.checks.init(c)
	for i := range replicas {
		for _, p := range replicas[i] {
			s := &server{c: c, process: p, part: ids.Partition(i)}
			if shape.Disks.Durable {
				if s.disk, err = c.newDisk(p); err != nil {
					return nil, err
				}
			}
			if err := s.boot(); err != nil {
				return nil, err
			}
			s.id = c.world.Add(ids.To(p), s.incarnation(), s, c.clock(shape.Skew))
			c.servers = append(c.servers, s)
		}
	}
	return c, nil
}

// clock draws an endpoint's clocks.
func (c *cluster) clock(skew time.Duration) sim.Clock {
	return sim.Clock{
		Base:       start,
		Grain:      c.shape.Grain,
		MonoOffset: time.Duration(c.rand.Int64N(int64(100 * time.Second))),
		MonoPPM:    c.rand.Int64N(401) - 200,
		Skew:       time.Duration(c.rand.Int64N(2*int64(skew)+1)) - skew,
	}
}

func (c *cluster) random(stream uint64) func() uint64 {
	return rand.New(rand.NewPCG(c.seed, stream<<8|0xff)).Uint64
}
