package simtest

import (
	"fmt"
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// Cells are accounts that only the simplest commands touch, in groups that no
// command leaves: porcupine's general search checks each group by itself, with
// a model of its own, knowing nothing of orders and positions.
const (
	firstCell  = 40 // accounts from here on are cells
	cellGroup  = 3  // of so many accounts
	cellGroups = 8
)

// sampleable says whether a command is one of the cells'.
func sampleable(h *History, op *Op) (bankArg, bool) {
	if h.Service.Name != "bank" || op.Code > cmdAddAndRead && op.Code != cmdGive {
		return bankArg{}, false
	}
	a, err := decodeBankArg(op.Arg)
	return a, err == nil && a.Keys[0] >= firstCell
}

// cellState is the value of a group's accounts; a negative zero-th bit is not
// needed: presence is tracked, since an absent account reads as "-".
type cellState struct {
	value   [cellGroup]int64
	present [cellGroup]bool
}

type cellInput struct {
	code uint16
	arg  bankArg
}

// checkPorcupine checks the cells' operations. It returns how many it looked
// at and how many groups it could not decide in time.
func checkPorcupine(h *History, limit time.Duration) (checked, undecided int, err error) {
	groups := make([][]porcupine.Operation, cellGroups)
	for i := range h.Ops {
		op := &h.Ops[i]
		a, ok := sampleable(h, op)
		if !ok {
			continue
		}
		g := int(a.Keys[0]-firstCell) / cellGroup
		ret, output := int64(op.Returned), any(op.Answer)
		if op.Returned == 0 {
			ret, output = math.MaxInt64, nil
		}
		groups[g] = append(groups[g], porcupine.Operation{
			ClientId: i, Input: cellInput{op.Code, a}, Call: int64(op.Invoked), Output: output, Return: ret,
		})
	}
	model := porcupine.Model{
		Init: func() any { return cellState{} },
		Step: func(state, in, out any) (bool, any) {
			next, want := stepCells(state.(cellState), in.(cellInput))
			return out == nil || out.(answer) == want, next
		},
	}
	for g, ops := range groups {
		checked += len(ops)
		switch porcupine.CheckOperationsTimeout(model, ops, limit) {
		case porcupine.Illegal:
			return checked, undecided, fmt.Errorf("porcupine: the %d operations on cells %d to %d are not linearizable",
				len(ops), firstCell+g*cellGroup, firstCell+(g+1)*cellGroup-1)
		case porcupine.Unknown:
			undecided++
		}
	}
	return checked, undecided, nil
}

// stepCells is the cells' sequential specification.
func stepCells(s cellState, in cellInput) (cellState, answer) {
	at := func(k uint16) int { return int(k-firstCell) % cellGroup }
	set := func(k uint16, n int64) { s.value[at(k)], s.present[at(k)] = n, true }
	read := func(k uint16) string {
		if s.present[at(k)] {
			return string(bytesOf(s.value[at(k)]))
		}
		return ""
	}
	keys, n := in.arg.Keys, in.arg.N
	var out string
	switch in.code {
	case cmdRead:
		for _, k := range keys {
			out += read(k)
			if !s.present[at(k)] {
				out += "-"
			}
		}
	case cmdWrite:
		for i, k := range keys {
			set(k, n+int64(i))
		}
	case cmdSwap:
		out = read(keys[0])
		set(keys[0], n)
	case cmdTransfer:
		if s.value[at(keys[0])] < n-100 {
			return s, answer{errName: "bank.funds", errTxt: errFunds.Error()}
		}
		set(keys[0], s.value[at(keys[0])]-n)
		out = read(keys[0])
		rest := n
		for i, k := range keys[1:] {
			part := rest
			if i+1 < len(keys[1:]) {
				part = rest / 2
			}
			rest -= part
			set(k, s.value[at(k)]+part)
			out += read(k)
		}
	case cmdAdd, cmdGive, cmdAddAndRead:
		for _, k := range keys {
			set(k, s.value[at(k)]+n)
		}
		if in.code == cmdAddAndRead {
			set(keys[0], s.value[at(keys[0])]+1)
			out = read(keys[0])
		}
	}
	return s, answer{value: out}
}
