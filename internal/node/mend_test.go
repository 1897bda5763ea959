package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// Records that are given again, whichever and whenever, say what the ones before
// said: processes that restart from them go on as they should.
func TestRecordsGivenAgain(t *testing.T) {
	given := uint64(0)
	for seed := range uint64(3) {
		l := newLab(t, seed, true, 2, 3, frequent)
		l.loss = 0.01 * float64(seed%2)
		l.user(400, 2, 8)
		for range 30 {
			l.run(100 * time.Millisecond)
			m := l.procs[l.rng.IntN(len(l.procs))]
			var names []RecordName
			for _, e := range m.node.Status().Ridge.Ensembles {
				for k := e.Trimmed; k < e.Trimmed+64; k++ {
					names = append(names, RecordName{Ensemble: e.Ensemble, Instance: k})
				}
			}
			names = append(names, RecordName{Ensemble: Own, Instance: 3}, RecordName{Ensemble: ids.All - 7, Instance: 1})
			before := m.node.journal.given
			m.node.Mend(names, Rot{Found: 1})
			m.drain()
			given += m.node.journal.given - before
			if l.rng.IntN(2) == 0 {
				l.restart(m, 20*time.Millisecond)
			}
		}
		l.finish(30 * time.Second)
	}
	if given < 100 {
		t.Errorf("%d records were given again", given)
	}
}
