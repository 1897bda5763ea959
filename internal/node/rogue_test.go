package node

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// lost is a cluster whose process 2 lacks what the others have forgotten.
func lost(t *testing.T, seed uint64, durable bool, replicas int) *lab {
	l := newLab(t, seed, durable, 1, replicas, small)
	l.user(300, 1, 8)
	l.until(10*time.Second, l.settled)
	return l
}

// Damaged chunks are counted and not taken, and sent again. A donor that sends
// only such, or what is no checkpoint at all, is given up for another.
func TestRogueDonors(t *testing.T) {
	spoil := map[string]func(c *Chunk, n int) *Chunk{
		"some are damaged": func(c *Chunk, n int) *Chunk {
			if n%5 == 0 {
				c.Data = bytes.Clone(c.Data)
				c.Data[len(c.Data)/2] ^= 4
			}
			return c
		},
		"all are damaged": func(c *Chunk, _ int) *Chunk { c.CRC++; return c },
		"items in no order": func(c *Chunk, _ int) *Chunk {
			items, _ := readItems(c.Data, nil)
			if len(items) > 1 {
				items[0], items[1] = items[1], items[0]
			}
			c.Data = appendItems(nil, items)
			c.CRC = c.crc()
			return c
		},
		"nonsense": func(c *Chunk, _ int) *Chunk { c.Data = []byte{200, 200, 200}; c.CRC = c.crc(); return c },
		"one value differs": func(c *Chunk, n int) *Chunk {
			items, _ := readItems(c.Data, nil)
			for i := range items {
				if items[i].Key[0] == 'v' {
					items[i].Value = bytes.Clone(items[i].Value)
					items[i].Value[0] ^= 1
				}
			}
			c.Data = appendItems(nil, items)
			c.CRC = c.crc()
			return c
		},
		"indices far ahead": func(c *Chunk, _ int) *Chunk { c.Index += 1000; c.CRC = c.crc(); return c },
		"it ends early":     func(c *Chunk, _ int) *Chunk { c.Last = true; c.CRC = c.crc(); return c },
	}
	for what, f := range spoil {
		l := lost(t, 1, false, 3)
		rogue, n := ids.Process(0), 0
		l.filter = func(from, to ids.Process, m wire.Message) wire.Message {
			if c, ok := m.(*Chunk); ok {
				if rogue == 0 {
					rogue = from
				}
				if n++; from == rogue {
					spoiled := *c
					return f(&spoiled, n)
				}
			}
			return m
		}
		l.lose(2)
		l.finish(60 * time.Second)
		s := l.procs[1].node.Status().Transfer
		if s.Damaged+s.Refused == 0 || s.Completed == 0 || s.Failed == 0 && what != "some are damaged" {
			t.Errorf("%s: %+v", what, s)
		}
	}
}

// What no correct replica sends is of no consequence, whatever state one is in.
func TestStrangeTransferMessages(t *testing.T) {
	l := lost(t, 2, false, 3)
	bad := []wire.Message{
		&Want{Transfer: 1, Need: Need{Key: ids.Position{T: 1 << 62}}}, &Fetch{Transfer: 1, Until: 1 << 31},
		&Fetch{Transfer: 1, Next: 1 << 30, Until: 1 << 30}, &Decline{Transfer: 7, Why: Lost},
		&Offer{Transfer: 7, Manifest: someManifest()}, &Chunk{Transfer: 7, Index: 1 << 31, Last: true},
	}
	for i := range 3 {
		for _, m := range l.procs {
			for _, b := range bad {
				from := l.procs[(int(m.id)+i)%3]
				m.node.Step(l.clock(), ids.To(from.id), from.inc, b)
			}
		}
		if i == 0 {
			l.lose(2)
		}
		l.run(100 * time.Millisecond)
	}
	l.finish(60 * time.Second)
}

// A stranger to the partition gets no state.
func TestStatesStayInThePartition(t *testing.T) {
	l := newLab(t, 3, false, 2, 3, small)
	l.run(time.Second)
	n, m := l.procs[0].node, l.procs[4]
	before := n.strange
	n.Step(l.clock(), ids.To(m.id), m.inc, &Want{Transfer: 5})
	if len(n.donor.sessions) != 0 || n.strange != before+1 {
		t.Errorf("%d sessions, %d strange messages", len(n.donor.sessions), n.strange-before)
	}
}

// C7: what a service's code has made is not gone on from by another's.
func TestOtherServiceIsRefused(t *testing.T) {
	l := newLab(t, 4, true, 1, 3, frequent)
	l.user(300, 1, 8)
	l.finish(20 * time.Second)
	for _, without := range []string{"", "checkpoints", "journal"} {
		m := l.procs[0]
		m.crash()
		other := labService()
		other.Commands = append(other.Commands, partition.CommandSpec{Name: "new", Access: other.Commands[0].Access, Run: other.Commands[0].Run})
		c := m.config()
		c.Service = other
		switch without {
		case "checkpoints":
			c.Recovered.Checkpoints = nil
		case "journal":
			c.Recovered.Records = nil
		}
		if _, err := New(c); !errors.Is(err, ErrService) || !strings.Contains(err.Error(), "start the program that wrote it") {
			t.Errorf("without %q: %v", without, err)
		}
		m.start()
	}
}

// Scenarios 45 and 66: a journal of another incarnation, process or cluster is
// recognised.
func TestForeignDirectory(t *testing.T) {
	l := newLab(t, 5, true, 2, 3, frequent)
	l.user(300, 1, 8)
	l.finish(20 * time.Second)
	l.procs[0].crash()
	for what, f := range map[string]func(*Config){
		"another incarnation": func(c *Config) { c.Incarnation++ },
		"another process":     func(c *Config) { c.Self = 2 },
		"another partition":   func(c *Config) { c.Self = 4; c.Recovered.Records = nil },
		"a smaller cluster":   func(c *Config) { c.Topology = newLab(t, 6, false, 1, 3).topo },
		"votes without a list": func(c *Config) {
			for i, r := range c.Recovered.Records {
				if r.Ensemble == Own {
					c.Recovered.Records = append(c.Recovered.Records[:i], c.Recovered.Records[i+1:]...)
					return
				}
			}
		},
		"a list that is cut": func(c *Config) {
			for i, r := range c.Recovered.Records {
				if r.Ensemble == Own {
					c.Recovered.Records[i].Body = [][]byte{r.Bytes()[:20]}
				}
			}
		},
	} {
		c := l.procs[0].config()
		f(&c)
		if _, err := New(c); !errors.Is(err, ErrDirectory) {
			t.Errorf("%s: %v", what, err)
		}
	}
	l.procs[0].start()
}
