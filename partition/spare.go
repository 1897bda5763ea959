package partition

// spare is the memory of commands that are no more, for those to come.
type spare struct {
	items [][]Item
	codes [][]Code // by command
	// version is that of codes.
	version uint32
	writes  [][]pending
	// left have left the queue: when the step that they ended in is over, they
	// are commands again.
	left     []*command
	commands []*command
	runs     []*Run
}

const (
	// maxSpares of each kind are kept, and maxRuns of what runs use.
	maxSpares = 64
	maxRuns   = 1024
	// fewItems are what an access mostly has, manyItems what its memory may have room
	// for to be kept, if there are few of them.
	fewItems  = 2 * smallAccess
	manyItems = 128
	// fewWrites is what a command has room for at first, unless its access has more.
	fewWrites = 4
	// manyWrites is what it may have room for to be kept, if there are few of them.
	manyWrites = 64
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

// takeWrites has room for so many, if there are few of them.
func (s *spare) takeWrites(n int) []pending {
	if writes := pop(&s.writes); writes != nil {
		return writes
	}
	return make([]pending, 0, max(fewWrites, min(n, fewItems)))
}

// takeCode is one of the same command of the same version, or nil.
func (s *spare) takeCode(c *command) Code {
	if c.version != s.version {
		return nil
	}
	return pop(&s.codes[c.number])
}

func (s *spare) putCode(c *command, code Code) {
	if code == nil || c.version != s.version {
		return
	}
	if list := s.codes[c.number]; len(list) < maxRuns {
		s.codes[c.number] = append(list, code)
	}
}

func (s *spare) takeRun() *Run {
	if run := pop(&s.runs); run != nil {
		return run
	}
	return new(Run)
}

func (s *spare) putRun(run *Run) {
	large := run.bytes > 1<<14
	run.forget()
	clear(run.layers)
	*run = Run{inputs: run.inputs, scans: run.scans, layers: run.layers[:0], in: run.in.cleared()}
	if !large && len(s.runs) < maxRuns && cap(run.inputs)+cap(run.scans)+cap(run.layers) <= maxSpares {
		s.runs = append(s.runs, run)
	}
}

// putCommand takes back a command that has never been in the queue.
func (s *spare) putCommand(c *command) {
	if c.tx.worker != nil {
		return
	}
	s.putParts(c)
	if len(s.commands) < maxRuns {
		*c = c.spared()
		s.commands = append(s.commands, c)
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
		if c.tx.worker != nil || len(s.commands) >= maxRuns {
			continue
		}
		in := c.in
		*c = c.spared()
		c.in = in
		s.commands = append(s.commands, c)
	}
	s.left = s.left[:0]
}

// spared is a command with nothing but memory that may be used again.
func (c *command) spared() command {
	return command{waiters: c.waiters, hopes: c.hopes, local: c.local[:0], used: c.used[:0], held: c.held[:0], tx: c.tx.spared()}
}

// spared is a transaction with nothing but memory that may be used again.
func (t *transaction) spared() (fresh transaction) {
	fresh.promise.index, fresh.byKey = t.promise.index.spared(), t.byKey.spared()
	return fresh
}

// putParts takes the memory that a command's access and code used.
func (s *spare) putParts(c *command) {
	if n := cap(c.lent); n > 0 && (n <= fewItems && len(s.items) < maxRuns || n <= manyItems && len(s.items) < maxRuns/4) {
		s.items = append(s.items, c.lent[:0])
	}
	if w := c.tx.writes; w != nil && (cap(w) <= fewItems && len(s.writes) < maxRuns || cap(w) <= manyWrites && len(s.writes) < maxSpares) {
		clear(w)
		s.writes = append(s.writes, w[:0])
	}
	s.putCode(c, c.code)
}

// reclaim takes from a command that has left the queue all that it held; its
// place may stay for a while. What its code may yet use, if it has not returned,
// is not used again.
func (s *spare) reclaim(c *command) {
	if c.tx.worker == nil {
		s.putParts(c)
	}
	worker := c.tx.worker
	c.tx = c.tx.spared()
	c.tx.worker = worker
	c.code, c.arg, c.body, c.items, c.lent = nil, nil, nil, nil, nil
	clear(c.waiters)
	c.waiters = c.waiters[:0]
	c.in = c.in.cleared()
	s.renew()
}
