package simtest

import (
	"math/rand/v2"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/partition"
)

// workload draws commands for one service.
type workload interface {
	// next draws a client's next command, and a guess at its partitions.
	next(r *rand.Rand) (code uint16, arg []byte, guess ids.Set)
}

// bankLoad draws bank commands.
type bankLoad struct {
	shape *Shape
	place partition.Placement
	total int
	token int64
}

func newBankLoad(s *Shape, place partition.Placement) *bankLoad {
	b := &bankLoad{shape: s, place: place}
	for _, w := range s.Mix {
		b.total += w
	}
	return b
}

const (
	nAccounts = firstCell // ordinary ones
	nRefs     = 6
	nSettings = 3
	nLists    = 10
	nDrawers  = 6 // groups
	nItems    = 5
)

func (b *bankLoad) next(r *rand.Rand) (uint16, []byte, ids.Set) {
	b.token++
	multi := r.IntN(100) < b.shape.Multi
	a := bankArg{N: b.token}
	if b.shape.Reads && r.IntN(2) == 0 {
		return cmdRead, b.read(r, a), nil
	}
	if b.shape.Chains && r.IntN(8) > 0 {
		code := pick(r, cmdRead, cmdWrite, cmdWrite, cmdWrite, cmdSwap)
		if code == cmdRead && r.IntN(2) == 0 {
			multi = false // a read that need not be ordered
		}
		a.Keys = b.link(r, multi)
		return code, a.encode(), nil
	}
	if r.IntN(8) == 0 {
		code := pick(r, cmdRead, cmdRead, cmdRead, cmdReadSetting, cmdLeaf, cmdPeek)
		b.fill(r, code, false, &a)
		return code, a.encode(), nil
	}
	if r.IntN(4) == 0 {
		code := pick(r, cmdRead, cmdRead, cmdWrite, cmdSwap, cmdTransfer, cmdTransfer, cmdAdd, cmdAddAndRead)
		a.Keys = b.cells(r, multi)
		if code == cmdTransfer {
			a.N = int64(1 + r.IntN(60))
		}
		return b.blindly(code), a.encode(), nil
	}
	x := r.IntN(b.total)
	code := uint16(0)
	for x >= b.shape.Mix[code] {
		x -= b.shape.Mix[code]
		code++
	}
	b.fill(r, code, multi, &a)
	code = b.blindly(code)
	var guess ids.Set
	if bankCommands[code].hint && r.IntN(3) == 0 {
		guess = ids.NewSet(ids.Partition(r.IntN(b.shape.Partitions)))
	}
	return code, a.encode(), guess
}

// blindly has some commands do without what makes them conflict.
func (b *bankLoad) blindly(code uint16) uint16 {
	switch {
	case code == cmdAdd && b.token%4 > 0:
		return cmdGive
	case code == cmdPush && b.token%2 > 0:
		return cmdKeep
	case code == cmdAppend && b.token%3 == 0:
		return cmdLook
	}
	return code
}

// read draws a read of one partition.
func (b *bankLoad) read(r *rand.Rand, a bankArg) []byte {
	switch {
	case b.shape.Chains:
		p := r.IntN(b.shape.Partitions)
		a.Keys = []uint16{b.local(p, 0), b.local(p, 1)}[r.IntN(2):]
	case r.IntN(4) == 0:
		a.Keys = b.cells(r, false)
	default:
		a.Keys = b.accounts(r, false)
	}
	return a.encode()
}

