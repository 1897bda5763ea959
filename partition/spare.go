package partition

// spare is the memory of commands that are no more, for those to come.
type spare struct {
	items  [][]Item
	codes  [][]Code // by command
	writes [][]pending
	// left have left the queue: when the step that they ended in is over, they
	// are commands again.
	left     []*command
	commands []*command
}

const (
	// maxSpares of each kind are kept.
	maxSpares = 64
	// fewWrites is what a command has room for at first.
	fewWrites = 4
)

// pop takes the last of a list; the zero value if there is none.
func pop[T any](list *[]T) (x T) {
	if n := len(*list); n > 0 {
		last := &(*list)[n-1]
		var none T
		x, *last = *last, none
		*list = (*list)[:n-1]
	}
	return x
}

func (s *spare) takeItems() []Item {
	if items := pop(&s.items); items != nil {
		return items
	}
	return make([]Item, 0, smallAccess)
}

func (s *spare) takeWrites() []pending {
	if writes := pop(&s.writes); writes != nil {
		return writes
	}
	return make([]pending, 0, fewWrites)
}

func (s *spare) takeCode(number uint16) Code { return pop(&s.codes[number]) }

func (s *spare) putCode(number uint16, code Code) {
	if list := s.codes[number]; code != nil && len(list) < maxSpares {
		s.codes[number] = append(list, code)
	}
}

func (s *spare) takeCommand() *command {
	if c := pop(&s.commands); c != nil {
		return c
	}
	return new(command)
}

// renew makes commands of those that have left the queue. Nobody may hold one
// for longer, but for the pulls, which look at its position.
func (s *spare) renew() {
	for i, c := range s.left {
		s.left[i] = nil
		if c.tx.worker != nil || len(s.commands) >= maxSpares {
			continue
		}
		waiters, hopes, local, vars := c.waiters, c.hopes, c.local, c.in.one[0].vars
		*c = command{waiters: waiters, hopes: hopes, local: local[:0]}
		if cap(vars) <= smallAccess {
			c.in.one[0].vars = vars
		}
		s.commands = append(s.commands, c)
	}
	s.left = s.left[:0]
}

// reclaim takes from a command that has left the queue all that it held; its
// place may stay for a while. What its code may yet use, if it has not returned,
// is not used again.
func (s *spare) reclaim(c *command) {
	if c.tx.worker == nil {
		if c.lent != nil && len(s.items) < maxSpares {
			s.items = append(s.items, c.lent[:0])
		}
		if w := c.tx.writes; cap(w) == fewWrites && len(s.writes) < maxSpares {
			clear(w)
			s.writes = append(s.writes, w[:0])
		}
		s.putCode(c.number, c.code)
	}
	c.tx = transaction{worker: c.tx.worker}
	c.code, c.arg, c.body, c.items, c.lent = nil, nil, nil, nil, nil
	clear(c.waiters)
	c.waiters = c.waiters[:0]
	only := &c.in.one[0]
	clear(only.vars)
	*only = peer{vars: only.vars[:0]}
	c.in.peers = nil
	s.renew()
}
