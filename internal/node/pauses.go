package node

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
)

// Pauses are times in which a process did nothing for those who wait: of its
// loop, a round that took long, or of its disk, a sync that did.
type Pauses struct {
	// Count is how many took PauseFloor or more since the start.
	Count uint64 `json:"count"`
	// Longest of them, in seconds, and the longest of the last one to two minutes.
	Longest float64 `json:"longest_seconds"`
	Lately  float64 `json:"lately_seconds"`
}

// PauseFloor is what counts as a pause.
const PauseFloor = 20 * time.Millisecond

// PauseKind says what paused.
type PauseKind uint8

// Kinds.
const (
	LoopPause PauseKind = iota
	SyncPause
	pauseKinds
)

// pauses counts those of one kind.
type pauses struct {
	count                   uint64
	longest, latest, before time.Duration // in all, of this window, of the last
	window                  time.Duration
}

const pauseWindow = time.Minute

// Pause tells of a pause of PauseFloor or more that has just ended. It serves
// Status alone.
func (n *Node) Pause(now hlc.Now, kind PauseKind, took time.Duration) {
	p := &n.pauses[kind]
	p.turn(now.Mono)
	p.count++
	p.longest, p.latest = max(p.longest, took), max(p.latest, took)
}

// turn begins a new window if it is time.
func (p *pauses) turn(now time.Duration) {
	if w := now / pauseWindow; w != p.window {
		if p.before = p.latest; w != p.window+1 {
			p.before = 0
		}
		p.latest, p.window = 0, w
	}
}

func (p pauses) status(now time.Duration) Pauses {
	p.turn(now)
	return Pauses{Count: p.count, Longest: p.longest.Seconds(), Lately: max(p.latest, p.before).Seconds()}
}
