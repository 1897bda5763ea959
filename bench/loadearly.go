package bench

// count begins to count order mistakes, beside the load; what it returns ends it.
func (l *load) count() (end func() *OrderCounts) {
	if l.optimist == nil {
		return func() *OrderCounts { return nil }
	}
	begin := make(chan OrderCounts, 1)
	go func() { begin <- l.optimist.Order() }()
	return func() *OrderCounts {
		a, b := <-begin, l.optimist.Order()
		b.sub(a)
		return &b
	}
}

// firstAnswer records the time to an operation's first answer.
func (l *load) firstAnswer(c completion) {
	if !l.answered[c.slot] && l.window {
		l.earlyHist.Record(c.at - l.started[c.slot])
	}
	l.answered[c.slot] = true
}
