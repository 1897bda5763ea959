package node

import "time"

// catchUp has a replica that is far behind another of its partition rest after
// each burst of commands for as long as the burst took. Clients wait for the
// others, and others wait for the processors on which it hurries, where processes
// share a machine. It goes on without rests when it comes too near to the end of
// what the others keep for it, or does not come nearer to them.
type catchUp struct {
	much  bool          // the last burst had catchUpBurst commands or more
	began time.Duration // when it was executed
	until time.Duration // nothing is executed before
	rests bool          // far behind, and in no hurry

	// How far ahead the others were when that was last compared.
	lead  uint64
	at    time.Duration
	hurry bool
}

const (
	// farBehind instances of lead are more than come of a short pause.
	farBehind = 1024
	// catchUpBurst commands are executed between rests, of maxCatchUpRest at most.
	catchUpBurst   = 64
	maxCatchUpRest = 20 * time.Millisecond
	// Each progressEvery the lead is to shrink by one part in progressShare.
	progressEvery = time.Second
	progressShare = 16
)

// burst is how much may be executed now.
func (c *catchUp) burst(n *Node) int {
	now := n.now.Mono
	if c.much || c.rests {
		c.look(n)
	}
	if c.much && c.rests {
		c.until = now + min(now-c.began, maxCatchUpRest)
	}
	c.much = false
	switch {
	case now < c.until:
		return 0
	case c.rests:
		return catchUpBurst
	case n.behind || n.cfg.Durable:
		return burst * burstAgain
	}
	return burst
}

// executed takes note of what was.
func (c *catchUp) executed(n *Node, done int) {
	if c.much = done >= catchUpBurst; c.much {
		c.began = n.now.Mono
	}
}

// look decides whether there is to be rest.
func (c *catchUp) look(n *Node) {
	lead, now := n.ridge.Lead(), n.now.Mono
	switch since := now - c.at; {
	case since > 2*progressEvery: // it was not far behind, or had nothing to execute
		c.lead, c.at, c.hurry = lead, now, false
	case since >= progressEvery:
		c.hurry = lead > c.lead-c.lead/progressShare
		c.lead, c.at = lead, now
	}
	c.rests = n.replica != nil && lead >= farBehind && !c.hurry && !c.scarce(n, lead)
}

// scarce: so much of what the others' logs have room for is in the lead that it
// may soon be forgotten.
func (c *catchUp) scarce(n *Node, lead uint64) bool {
	const part = 3. / 8
	taken, bytes := n.ridge.Taken()
	t := &n.cfg.Ridge
	each := float64(bytes) / float64(max(taken, 1))
	return float64(lead) >= part*float64(t.MaxLogCount) || float64(lead)*each >= part*float64(t.MaxLogBytes)
}
