package partition

import (
	"encoding/binary"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// suspected asks once about a process until Sends: a burst of commands of one
// partition asks about the same one each time.
func (r *Replica) suspected(p ids.Process) bool {
	if p == r.config.Self || r.config.Suspected == nil {
		return false
	}
	if r.doubt.about != p {
		r.doubt = doubt{p, r.config.Suspected(p)}
	}
	return r.doubt.is
}

type doubt struct {
	about ids.Process
	is    bool
}

// slow says whether p is not to be relied on for anything soon.
func (r *Replica) slow(p ids.Process) bool {
	return r.suspected(p) || p != r.config.Self && r.config.Behind != nil && r.config.Behind(p)
}

// speaker is the replica of this partition that speaks for it about a command
// to the client: chosen by the command's id among those not suspected or behind.
// Replicas may disagree for a while; then none or two speak, and resends make up
// for it.
func (r *Replica) speaker(h uint64) ids.Process {
	replicas := r.config.Replicas[r.config.Partition]
	n := uint64(len(replicas))
	for i := range n {
		if p := replicas[(h+i)%n]; !r.slow(p) {
			return p
		}
	}
	return r.config.Self
}

// hash spreads commands over replicas and partitions, alike everywhere.
func hash(c ids.Command) uint64 {
	h := binary.LittleEndian.Uint64(c.Client[:8]) ^ binary.LittleEndian.Uint64(c.Client[8:])
	h += uint64(c.Sequence) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
