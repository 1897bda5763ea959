package partition

import (
	"fmt"
	"iter"
)

// worker is a coroutine that runs the code of commands which may have to wait
// for remote values, one after the other. It is resumed by the replica and
// hands control back when the code waits or has ended, so nothing ever runs
// beside the replica.
type worker struct {
	r     *Replica
	c     *command // nil when idle
	slot  int      // in Replica.workers
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

func (r *Replica) newWorker() *worker {
	w := &worker{r: r, slot: len(r.workers)}
	w.next, w.stop = iter.Pull(w.loop)
	r.workers = append(r.workers, w)
	return w
}

func (w *worker) loop(yield func(struct{}) bool) {
	w.yield = yield
	for {
		w.r.code(w.c)
		w.c = nil
		if !yield(struct{}{}) {
			return
		}
	}
}

// run runs the command's code until it ends or waits.
func (r *Replica) run(c *command) {
	if c.tx.over {
		return
	}
	if !c.mayWait {
		r.code(c)
		return
	}
	w := c.tx.worker
	if w == nil && c.gathers && c.run == nil {
		if r.gathered(c) {
			r.code(c)
			return
		}
		if c.in.missing > 0 {
			return
		}
	}
	if w != nil && c.tx.idle {
		return // what came was not what the code waits for
	}
	if w == nil {
		if n := len(r.idle); n > 0 {
			w, r.idle = r.idle[n-1], r.idle[:n-1]
		} else {
			w = r.newWorker()
		}
		w.c, c.tx.worker = c, w
	}
	w.next()
	if w.c == nil {
		c.tx.worker = nil
		r.park(w)
	}
}

// maxIdle coroutines are kept for reuse.
const maxIdle = 512

// park keeps a coroutine that has nothing to do, or stops it.
func (r *Replica) park(w *worker) {
	if len(r.idle) < maxIdle {
		r.idle = append(r.idle, w)
		return
	}
	w.stop()
	last := len(r.workers) - 1
	r.workers[w.slot] = r.workers[last]
	r.workers[w.slot].slot = w.slot
	r.workers[last] = nil
	r.workers = r.workers[:last]
}

// code runs the command's code to its end and fixes the outcome.
func (r *Replica) code(c *command) {
	t := &c.tx
	returned := false
	defer func() {
		if returned {
			return
		}
		p := recover()
		if t.over {
			return
		}
		if p == nil { // runtime.Goexit would end whoever drives the replica
			panic(fmt.Sprintf("partition: the code of %v (%s) called runtime.Goexit", c.Command, c.spec.Name))
		}
		text := fmt.Sprintf("%v (%s): %v", c.Command, c.spec.Name, p)
		if t.run != nil {
			t.run.panicked = text
		} else {
			r.lastPanic = text
		}
		t.fail(ErrPanicked)
	}()
	if c.code != nil {
		t.result(c.code.Run(t))
	} else {
		t.result(c.spec.Run(t, c.arg))
	}
	returned = true
}

// result fixes what the code returned as the outcome.
func (t *transaction) result(value []byte, err error) {
	if t.over { // the code swallowed its end
		return
	}
	if err != nil {
		name, text := t.r.service.describe(err) // may panic: Is and Error are the service's
		if t.bytes -= len(name) + len(text); t.bytes < 0 {
			t.fail(ErrBudget)
			return
		}
		t.errName, t.errText = name, text
		t.end(OutcomeFailed)
		return
	}
	if t.bytes -= len(value); t.bytes < 0 {
		t.fail(ErrBudget)
		return
	}
	t.value = value
	t.end(OutcomeOK)
}

// Close stops the coroutines. The replica must not be used afterwards.
func (r *Replica) Close() {
	r.closed = true
	for _, w := range r.workers {
		w.stop()
	}
	r.workers, r.idle = nil, nil
}
