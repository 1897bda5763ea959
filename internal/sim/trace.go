package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// EventKind says what happened.
type EventKind uint8

const (
	Sent EventKind = iota
	Delivered
	Dropped
	Ticked
	Noted // by the caller: Note
	Crashed
	Restarted
	Paused
	Jumped
	Drifted
	LinkFault
	Slowed
	Healed
)

var eventNames = [...]string{"send", "deliver", "drop", "tick", "note", "crash", "restart", "pause", "clock", "drift", "link", "slow", "heal"}

func (k EventKind) String() string { return eventNames[k] }

// Event is one entry of a run's trace.
type Event struct {
	At       time.Duration
	Kind     EventKind
	Msg      wire.Kind
	From, To ID
	Arg      int64
	Text     string       // of Noted and of faults
	Message  wire.Message // of Sent and Delivered
}

// Counts counts what happened; faults by kind.
type Counts struct {
	Events, Sent, Delivered, Bytes             uint64
	Lost, Duplicated, Cut, InboxFull, ToDead   uint64
	NoSuchAddress, Fuzzed, Inputs              uint64
	Crashes, Restarts, Pauses, Jumps, Drifts   uint64
	CutOneWay, CutBoth, Isolated, Split, Flaps uint64
	Slow, Stalls, Resets, Bursts               uint64
}

// ringSize is how many of the latest events can be shown.
const ringSize = 1 << 12

type trace struct {
	hash uint64
	ring [ringSize]Event
	n    uint64
}

const mixer = 0x9e3779b97f4a7c15

func mix(h, v uint64) uint64 {
	h = (h ^ v) * mixer
	return h ^ h>>29
}

func (w *World) note(e Event) {
	e.At = w.now
	t := &w.trace
	h := mix(t.hash, uint64(e.At))
	h = mix(h, uint64(e.Kind)|uint64(e.Msg)<<8|uint64(uint16(e.From))<<16|uint64(uint16(e.To))<<32)
	t.hash = mix(h, uint64(e.Arg))
	t.ring[t.n%ringSize] = e
	t.n++
	w.Counts.Events++
	if w.cfg.Trace != nil {
		w.cfg.Trace(e)
	}
}

// Note puts what the caller saw into the trace and its hash. The text is shown
// but not hashed.
func (w *World) Note(id ID, arg uint64, text string) {
	w.note(Event{Kind: Noted, To: id, Arg: int64(arg), Text: text})
}

// SetTrace sets Config.Trace of a world that exists.
func (w *World) SetTrace(f func(Event)) { w.cfg.Trace = f }

// Hash is the running hash of everything that happened so far.
func (w *World) Hash() uint64 { return w.trace.hash }

// Addr is the address of an endpoint.
func (w *World) Addr(id ID) ids.Addr { return w.ends[id].addr }

// Last describes up to n of the latest events that keep says to show, oldest
// first.
func (w *World) Last(n int, keep func(*Event) bool) string {
	var lines []string
	t := &w.trace
	for i := t.n; i > 0 && i+ringSize > t.n && len(lines) < n; i-- {
		if e := &t.ring[(i-1)%ringSize]; keep == nil || keep(e) {
			lines = append(lines, w.Describe(e))
		}
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i])
		b.WriteByte('\n')
	}
	return b.String()
}

// Describe is one line about an event.
func (w *World) Describe(e *Event) string {
	head := fmt.Sprintf("%12s %-8s", e.At, e.Kind)
	switch e.Kind {
	case Sent, Delivered, Dropped:
		s := fmt.Sprintf("%s %v -> %v", head, w.Addr(e.From), w.Addr(e.To))
		if e.Message == nil {
			return fmt.Sprintf("%s kind %#x", s, e.Msg)
		}
		text := fmt.Sprintf("%+v", e.Message)
		if len(text) > 300 {
			text = text[:300] + "..."
		}
		return fmt.Sprintf("%s %T %s", s, e.Message, text)
	case LinkFault:
		return fmt.Sprintf("%s %s %v -> %v", head, e.Text, w.Addr(e.From), w.Addr(e.To))
	}
	return fmt.Sprintf("%s %v %d %s", head, w.Addr(e.To), e.Arg, e.Text)
}
