package main

import "os"

// heapFloor counts as live, and so lets garbage of as much come together before
// it is collected: with a state of a few megabytes, which most begin with, the
// collector would run hundreds of times a second under load. Nobody touches it,
// so it takes address space, and no memory of its own.
var heapFloor []byte

const floorSize = 32 << 20

// raiseHeap is for processes that serve; whoever sets the collector's own
// variables has the last word.
func raiseHeap() {
	if len(heapFloor) == 0 && os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		heapFloor = make([]byte, floorSize)
	}
}
