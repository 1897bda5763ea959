// Package host runs cores: it gives a process's or a client's core goroutines,
// clocks and connections. Goroutines of connections, callers and the timer leave
// their input in the inbox of the core's loop, and one of them at a time runs the
// core, encodes and, as a rule, writes what it says: see loop.
//
// Nodes speak TCP to each other also within one operating-system process. A
// client there may be given nodes that it reaches directly: ClientConfig.Near.
package host

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/ridge"
)

// draw returns a random number that is not zero, from the operating system.
func draw() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}

// source is what a core draws random numbers from.
func source() func() uint64 {
	return mathrand.New(mathrand.NewPCG(draw(), draw())).Uint64
}

// layout fingerprints what all processes and clients of a cluster must agree
// on. A client that disagreed about the ensembles would speak to the wrong
// ones; one that disagreed about H would forget commands too early.
func layout(t *ridge.Topology, horizon time.Duration, execution optimistic.Mode) uint64 {
	h := xxhash.New()
	fmt.Fprintf(h, "%v %+v %d", t.Replicas, t.Ensembles, horizon)
	if execution != optimistic.Conservative { // which directories and files do not know of
		fmt.Fprintf(h, " %v", execution)
	}
	return h.Sum64()
}

// settings fingerprints the tuning that all processes must share.
func settings(v ...any) uint64 {
	h := xxhash.New()
	for _, v := range v {
		fmt.Fprintf(h, "%+v;", v)
	}
	return h.Sum64()
}

// others are the processes of a topology that have no address.
func missing(t *ridge.Topology, addrs map[ids.Process]string) error {
	for p, replicas := range t.Replicas {
		for _, r := range replicas {
			if addrs[r] == "" {
				return fmt.Errorf("host: process %d, a replica of partition %d, has no address", r, p)
			}
		}
	}
	return nil
}
