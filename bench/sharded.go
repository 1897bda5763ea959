package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Sharded makes of a contender that orders in one group one that has as many
// groups of its own as the case has partitions, each in charge of its keys, as
// programs do that run several. Operations on several partitions it cannot do.
func Sharded(who Contender) Contender {
	make1 := who.New
	who.New = func(c Case) System {
		one := c
		one.Partitions = 1
		s := &sharded{}
		for p := range c.Partitions {
			if c.Dir != "" {
				one.Dir = filepath.Join(c.Dir, fmt.Sprint("group", p))
			}
			s.groups = append(s.groups, make1(one))
		}
		if _, ok := s.groups[0].(Doer); ok {
			return doers{s}
		}
		return s
	}
	can := who.Can
	who.Can = func(c Case) bool {
		one := c
		one.Partitions = 1
		return c.MultiShare == 0 && (can == nil || can(one))
	}
	return who
}

type sharded struct{ groups []System }

func (s *sharded) of(op Op) System { return s.groups[int(op.Key)%len(s.groups)] }

// Start implements System.
func (s *sharded) Start(ctx context.Context) error {
	for _, g := range s.groups {
		if err := g.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Submit implements System.
func (s *sharded) Submit(op Op, done func(error)) { s.of(op).Submit(op, done) }

// Flush implements System.
func (s *sharded) Flush() {
	for _, g := range s.groups {
		g.Flush()
	}
}

// Batched implements Batcher, if the groups do: all or none, since they are alike.
func (s *sharded) Batched(f func(slots []uint32, err error)) bool {
	for _, g := range s.groups {
		if b, ok := g.(Batcher); !ok || !b.Batched(f) {
			return false
		}
	}
	return true
}

// CPU implements System.
func (s *sharded) CPU() (all time.Duration) {
	for _, g := range s.groups {
		all += g.CPU()
	}
	return all
}

// Close implements System.
func (s *sharded) Close() error {
	var errs []error
	for _, g := range s.groups {
		errs = append(errs, g.Close())
	}
	return errors.Join(errs...)
}

// doers are groups that all implement Doer.
type doers struct{ *sharded }

// Do implements Doer.
func (s doers) Do(op Op) error { return s.of(op).(Doer).Do(op) }
