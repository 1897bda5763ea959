package node

import (
	"fmt"
	"time"
)

// TransferTuning bounds what a state transfer takes from the rest.
type TransferTuning struct {
	// ChunkBytes is about the size of a chunk; 128 KiB.
	ChunkBytes int
	// Outstanding chunks, at most, are under way or kept to be sent again; 4.
	Outstanding int
	// BytesPerSecond bounds what a donor sends, to all, and what a receiver
	// asks for; 16 MiB. A receiver asks for half of it until a state has come too
	// late: on a machine that it shares with others it takes the processor from them.
	BytesPerSecond int
	// MaxPin is how long a donor keeps a checkpoint for one receiver; 10 minutes.
	MaxPin time.Duration
	// MaxPinBytes is how much may be delivered meanwhile: about as much as the disk
	// keeps besides, of variables that have changed since; 1 GiB.
	MaxPinBytes uint64
}

// DefaultTransfer gives values that serve.
func DefaultTransfer() TransferTuning {
	return TransferTuning{ChunkBytes: 128 << 10, Outstanding: 4, BytesPerSecond: 16 << 20, MaxPin: 10 * time.Minute, MaxPinBytes: 1 << 30}
}

// maxOutstanding bounds Outstanding.
const maxOutstanding = 64

// pace is how long size bytes take.
func (t *TransferTuning) pace(size int) time.Duration {
	return time.Duration(int64(size) * int64(time.Second) / int64(t.BytesPerSecond))
}

// defaults fills in what is zero.
func (t *TransferTuning) defaults() {
	d := DefaultTransfer()
	if t.ChunkBytes == 0 {
		t.ChunkBytes = d.ChunkBytes
	}
	if t.Outstanding == 0 {
		t.Outstanding = d.Outstanding
	}
	if t.BytesPerSecond == 0 {
		t.BytesPerSecond = d.BytesPerSecond
	}
	if t.MaxPin == 0 {
		t.MaxPin = d.MaxPin
	}
	if t.MaxPinBytes == 0 {
		t.MaxPinBytes = d.MaxPinBytes
	}
}

func (t *TransferTuning) validate() error {
	if t.ChunkBytes < 0 || t.BytesPerSecond < 0 || t.MaxPin < 0 || t.Outstanding < 1 || t.Outstanding > maxOutstanding {
		return fmt.Errorf("node: bounds of state transfers that make no sense: %+v; Outstanding is 1 to %d", *t, maxOutstanding)
	}
	return nil
}
