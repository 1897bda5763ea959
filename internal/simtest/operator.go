package simtest

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
)

// replaces says whether the run has an operator, who has processes replaced that
// come back with empty disks. In others they wait for ever.
func (c *cluster) replaces() bool { return c.shape.Disks.Durable && c.seed%2 == 0 }

// operate has the operator look at everybody now and then.
func (c *cluster) operate() {
	if !c.replaces() {
		return
	}
	c.world.After(200*time.Millisecond, c.operate)
	for _, s := range c.servers {
		if w, ok := s.node.(whole); ok && s.forgetful && s.stopped == nil && c.world.Alive(s.id) {
			c.replace(s, w.Node)
		}
	}
}

// replace asks all for the next step of a replacement, as eyrie replace does.
func (c *cluster) replace(s *server, n *node.Node) {
	complete := !n.Waiting() && n.Ready()
	for _, e := range []ids.Ensemble{ids.Ensemble(s.part), ids.All} {
		if c.checks.spec(e) == nil {
			continue
		}
		version, named, voting := c.memberOf(e, s)
		if named {
			complete = complete && voting
			continue
		}
		m := &session.Replace{Ensemble: e, Process: s.process, Incarnation: s.incarnation(), Version: version}
		for _, o := range c.servers {
			if w, ok := o.node.(whole); ok && o != s && o.up() {
				c.world.Do(o.id, 0, func(now hlc.Now) { w.Node.Replace(now, m) })
			}
		}
		return
	}
	if st := n.Status(); complete && st.Transfer.Lacks == "" && st.Durable.Older > 0 {
		s.forgetful = false
		c.replaced++
		c.world.Note(s.id, 0, "has replaced the one before it")
	}
}

// memberOf is what those who know most say of a process.
func (c *cluster) memberOf(e ids.Ensemble, s *server) (version uint64, named, voting bool) {
	for _, o := range c.servers {
		if o == s || !o.up() {
			continue
		}
		for _, st := range o.node.Status().Ridge.Ensembles {
			if st.Ensemble != e || st.Version < version {
				continue
			}
			version, named, voting = st.Version, false, false
			for _, m := range st.Members {
				if m.Process == s.process && m.Incarnation == s.incarnation() {
					named, voting = true, m.Voting
				}
			}
		}
	}
	return version, named, voting
}
