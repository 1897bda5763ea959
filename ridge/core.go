package ridge

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Core is Ridge at one process: its roles in all its ensembles, the failure
// detector and the merge. It is a state machine without IO and not safe for
// concurrent use.
type Core struct {
	cfg  Config
	err  error
	sent []Send
}

// New makes a core. The configuration must have passed Validate.
func New(cfg Config) *Core { return &Core{cfg: cfg} }

// Step takes in a message from a process or, for Propose, from a client.
func (c *Core) Step(now hlc.Now, from ids.Addr, m wire.Message) {}

// Tick does what is due.
func (c *Core) Tick(now hlc.Now) {}

// Wake is the Mono time at which Tick is needed next.
func (c *Core) Wake() time.Duration { return 0 }

// Next pulls the next delivery addressed to this process, in merged order.
// Pulling counts as delivering: what is pulled may be forgotten by all.
func (c *Core) Next() (Delivery, bool) { return Delivery{}, false }

// Sends drains the messages to send. The slice is valid until the next call.
func (c *Core) Sends() []Send { return nil }

// Suspected says whether p is suspected to have failed.
func (c *Core) Suspected(p ids.Process) bool { return false }

// Err, when not nil, explains why this process must stop.
func (c *Core) Err() error { return c.err }

// Status describes the core.
func (c *Core) Status() Status { return Status{} }

// Time is the time of this partition's ensemble, as far as this process knows.
func (c *Core) Time() hlc.Timestamp { return 0 }
