package optimistic

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// The test service's argument is a program: flags, then three bytes for each
// instruction.
const (
	atLeast = 1 << iota // access is a hint
	poorHint
	stray  // one access is not declared
	noHint // nothing is declared
)

const (
	opGet = iota
	opPut
	opCopy // reads one variable, writes another
	opDelete
	opUpdate
	opChase // reads what a value names
	opRange
	opRangePut
	opClock
	opFail
	opPanic
	opSwallow
	opJoin  // reads what the names of a range name
	opBlind // updates by an operation that commutes
	ops
)

// Collections: mutable, immutable, everywhere.
const collections = 3

func keyOf(a byte) partition.Key {
	return partition.Key{Collection: uint16(a) % 8 % collections, Name: string([]byte{'a' + a>>3%8})}
}

func rangeOf(a, b byte) partition.Range {
	lo, hi := keyOf(a), keyOf(b)
	return partition.Range{Collection: lo.Collection, Lo: lo.Name, Hi: hi.Name + "~"}
}

var errOwn = errors.New("own")

type testMap int

func (m testMap) Version() uint64 { return 1 }
func (m testMap) Owners(k partition.Key) ids.Set {
	if k.Collection == 2 {
		return ids.Range(int(m))
	}
	return ids.Set{ids.Partition(int(k.Name[0]) % int(m))}
}
func (m testMap) RangeOwners(g partition.Range) (ids.Set, bool) {
	return ids.Range(int(m)), g.Collection == 2
}

func testService() *partition.Service {
	return &partition.Service{
		Name:        "runs",
		Collections: []partition.Collection{{Name: "mutable"}, {Name: "immutable", Immutable: true}, {Name: "everywhere", Everywhere: true}},
		Commands: []partition.CommandSpec{{Name: "program", Access: access, Run: run}, {
			Name: "prepared", Access: access, Run: run,
			Prepare: func(arg []byte, lent partition.Lent) (partition.Access, partition.Code, error) {
				a, err := access(arg)
				a.Items = append(lent.Items, a.Items...)
				c, ok := lent.Code.(*code)
				if !ok {
					c = new(code)
				}
				c.arg, c.ran = append(c.arg[:0], arg...), false
				return a, c, err
			},
		}},
		Operations: []partition.Operation{
			{Name: "mix", Apply: func(old []byte, ok bool, arg []byte) []byte {
				sum := byte(len(old))
				for _, b := range append(old, arg...) {
					sum = sum*31 + b
				}
				return []byte{sum, 1}
			}},
			{Name: "panic", Apply: func(old []byte, ok bool, arg []byte) []byte {
				if len(old) > 0 && old[0]%2 == 0 {
					panic("operation")
				}
				return []byte{9}
			}},
			{Name: "slide", Slide: slide, Apply: func(old []byte, ok bool, arg []byte) []byte {
				return slide(arg).Value(old, ok)
			}},
			{Name: "tally", Commutes: true, Apply: func(old []byte, ok bool, arg []byte) []byte {
				tallied++
				var sum byte
				for i, b := range old {
					sum += b ^ byte(i)
				}
				return []byte{sum + arg[0]}
			}},
			{Name: "gather", Commutes: true, Slide: gather, Apply: func(old []byte, ok bool, arg []byte) []byte {
				return gather(arg).Value(old, ok)
			}},
		},
		Errors: []partition.NamedError{{Name: "own", Err: errOwn}},
	}
}

// tallied counts what was tallied.
var tallied int

// slide keeps a window of some bytes, as an operation that rarely copies.
func slide(arg []byte) partition.Sliding {
	return func(old []byte, _ bool) (drop int, more []byte) {
		return max(0, len(old)-20), arg
	}
}

// gather keeps the six greatest bytes that there were, each once, in order.
func gather(arg []byte) partition.Sliding {
	return func(old []byte, _ bool) (drop int, more []byte) {
		const most = 6
		if n := len(old); n > 0 && n <= most && slices.IsSorted(old) && old[n-1] < arg[0] && len(slices.Compact(slices.Clone(old))) == n {
			return max(0, n+1-most), arg[:1]
		}
		all := append(slices.Clone(old), arg[0])
		slices.Sort(all)
		all = slices.Compact(all)
		return len(old), all[max(0, len(all)-most):]
	}
}

type code struct {
	arg []byte
	ran bool
}

func (c *code) Run(tx partition.Tx) ([]byte, error) {
	if c.ran {
		panic("the code has run before")
	}
	c.ran = true
	return run(tx, c.arg)
}

