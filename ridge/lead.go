package ridge

// Lead is how many instances, of all ensembles together, another replica of this
// partition has delivered that this one has not: by their last heartbeats, and
// of the one that is furthest ahead. Those that are suspected do not count.
func (c *Core) Lead() (lead uint64) {
	for _, e := range c.ensembles {
		mine, most := e.delivered(), e.delivered()
		for i := range e.members {
			m := &e.members[i]
			if m.partition == c.partition && m.peer != nil && m.reported && !c.Suspected(m.process) {
				most = max(most, m.item.Delivered)
			}
		}
		lead += uint64(most - mine)
	}
	return lead
}
