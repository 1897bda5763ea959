package tree

import (
	"context"
	"sync"
)

// task is a piece of work. It may push further tasks; those are done after it.
type task func(ctx context.Context) error

// pool works off a growing heap of tasks with a fixed number of workers: the
// window of outstanding calls. The latest task comes first, which keeps the
// heap as small as a walk in depth keeps it.
type pool struct {
	mu      sync.Mutex
	changed *sync.Cond
	tasks   []task
	running int
	err     error // the first
}

// run does first and whatever it pushes, until all is done, a task fails, or
// ctx ends. When it returns, no task is running.
func (p *pool) run(ctx context.Context, workers int, first task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p.changed = sync.NewCond(&p.mu)
	p.tasks = []task{first}
	stop := context.AfterFunc(ctx, func() { p.fail(context.Cause(ctx)) })
	defer stop()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for t := p.take(); t != nil; t = p.take() {
				err := context.Cause(ctx)
				if err == nil {
					err = t(ctx)
				}
				if err != nil {
					p.fail(err)
					cancel(err)
				}
				p.done()
			}
		})
	}
	all.Wait()
	return p.err
}

// push adds tasks; the first of them is taken first.
func (p *pool) push(tasks ...task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(tasks) - 1; i >= 0; i-- {
		p.tasks = append(p.tasks, tasks[i])
	}
	p.changed.Broadcast()
}

// take waits for a task; nil means that there is nothing left to do.
func (p *pool) take() task {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.err == nil && len(p.tasks) == 0 && p.running > 0 {
		p.changed.Wait()
	}
	if p.err != nil || len(p.tasks) == 0 {
		return nil
	}
	t := p.tasks[len(p.tasks)-1]
	p.tasks[len(p.tasks)-1] = nil
	p.tasks = p.tasks[:len(p.tasks)-1]
	p.running++
	return t
}

func (p *pool) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	p.changed.Broadcast()
}

func (p *pool) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.changed.Broadcast()
}
