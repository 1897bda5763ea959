package simtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/partition"
)

// The bank is a service made to be checked: registers, transfers, lists, an
// index, variables that are everywhere, ranges, and commands that fail in
// every way in which a command can. Replies tell as much of the state as they
// can.

// Collections of the bank.
const (
	accounts  uint16 = iota // numbers
	index                   // name -> account
	settings                // everywhere: numbers
	lists                   // lists of tokens
	drawers                 // "group/item" -> number, placed by group
	boxes                   // the greatest tokens that came
	nBankColl = iota
)

// Operations of the bank.
const (
	opAdd     uint16 = iota // adds its argument
	opFragile               // likewise, but panics on multiples of three [N1]
	opToken                 // appends its argument to a list
	opKeep                  // puts its argument into a box; commutes, as opAdd does
)

var (
	errFunds = errors.New("not enough money")
	errNever = errors.New("this command always fails")
)

func number(v []byte) int64 {
	if len(v) != 8 {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(v))
}

func bytesOf(n int64) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

func account(i uint16) partition.Key { return partition.Key{Collection: accounts, Name: name('a', i)} }
func ref(i uint16) partition.Key     { return partition.Key{Collection: index, Name: name('r', i)} }
func setting(i uint16) partition.Key { return partition.Key{Collection: settings, Name: name('s', i)} }
func list(i uint16) partition.Key    { return partition.Key{Collection: lists, Name: name('l', i)} }
func box(i uint16) partition.Key     { return partition.Key{Collection: boxes, Name: name('l', i)} }
func drawer(group, i uint16) partition.Key {
	return partition.Key{Collection: drawers, Name: name('g', group) + "/" + name('d', i)}
}

func drawerRange(group uint16) partition.Range {
	at := name('g', group)
	return partition.Range{Collection: drawers, Lo: at + "/", Hi: at + "0", At: &at}
}

func groupOf(drawer string) string {
	for i := range len(drawer) {
		if drawer[i] == '/' {
			return drawer[:i]
		}
	}
	return drawer
}

var names = func() map[byte][]string {
	m := map[byte][]string{}
	for _, c := range []byte("arslgd") {
		for i := range 256 {
			m[c] = append(m[c], string(c)+strconv.Itoa(1000 + i)[1:])
		}
	}
	return m
}()

func name(c byte, i uint16) string { return names[c][i%256] }

// bankArg is the argument of every bank command: what it means is up to the
// command.
type bankArg struct {
	Keys []uint16
	N    int64
	M    uint16
}

func (a bankArg) encode() []byte {
	b := wire.AppendUvarint(nil, uint64(len(a.Keys)))
	for _, k := range a.Keys {
		b = wire.AppendUint16(b, k)
	}
	return wire.AppendUint16(wire.AppendUint64(b, uint64(a.N)), a.M)
}

func decodeBankArg(b []byte) (bankArg, error) {
	r := wire.NewReader(b)
	var a bankArg
	n := r.Count(2)
	for range n {
		a.Keys = append(a.Keys, r.Uint16())
	}
	a.N = int64(r.Uint64())
	a.M = r.Uint16()
	if r.Err() == nil && len(a.Keys) == 0 {
		r.Fail("no keys")
	}
	return a, r.Done()
}

// bankService builds the service.
func bankService() *partition.Service {
	s := &partition.Service{
		Name: "bank",
		Collections: []partition.Collection{
			accounts: {Name: "accounts", Immutable: true},
			index:    {Name: "index"},
			settings: {Name: "settings", Everywhere: true},
			lists:    {Name: "lists", Immutable: true, Diff: diffList, Patch: patchList},
			drawers:  {Name: "drawers", Place: groupOf},
			boxes:    {Name: "boxes", Immutable: true},
		},
		Operations: []partition.Operation{
			opAdd: {Name: "add", Commutes: true, Apply: func(old []byte, _ bool, arg []byte) []byte {
				return bytesOf(number(old) + number(arg))
			}},
			opFragile: {Name: "fragile", Apply: func(old []byte, _ bool, arg []byte) []byte {
				if number(old)%3 == 0 {
					panic("a multiple of three")
				}
				return bytesOf(number(old) + number(arg))
			}},
			opToken: {Name: "token", Apply: func(old []byte, _ bool, arg []byte) []byte {
				return appendToken(old, arg)
			}},
			opKeep: {Name: "keep", Commutes: true, Slide: keep, Apply: func(old []byte, ok bool, arg []byte) []byte {
				return keep(arg).Value(old, ok)
			}},
		},
		Errors: []partition.NamedError{{Name: "bank.funds", Err: errFunds}, {Name: "bank.never", Err: errNever}},
	}
	for _, c := range bankCommands {
		s.Commands = append(s.Commands, c.spec())
	}
	return s
}

// maxKept tokens are in a box.
const maxKept = 6

// keep puts a token into a box, which is in order, each once. Mostly it is the
// greatest.
func keep(token []byte) partition.Sliding {
	return func(old []byte, _ bool) (drop int, more []byte) {
		at := len(old)
		for ; at > 0 && number(old[at-8:at]) > number(token); at -= 8 {
		}
		over := max(0, len(old)+8-8*maxKept)
		switch {
		case at > 0 && number(old[at-8:at]) == number(token):
			return 0, nil
		case at == len(old):
			return over, token
		}
		all := append(append(append([]byte(nil), old[:at]...), token...), old[at:]...)
		return len(old), all[over:]
	}
}

// tokens kept in a list; older ones are folded into its first eight bytes.
const maxTokens = 32

func appendToken(old, token []byte) []byte {
	v := append([]byte(nil), old...)
	if len(v) == 0 {
		v = make([]byte, 8)
	}
	if len(v) >= 8*(maxTokens+1) {
		fold := xxhash.Sum64(v[:16])
		v = append(binary.LittleEndian.AppendUint64(nil, fold), v[16:]...)
	}
	return append(v, token...)
}

// diffList tells what was appended, if nothing was folded.
func diffList(old, new []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(new, old)
	return rest, ok
}

func patchList(old, diff []byte) ([]byte, error) {
	return append(slices.Clip(old), diff...), nil
}

// summary tells a list without sending all of it.
func summary(v []byte) []byte {
	return bytesOf(int64(xxhash.Sum64(v) ^ uint64(len(v))))
}
