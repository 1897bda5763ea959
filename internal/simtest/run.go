// Package simtest runs whole clusters of Eyrie, servers and clients, in the
// simulator, and checks everything they did. One seed is one run: it draws
// the cluster's shape, the faults and the work.
package simtest

import (
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/eyrie-dev/eyrie/internal/sim"
)

// Options change how seeds are run. The zero value is what counts.
type Options struct {
	// Commands, if not zero, replaces the drawn number of commands.
	Commands int
	// Alter, if not nil, changes the drawn shape.
	Alter func(*Shape)
	// Ops, if not nil, is set to the commands as their clients saw them.
	Ops *[]Op
	// Trace, if not nil, is written every event. Slow.
	Trace io.Writer
	// Porcupine bounds porcupine's search per group; 100 ms if zero.
	Porcupine time.Duration
}

// Run simulates one seed. The error explains what rule was broken, how it
// came to that, and how to repeat it.
func Run(seed uint64, o Options) (report Report, err error) {
	var c *cluster
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
		if c != nil {
			for _, s := range c.lives {
				s.close()
			}
		}
		report.Seed = seed
		if err != nil {
			err = explain(seed, c, err)
		}
	}()
	if c, err = newCluster(seed, shapeOf(seed, &o)); err != nil {
		return report, err
	}
	if o.Trace != nil {
		c.world.SetTrace(func(e sim.Event) { fmt.Fprintln(o.Trace, c.world.Describe(&e)) })
	}
	if err = c.drive(); err != nil {
		return c.report(), err
	}
	if o.Ops != nil {
		*o.Ops = c.history.Ops
	}
	return c.judge(o.Porcupine)
}

// shapeOf draws a run's shape. Each part has a stream of its own, so that what one
// draws more leaves the others as they were.
func shapeOf(seed uint64, o *Options) Shape {
	shape := drawShape(newRand(seed, 0x7368617065), o)
	shape.drawDisks(newRand(seed, 0x6469736b73))
	shape.drawCaches(newRand(seed, 0x636163686573))
	shape.drawExecution(newRand(seed, 0x72756e73))
	if o.Alter != nil {
		o.Alter(&shape)
	}
	shape.Disks.Durable = shape.Disks.Durable && shape.Bare == nil
	return shape
}

// judge checks the history of a run that came to its end: the order against what
// clients saw, and, where commands are executed, linearizability, and that the
// faults left something to check.
func (c *cluster) judge(limit time.Duration) (Report, error) {
	order, err := checkOrder(c.history)
	if err == nil {
		err = checkRefused(c.history, order)
	}
	if err == nil && c.shape.Bare == nil {
		err = checkWitness(c.history, order)
	}
	report := c.report()
	if err != nil {
		return report, err
	}
	if c.shape.Bare != nil {
		report.count(c, order)
		return report, nil
	}
	if limit == 0 {
		limit = 100 * ms
	}
	if report.Sampled, report.Undecided, err = checkPorcupine(c.history, limit); err != nil {
		return report, err
	}
	report.count(c, order)
	if c.lost {
		return report, nil
	}
	return report, checkVacuity(c, order, &report)
}
