package vfs

import (
	"maps"
	"slices"
)

// Crash cuts the power: the process is dead (its handles fail, its locks are
// gone), and of what was not synced each sector, each change of a file's size
// and each change of names is there or not, as rng decides: it is asked for
// numbers below n and kept when they are not 0. The hook is taken off.
func (m *Mem) Crash(rng func(n int) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.hook = nil
	clear(m.locks)
	for _, v := range m.moves {
		if rng(2) != 0 {
			v.apply(m.disk)
		}
	}
	m.moves = nil
	m.now = maps.Clone(m.disk)
	seen := map[*node]bool{}
	for _, name := range slices.Sorted(maps.Keys(m.now)) {
		if n := m.now[name]; !seen[n] {
			seen[n] = true
			n.crash(rng)
		}
	}
}

func (n *node) crash(rng func(n int) int) {
	if n.resized && rng(2) != 0 {
		n.disk = resize(n.disk, len(n.data))
	}
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		if rng(2) != 0 {
			n.settle(s)
		}
	}
	n.data, n.resized = slices.Clone(n.disk), false
	clear(n.dirty)
}

// Kill ends the process alone: its handles fail and its locks are gone, but
// all that it wrote is there, also what never reached the disk.
func (m *Mem) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.epoch++
	m.hook = nil
	clear(m.locks)
}
