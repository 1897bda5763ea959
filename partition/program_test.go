package partition

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// The test service's commands are small random programs, held in a table that
// the argument indexes. They run unchanged on a replica and on the model.

const (
	colHash       = iota // by the key
	colFrozen            // by the key, immutable values
	colEverywhere        // at all partitions
	colGroup             // by the key's first letter
	collections
)

var (
	errFunds = errors.New("funds")
	errLoose = errors.New("not registered")
)

type opcode byte

const (
	opGet opcode = iota
	opPut
	opDelete
	opUpdate
	opAgain // as the update before
	opRange
	opRangePut // writes while ranging
	opClock
	opFailIf
	opPanicIf
	opSwallow // recovers whatever the access does to it
	opBurn
	opNoOperation
)

type instr struct {
	op  opcode
	key Key
	rng Range
	n   int
}

type program struct {
	exact bool
	items []Item
	code  []instr
	bad   bool // Access refuses the argument
	wild  bool // Access panics
}

// Operations of the test service.
const (
	doAdd = iota
	doAppend
	doPanic
	doBig
	doClear
	doTally  // commutes
	doGather // commutes, slides
	operations
)

type programs struct{ list []*program }

func (ps *programs) add(p *program) []byte {
	ps.list = append(ps.list, p)
	return binary.AppendUvarint(nil, uint64(len(ps.list)-1))
}

func (ps *programs) at(arg []byte) *program {
	i, n := binary.Uvarint(arg)
	if n != len(arg) || i >= uint64(len(ps.list)) {
		return nil
	}
	return ps.list[i]
}

func placeFirst(name string) string { return name[:min(1, len(name))] }

func testService(ps *programs) *Service {
	return &Service{
		Name: "test",
		Collections: []Collection{
			colHash:       {Name: "hash"},
			colFrozen:     {Name: "frozen", Immutable: true},
			colEverywhere: {Name: "everywhere", Everywhere: true},
			colGroup:      {Name: "group", Place: placeFirst, Diff: testDiff, Patch: testPatch},
		},
		Commands: []CommandSpec{{
			Name: "program",
			Access: func(arg []byte) (Access, error) {
				p := ps.at(arg)
				if p == nil || p.bad {
					return Access{}, errors.New("no such program")
				}
				if p.wild {
					panic("access")
				}
				return Access{Exact: p.exact, Items: p.items}, nil
			},
			Run: func(tx Tx, arg []byte) ([]byte, error) { return ps.at(arg).run(tx) },
		}},
		Operations: []Operation{
			doAdd: {Name: "add", Apply: func(old []byte, ok bool, arg []byte) []byte {
				sum := uint64(7)
				for _, b := range append(old, arg...) {
					sum = sum*31 + uint64(b)
				}
				return binary.AppendUvarint(nil, sum%100000)
			}},
			doAppend: {Name: "append", Apply: func(old []byte, ok bool, arg []byte) []byte {
				return appendTwo(arg).Value(old, ok)
			}, Slide: appendTwo},
			doPanic: {Name: "panic", Apply: func([]byte, bool, []byte) []byte { panic("operation") }},
			doBig:   {Name: "big", Apply: func([]byte, bool, []byte) []byte { return make([]byte, 1<<13) }},
			doClear: {Name: "clear", Apply: func([]byte, bool, []byte) []byte { return nil }},
			doTally: {Name: "tally", Apply: tally, Commutes: true},
			doGather: {Name: "gather", Commutes: true, Slide: gather, Apply: func(old []byte, ok bool, arg []byte) []byte {
				return gather(arg).Value(old, ok)
			}},
		},
		Errors: []NamedError{{"test.funds", errFunds}},
	}
}

// appendTwo keeps the end of a long value.
func appendTwo(arg []byte) Sliding {
	return func(old []byte, _ bool) (drop int, more []byte) {
		if len(old) > 40 {
			drop = len(old) - 20
		}
		return drop, arg[:2]
	}
}

// tally adds to a number of nine bytes, which it makes of whatever was there.
func tally(old []byte, ok bool, arg []byte) []byte {
	sum := uint64(len(old))
	switch {
	case len(old) == 9 && old[0] == 0xaa:
		sum = binary.LittleEndian.Uint64(old[1:])
	case ok:
		for _, b := range old {
			sum = sum*31 + uint64(b)
		}
	}
	return binary.LittleEndian.AppendUint64([]byte{0xaa}, sum+uint64(arg[0]))
}

