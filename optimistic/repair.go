package optimistic

// repair has the runs done again that would take something else if they were
// done now: what they were built on has not come true. It goes through them in
// order, so each is compared with what those before it, right by now as far as
// is known, leave behind. Those that took nothing that changed stay [F5, F6].
func (m *Machine) repair() {
	again := 0
	for e := m.pending.head; e != nil; e = e.list.next {
		if !e.run.Started() || m.r.Holds(e.run) {
			continue
		}
		again++
		m.again(e)
	}
	if again > 0 {
		m.counters.Repairs++
		m.counters.Repeated += uint64(again)
		m.observe(EventRepair, nil)
	}
}

// again does a run again: at once, or when what it conflicts with has ended.
func (m *Machine) again(e *entry) {
	m.keepDigest(e)
	m.r.Again(e.run)
	e.effects = false
	m.start(e)
}