func access(arg []byte) (partition.Access, error) {
	if len(arg)%3 != 1 {
		return partition.Access{}, errors.New("bad program")
	}
	a := partition.Access{Exact: arg[0]&atLeast == 0}
	for p := arg[1:]; len(p) > 0; p = p[3:] {
		op, x, y := p[0]%ops, p[1], p[2]
		it := partition.Item{Key: keyOf(x)}
		switch op {
		case opPut, opDelete, opUpdate:
			it.Write = true
		case opBlind:
			it.Write, it.Blind, it.Op = true, true, uint16(3+y%2)
		case opCopy:
			a.Items = append(a.Items, it)
			it = partition.Item{Key: keyOf(y), Write: true}
		case opChase:
			for i := range byte(3) {
				a.Items = append(a.Items, partition.Item{Key: chased(y, i)})
			}
		case opJoin:
			for i := range byte(8) {
				a.Items = append(a.Items, partition.Item{Key: keyOf(8 * i)})
			}
			g := rangeOf(x, y)
			it = partition.Item{Range: &g}
		case opRange, opRangePut:
			g := rangeOf(x, y)
			it = partition.Item{Range: &g, Write: op == opRangePut}
		case opClock, opFail, opPanic:
			continue
		}
		a.Items = append(a.Items, it)
	}
	if n := len(a.Items); n > 0 && arg[0]&stray != 0 || !a.Exact && arg[0]&poorHint != 0 && n > 0 {
		a.Items = a.Items[:n-1]
	}
	if arg[0]&noHint != 0 {
		a = partition.Access{}
	}
	return a, nil
}

func chased(y, i byte) partition.Key { return keyOf(y + i*8) }

func run(tx partition.Tx, arg []byte) ([]byte, error) {
	sum := uint64(7)
	mix := func(bs ...byte) {
		for _, b := range bs {
			sum = sum*131 + uint64(b)
		}
	}
	value := func() []byte { return binary.LittleEndian.AppendUint64(nil, sum)[:1+sum%4] }
	get := func(k partition.Key) {
		v, ok := tx.Get(k)
		mix(v...)
		if ok {
			mix(1)
		}
		if k.Collection == 0 {
			clear(v)
		}
	}
	for p := arg[1:]; len(p) > 0; p = p[3:] {
		x, y := p[1], p[2]
		switch p[0] % ops {
		case opGet:
			get(keyOf(x))
		case opPut:
			tx.Put(keyOf(x), value())
		case opCopy:
			get(keyOf(x))
			tx.Put(keyOf(y), value())
		case opDelete:
			tx.Delete(keyOf(x))
		case opUpdate:
			tx.Update(keyOf(x), uint16(y%3), value())
		case opBlind:
			tx.Update(keyOf(x), uint16(3+y%2), value())
		case opChase:
			get(keyOf(x))
			get(chased(y, byte(sum%3)))
		case opRange, opRangePut:
			n := 1 + int(y)%4
			g := rangeOf(x, y)
			tx.Range(g, func(name string, v []byte) bool {
				mix([]byte(name)...)
				mix(v...)
				if p[0]%ops == opRangePut {
					tx.Put(partition.Key{Collection: g.Collection, Name: name}, value())
				}
				n--
				return n > 0
			})
		case opJoin:
			tx.Range(rangeOf(x, y), func(name string, v []byte) bool {
				mix(v...)
				get(partition.Key{Name: name})
				return true
			})
		case opClock:
			mix(byte(tx.Now()), byte(tx.Rand()))
		case opFail:
			if sum%3 == 0 {
				return nil, errOwn
			}
		case opPanic:
			if sum%4 == 0 {
				panic("command")
			}
		case opSwallow:
			func() {
				defer func() { recover() }()
				get(keyOf(x))
			}()
		}
	}
	return binary.LittleEndian.AppendUint64(nil, sum), nil
}

// program draws an argument and its destinations.
func program(rng *rand.Rand, place testMap, tame bool) (arg []byte, dests ids.Set) {
	arg = []byte{0}
	switch rng.IntN(12) {
	case 0:
		arg[0] = atLeast
	case 1:
		arg[0] = atLeast | poorHint
	case 2:
		arg[0] = stray
	case 3:
		if rng.IntN(4) == 0 {
			arg[0] = noHint
		}
	}
	for range 1 + rng.IntN(4) {
		op := byte(rng.IntN(ops))
		if tame && (op == opRange || op == opRangePut || op == opJoin) && place > 1 {
			op = opCopy
		}
		arg = append(arg, op, byte(rng.IntN(64)), byte(rng.IntN(64)))
	}
	if tame {
		arg[0] = 0
	}
	a, _ := access(arg)
	for i := range a.Items {
		it := &a.Items[i]
		var owners ids.Set
		one := !it.Write
		if it.Range == nil {
			owners = place.Owners(it.Key)
		} else {
			var everywhere bool
			owners, everywhere = place.RangeOwners(*it.Range)
			one = one && everywhere
		}
		if one {
			owners = owners[rng.IntN(len(owners)):][:1]
		}
		dests = dests.Union(owners)
	}
	if len(dests) == 0 || rng.IntN(6) == 0 {
		dests = dests.Union(ids.Set{ids.Partition(rng.IntN(int(place)))})
	}
	return arg, dests
}
