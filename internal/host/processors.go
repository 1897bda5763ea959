package host

import (
	"runtime"
	"sync"
)

// A goroutine in a system call that waits keeps one of the GOMAXPROCS places
// until the runtime's monitor takes that away, which it looks for every 20 µs at
// best. A sync takes ten times as long, and most of it the processor is idle: on two
// processors with two syncs under way nobody read sockets meanwhile. So each
// journal brings a place for its syncs along. While there is one, the runtime does
// not follow changes of the processors that the program may use.
var places struct {
	mu       sync.Mutex
	journals int
}

// addPlaces changes for how many journals there are places: at most as many as
// there were without them. To change their number stops the program for some 20 µs.
func addPlaces(n int) {
	places.mu.Lock()
	defer places.mu.Unlock()
	now := runtime.GOMAXPROCS(0)
	base := now - placesFor(places.journals)
	places.journals += n
	if want := base + placesFor(places.journals); want != now {
		runtime.GOMAXPROCS(want)
	}
}

// maxPlaces bounds the places for journals.
var maxPlaces = runtime.NumCPU()

func placesFor(journals int) int { return min(journals, maxPlaces) }
