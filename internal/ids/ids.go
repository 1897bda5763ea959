// Package ids names what the protocols speak of: processes, partitions,
// ensembles, clients, commands, and positions in the order. Each is a type of
// its own, so that none can be taken for another.
package ids

import (
	"encoding/hex"
	"fmt"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// Process names a server process of a cluster. Zero names none.
type Process uint16

// Incarnation tells one life of a process from its other lives: a process
// that keeps nothing on disk draws a new random one at each start. Zero is
// never drawn.
type Incarnation uint64

// Partition names a partition of the state. Its replicas are one multicast
// group (the dissertation's g_i), so the same name serves Ridge.
// Partitions are numbered from 0 without gaps.
type Partition uint16

// Ensemble names a Paxos ensemble. Ensemble i orders the messages for
// partition i alone; All orders those for several partitions.
type Ensemble uint16

// All is e_all of section 5.3.2: every process subscribes to it when there is
// more than one partition; with a single partition it does not exist.
const All = Ensemble(1<<16 - 1)

// Client names one life of a client: 128 random bits, drawn anew by each
// process life, so a client that forgot its sequence is another client.
type Client [16]byte

// IsZero says whether c names no client.
func (c Client) IsZero() bool { return c == Client{} }

func (c Client) String() string { return hex.EncodeToString(c[:4]) }

// Sequence numbers a client's commands from 1 without gaps.
type Sequence uint64

// Attempt numbers the multicasts of one command with different destinations,
// from 1. Copies of one attempt are byte-identical.
type Attempt uint32

// Command names a command. Invariant: at most one attempt of a command takes
// effect, at the same position at all its destinations.
type Command struct {
	Client   Client
	Sequence Sequence
}

func (c Command) String() string { return fmt.Sprintf("%v#%d", c.Client, c.Sequence) }

// Instance numbers the consensus instances of one ensemble from 1.
type Instance uint64

// Position is a place in the merged order: the final timestamp and the
// ensemble that decided it. Positions are unique and totally ordered, and a
// message has the same position at all its destinations.
type Position struct {
	T hlc.Timestamp `json:"t"`
	E Ensemble      `json:"e"`
}

// Less orders positions by timestamp, then by ensemble.
func (p Position) Less(q Position) bool {
	return p.T < q.T || p.T == q.T && p.E < q.E
}

func (p Position) String() string { return fmt.Sprintf("%d.%d", p.T, p.E) }

// Addr is where a message goes or comes from: a server process, or, with
// Process zero, a client.
type Addr struct {
	Process Process
	Client  Client
}

// To is the address of a server process.
func To(p Process) Addr { return Addr{Process: p} }

// ToClient is the address of a client.
func ToClient(c Client) Addr { return Addr{Client: c} }

func (a Addr) String() string {
	if a.Process != 0 {
		return fmt.Sprintf("p%d", a.Process)
	}
	return "client " + a.Client.String()
}
