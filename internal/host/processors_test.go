package host

import (
	"runtime"
	"testing"
)

// While journals are open there are places for their syncs, a bounded number; when
// they are closed there are as many places as before.
func TestPlacesForJournals(t *testing.T) {
	before, had := runtime.GOMAXPROCS(0), places.journals
	addPlaces(1)
	if now := runtime.GOMAXPROCS(0); had == 0 && now != before+1 {
		t.Errorf("%d places with a journal, and %d without", now, before)
	}
	addPlaces(1000)
	if now := runtime.GOMAXPROCS(0); now > before+maxPlaces {
		t.Errorf("%d places, and %d without journals", now, before)
	}
	addPlaces(-1001)
	if now := runtime.GOMAXPROCS(0); now != before {
		t.Errorf("%d places afterwards, and %d before", now, before)
	}
}