// gather keeps the six greatest bytes that there were, each once, in order.
// Mostly, where they come in order, it puts one behind the others.
func gather(arg []byte) Sliding {
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

// testDiff says little where the beginning is the same, panics now and then,
// and is wrong now and then.
func testDiff(old, new []byte) ([]byte, bool) {
	n := 0
	for n < len(old) && n < len(new) && old[n] == new[n] {
		n++
	}
	switch len(new) {
	case 7:
		panic("diff")
	case 6:
		n /= 2
	}
	return append([]byte{byte(n)}, new[n:]...), n > 0
}

func testPatch(old, diff []byte) ([]byte, error) {
	if len(diff) == 0 || int(diff[0]) > len(old) {
		return nil, errors.New("another base")
	}
	if len(old) == 5 && diff[0] == 4 {
		panic("patch")
	}
	return append(slices.Clone(old[:diff[0]]), diff[1:]...), nil
}

// prepared is the service with commands that replicas prepare. They spoil what
// they must not keep, or look at.
func prepared(s *Service) *Service {
	all := *s
	all.Commands = nil
	for _, spec := range s.Commands {
		access, run := spec.Access, spec.Run
		spec.Prepare = func(arg []byte, lent Lent) (Access, Code, error) {
			a, err := access(arg)
			if err != nil {
				return a, nil, err
			}
			p, ok := lent.Code.(*preparedCode)
			if !ok {
				p = new(preparedCode)
			}
			p.run, p.arg = run, append(p.arg[:0], arg...)
			a.Items, p.out = leaveOut(a, &lent)
			a.Elsewhere = len(p.out)
			return a, p, nil
		}
		spec.Run = func(Tx, []byte) ([]byte, error) { panic("Run of a command that was prepared") }
		all.Commands = append(all.Commands, spec)
	}
	return &all
}

type preparedCode struct {
	run func(Tx, []byte) ([]byte, error)
	arg []byte
	out []Item
}

func (p *preparedCode) Run(tx Tx) ([]byte, error) {
	run := p.run
	p.run = nil // once
	if len(p.out) > 0 {
		tx = &passing{Tx: tx, out: p.out}
	}
	return run(tx, p.arg)
}

// leaveOut is an access without what is nothing to this partition.
func leaveOut(a Access, lent *Lent) (items, out []Item) {
	others := slices.DeleteFunc(slices.Clone(a.Items), func(it Item) bool { return it.Blind })
	may := lent.Leaves() && a.Exact && len(others) <= FewOthers &&
		!slices.ContainsFunc(others, func(it Item) bool { return it.Range != nil })
	items = lent.Items
	for _, it := range a.Items {
		same := func(other Item) bool { return other.Key == it.Key }
		if may && it.Blind && it.Write && int(it.Key.Collection) < collections && int(it.Op) < operations && it.Range == nil &&
			!slices.ContainsFunc(others, same) && lent.Elsewhere(it.Key.Collection, []byte(it.Key.Name)) {
			out = append(out, it)
		} else {
			items = append(items, it)
		}
	}
	return items, out
}

// passing is the Tx of code of which updates were left out.
type passing struct {
	Tx
	out  []Item
	last applied
	told bool // the Tx knows of last
}

func (p *passing) Update(k Key, op uint16, arg []byte) {
	p.last, p.told = applied{op: op, arg: slices.Clone(arg)}, false
	p.Again(k)
}

func (p *passing) Again(k Key) {
	switch {
	case slices.ContainsFunc(p.out, func(it Item) bool { return it.Key == k && it.Op == p.last.op }):
		passed++
		p.Pass(len(p.last.arg))
	case p.told:
		p.Tx.Again(k)
	default:
		p.told = true
		p.Tx.Update(k, p.last.op, p.last.arg)
	}
}

var passed int // updates, so far

func (p *program) run(tx Tx) ([]byte, error) {
	acc := uint64(1)
	mix := func(bs ...byte) {
		for _, b := range bs {
			acc = (acc ^ uint64(b)) * 0x100000001b3
		}
	}
	mixOK := func(ok bool) {
		if ok {
			mix(1)
		} else {
			mix(0)
		}
	}
	value := func() []byte {
		v := binary.LittleEndian.AppendUint64(nil, acc)
		return v[:1+acc%8]
	}
	for i, in := range p.code {
		mix(byte(i))
		switch in.op {
		case opGet:
			v, ok := tx.Get(in.key)
			mixOK(ok)
			mix(v...)
			if in.key.Collection != colFrozen {
				for j := range v { // must not reach the state [E2]
					v[j] ^= 0xff
				}
			}
		case opPut:
			v := value()
			tx.Put(in.key, v)
			if in.key.Collection != colFrozen {
				clear(v)
			}
		case opDelete:
			tx.Delete(in.key)
		case opUpdate:
			arg := binary.LittleEndian.AppendUint64(nil, acc)
			tx.Update(in.key, uint16(in.n), arg)
			clear(arg)
		case opAgain:
			tx.Again(in.key)
		case opRange:
			n := in.n
			tx.Range(in.rng, func(name string, v []byte) bool {
				mix([]byte(name)...)
				mix(v...)
				n--
				return n > 0
			})
		case opRangePut:
			n := in.n
			tx.Range(in.rng, func(name string, v []byte) bool {
				mix(v...)
				if acc%2 == 0 {
					tx.Put(Key{in.rng.Collection, name}, value())
				} else {
					tx.Delete(Key{in.rng.Collection, name + "x"})
				}
				n--
				return n > 0
			})
		case opClock:
			mix(byte(tx.Now()), byte(tx.Rand()), byte(tx.Rand()>>32))
		case opFailIf:
			if in.n == 0 || acc%uint64(in.n) == 0 {
				switch acc % 3 {
				case 0:
					return nil, fmt.Errorf("not enough: %w", errFunds)
				case 1:
					return nil, errLoose
				}
				return nil, Fail("test.own", "text")
			}
		case opPanicIf:
			if acc%uint64(in.n) == 0 {
				panic("command")
			}
		case opSwallow:
			func() {
				defer func() { recover() }()
				v, _ := tx.Get(in.key)
				mix(v...)
			}()
		case opBurn:
			for {
				tx.Get(in.key)
			}
		case opNoOperation:
			tx.Update(in.key, 99, nil)
		}
	}
	return binary.LittleEndian.AppendUint64(nil, acc), nil
}

// generator of programs.
type progGen struct {
	rng  *rand.Rand
	keys int
	// few: programs that read the same large values of other partitions over and
	// over, and change them now and then.
	few bool
}

func (g *progGen) key() Key {
	col := uint16(g.rng.IntN(collections))
	return Key{col, string(rune('a'+g.rng.IntN(3))) + string(rune('a'+g.rng.IntN(g.keys)))}
}

func (g *progGen) rangeOf() Range {
	r := Range{Collection: uint16(g.rng.IntN(collections))}
	if g.rng.IntN(3) > 0 {
		r.Lo = g.key().Name
	}
	if g.rng.IntN(3) > 0 {
		r.Hi = g.key().Name + "z"
	}
	if r.Collection == colGroup && g.rng.IntN(3) > 0 {
		at := string(rune('a' + g.rng.IntN(3)))
		r.At = &at
	}
	return r
}

// rereading is a program for the caches.
func (g *progGen) rereading() *program {
	p := &program{exact: true}
	for range 1 + g.rng.IntN(4) {
		k := Key{[]uint16{colHash, colFrozen, colGroup}[g.rng.IntN(3)], string([]byte{byte('a' + g.rng.IntN(3)), 'a'})}
		it, in := Item{Key: k, Write: true}, instr{key: k}
		switch c := g.rng.IntN(20); {
		case c < 12:
			in.op, it.Write = opGet, false
		case c < 15:
			in.op = opPut
		case c < 17:
			in.op, in.n = opUpdate, doAppend
		case c < 19:
			in.op, in.n = opUpdate, doTally+g.rng.IntN(2)
			it.Blind, it.Op = g.rng.IntN(3) > 0, uint16(in.n)
		default:
			in.op = opDelete
		}
		p.items, p.code = append(p.items, it), append(p.code, in)
	}
	if g.rng.IntN(6) == 0 {
		p.code = append(p.code, instr{op: opFailIf, n: g.rng.IntN(4)})
	}
	return p
}

func (g *progGen) program() *program {
	if g.few && g.rng.IntN(8) > 0 {
		return g.rereading()
	}
	p := &program{exact: g.rng.IntN(5) > 0}
	switch g.rng.IntN(60) {
	case 0:
		p.bad = true
		return p
	case 1:
		p.wild = true
		return p
	}
	n := 1 + g.rng.IntN(5)
	if g.rng.IntN(15) == 0 {
		n = 20 + g.rng.IntN(20) // enough for the indices of large commands
	}
	for range n {
		g.instr(p)
	}
	if g.rng.IntN(4) == 0 {
		p.code = append(p.code, instr{op: opFailIf, n: g.rng.IntN(4)})
	}
	if g.rng.IntN(3) == 0 { // touches the state after an error was possible
		g.instr(p)
	}
	if !p.exact && g.rng.IntN(2) == 0 {
		p.items = p.items[:g.rng.IntN(len(p.items)+1)] // a poor hint
	}
	g.rng.Shuffle(len(p.items), func(i, j int) { p.items[i], p.items[j] = p.items[j], p.items[i] })
	return p
}

func (g *progGen) instr(p *program) {
	k := g.key()
	declare := func(it Item) {
		if g.rng.IntN(60) > 0 {
			p.items = append(p.items, it)
		}
	}
	in := instr{key: k}
	switch c := g.rng.IntN(100); {
	case c < 30:
		in.op = opGet
		if g.rng.IntN(4) == 0 { // covered by a range
			r := Range{Collection: k.Collection, Lo: k.Name[:1], Hi: k.Name + "z"}
			declare(Item{Range: &r, Write: g.rng.IntN(4) == 0})
		} else {
			declare(Item{Key: k, Write: g.rng.IntN(3) == 0})
		}
	case c < 50:
		in.op = opPut
		declare(Item{Key: k, Write: true})
	case c < 58:
		in.op = opDelete
		declare(Item{Key: k, Write: true})
	case c < 72:
		in.op, in.n = opUpdate, g.rng.IntN(operations)
		if g.rng.IntN(3) == 0 {
			in.n = doTally + g.rng.IntN(2)
		}
		it := Item{Key: k, Write: true, Blind: g.rng.IntN(2) == 0, Op: uint16(in.n)}
		if g.rng.IntN(15) == 0 {
			it.Op = uint16(g.rng.IntN(operations + 1)) // not that one, or none
		}
		if declare(it); it.Blind && g.rng.IntN(5) > 0 {
			break
		}
		if g.rng.IntN(3) == 0 {
			p.code = append(p.code, in)
			in = instr{op: opGet, key: k} // Get after Update [N1]
			break
		}
		for range g.rng.IntN(4) {
			p.code = append(p.code, in)
			in = instr{op: opAgain, key: g.key()}
			it.Key = in.key
			declare(it)
		}
	case c < 84:
		in.op, in.rng, in.n = opRange, g.rangeOf(), 1+g.rng.IntN(12)
		r := in.rng
		if g.rng.IntN(3) == 0 {
			r.Lo, r.At = "", nil // declared wider
		}
		declare(Item{Range: &r, Write: g.rng.IntN(5) == 0})
	case c < 88:
		in.op, in.rng, in.n = opRangePut, g.rangeOf(), 1+g.rng.IntN(4)
		in.rng.At = nil
		declare(Item{Range: &Range{Collection: in.rng.Collection, Lo: in.rng.Lo}, Write: true})
	case c < 92:
		in.op = opClock
	case c < 94:
		in.op, in.n = opPanicIf, 1+g.rng.IntN(3)
	case c < 97:
		in.op = opSwallow
		if g.rng.IntN(2) == 0 {
			declare(Item{Key: k})
		}
	case c < 98:
		in.op = opBurn
		declare(Item{Key: k})
	default:
		in.op = opNoOperation
		declare(Item{Key: k, Write: true})
	}
	p.code = append(p.code, in)
}

// testMap is a Placement over n partitions.
type testMap struct {
	n       int
	version uint64
}

func (m testMap) Version() uint64 { return m.version }

func (m testMap) owner(place string) ids.Partition {
	sum := 0
	for _, b := range []byte(place) {
		sum = sum*5 + int(b)
	}
	return ids.Partition(sum % m.n)
}

func (m testMap) Owners(k Key) ids.Set {
	switch k.Collection {
	case colEverywhere:
		return ids.Range(m.n)
	case colGroup:
		return ids.Set{m.owner(placeFirst(k.Name))}
	}
	return ids.Set{m.owner(k.Name)}
}

func (m testMap) RangeOwners(g Range) (ids.Set, bool) {
	if g.Collection == colEverywhere {
		return ids.Range(m.n), true
	}
	if g.At != nil {
		return ids.Set{m.owner(*g.At)}, false
	}
	return ids.Range(m.n), false
}

func clientName(i int) (c ids.Client) {
	copy(c[:], strings.Repeat(string(rune('A'+i)), 16))
	return c
}
