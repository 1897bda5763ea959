package bench

import "math/rand/v2"

// draws makes the operations of a load, each its own.
type draws struct {
	source Source // that makes them, or nil
	random *rand.Rand
	c      *Case
	keys   uint64
	value  []byte
}

func newDraws(sys System, c *Case, random *rand.Rand, value []byte) draws {
	source, _ := sys.(Source)
	return draws{source, random, c, c.keys(), value}
}

// next draws an operation, or has the system do so.
func (d *draws) next(op *Op, slot int) {
	if d.source != nil {
		*op = d.source.Next(slot)
		return
	}
	r := d.random.Uint64()
	op.Slot, op.Key, op.Value = slot, uint32(r%d.keys), d.value
	op.Multi, op.Destinations = false, 1
	if d.c.MultiShare > 0 && d.random.Float64() < d.c.MultiShare {
		op.Multi, op.Other, op.Destinations = true, uint32(r>>32%d.keys), max(d.c.Destinations, 2)
	}
}

func makeValue(c Case, seed uint64) []byte {
	random, v := rand.New(rand.NewPCG(seed, 0)), make([]byte, c.Size)
	for i := range v {
		v[i] = byte(random.Uint32())
	}
	return v
}