// fill draws a command's argument.
func (b *bankLoad) fill(r *rand.Rand, code uint16, multi bool, a *bankArg) {
	switch code {
	case cmdAppend, cmdPush:
		a.Keys = b.keys(r, list, nLists, multi)
	case cmdFollow, cmdPeek:
		a.Keys = b.keys(r, ref, nRefs, multi && r.IntN(2) == 0)
	case cmdSetRef:
		a.Keys = b.keys(r, ref, nRefs, multi)
		a.M = uint16(r.IntN(b.shape.Hot))
	case cmdSetSetting, cmdReadSetting:
		a.Keys = []uint16{uint16(r.IntN(nSettings))}
		if code == cmdSetSetting {
			a.N = int64(r.IntN(1000))
		}
	case cmdByForm:
		a.Keys = []uint16{uint16(r.IntN(nSettings))}
		a.M = uint16(r.IntN(4))
	case cmdSum:
		a.Keys, a.M = []uint16{uint16(r.IntN(nAccounts / 2))}, uint16(1+r.IntN(nAccounts/2))
	case cmdFile, cmdDrop, cmdLeaf, cmdRaise:
		a.Keys = b.keys(r, func(i uint16) partition.Key { return drawer(i, 0) }, nDrawers, multi)
		a.M = uint16(r.IntN(nItems))
		if code == cmdFile {
			a.Keys = a.Keys[:1]
		}
	case cmdTransfer:
		a.Keys, a.N = b.accounts(r, multi), int64(1+r.IntN(50))
		if r.IntN(8) == 0 {
			a.N = 1_000_000_000 // nobody has so much, mostly
		}
	case cmdTune:
		a.Keys, a.M = b.accounts(r, multi), uint16(r.IntN(nSettings))
	case cmdSpin:
		a.Keys, a.M = b.accounts(r, multi), uint16(1+r.IntN(5))
		if r.IntN(2) == 0 {
			a.M = spinAbove
		}
	default:
		a.Keys = b.accounts(r, multi)
	}
}

func (b *bankLoad) accounts(r *rand.Rand, multi bool) []uint16 {
	n := b.shape.Hot
	if r.IntN(4) == 0 {
		n = nAccounts
	}
	return b.keys(r, account, n, multi)
}

// keys draws one to three variables; with multi set it tries to make them of
// several partitions.
func (b *bankLoad) keys(r *rand.Rand, key func(uint16) partition.Key, n int, multi bool) []uint16 {
	first := uint16(r.IntN(n))
	keys := []uint16{first}
	if !multi {
		if r.IntN(3) > 0 {
			return keys
		}
	}
	home := b.place.Owners(key(first))
	want := 1 + r.IntN(2)
	for tries := 0; tries < 12 && len(keys) <= want; tries++ {
		k := uint16(r.IntN(n))
		if here := b.place.Owners(key(k)).Equal(home); k != first && here != multi {
			keys = append(keys, k)
		}
	}
	if len(keys) == 1 && multi && b.shape.Partitions > 1 && n < 30 {
		// The hot variables all live together: go beyond them.
		return b.keys(r, key, 30, multi)
	}
	return keys
}

// link draws one account, or one of each of two neighbouring partitions, of
// the first two that live there.
func (b *bankLoad) link(r *rand.Rand, multi bool) []uint16 {
	p := r.IntN(b.shape.Partitions)
	keys := []uint16{b.local(p, r.IntN(2))}
	if multi {
		keys = append(keys, b.local((p+1)%b.shape.Partitions, r.IntN(2)))
	}
	return keys
}

// local is the i-th account that lives in partition p.
func (b *bankLoad) local(p, i int) uint16 {
	for k := range uint16(nAccounts) {
		if b.place.Owners(account(k))[0] == ids.Partition(p) {
			if i == 0 {
				return k
			}
			i--
		}
	}
	return 0
}

// cells draws one to three accounts of one group of cells.
func (b *bankLoad) cells(r *rand.Rand, multi bool) []uint16 {
	base := uint16(firstCell + cellGroup*r.IntN(cellGroups))
	p := r.Perm(cellGroup)
	n := 1
	if multi {
		n = 2 + r.IntN(cellGroup-1)
	}
	keys := make([]uint16, n)
	for i := range keys {
		keys[i] = base + uint16(p[i])
	}
	return keys
}
