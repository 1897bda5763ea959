package host

import (
	"time"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/node"
)

// pausing is a core that keeps count of pauses.
type pausing interface {
	Pause(now hlc.Now, kind node.PauseKind, took time.Duration)
}

func (n *nodeLoop) paused(now hlc.Now, took time.Duration) {
	if p, ok := n.core.(pausing); ok {
		p.Pause(now, node.LoopPause, took)
	}
}

// paused tells of a batch of the journal that took long.
func (k *keeper) paused(now hlc.Now, took time.Duration) {
	if p, ok := k.core.(pausing); ok && took >= node.PauseFloor {
		p.Pause(now, node.SyncPause, took)
	}
}
