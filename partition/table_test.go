package partition

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
)

// A client whose mark rises with every command keeps its window and no more,
// wherever in the slice the window is; copies are found in it as ever.
func TestTableOfARollingWindow(t *testing.T) {
	tuning := testTuning()
	table := newTable(&tuning, 1, &changes{})
	window := min(20, tuning.ClientWindow)
	deliver := func(i, seq, mark int) Verdict {
		at := hlc.Timestamp(1000 + i)
		v, _ := table.judge(&Delivery{
			Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(1), Sequence: ids.Sequence(seq)},
			Attempt: 1, T0: at, Mark: ids.Sequence(mark), Dests: ids.Set{0},
		})
		return v
	}
	for i := range 5000 {
		mark := max(1, i+1-window)
		if v := deliver(2*i, i+1, mark); v != VerdictAccepted {
			t.Fatalf("command %d: %v", i+1, v)
		}
		if v := deliver(2*i+1, mark+i%(i+2-mark), mark); v != VerdictDuplicate {
			t.Fatalf("copy beside command %d: %v", i+1, v)
		}
		rec := table.record(clientName(1))
		if live := rec.live(); len(live) != i+2-mark || live[0].seq != ids.Sequence(mark) || cap(rec.entries) > 8*window {
			t.Fatalf("command %d: %d entries from %d in %d places", i+1, len(live), live[0].seq, cap(rec.entries))
		}
		for _, dead := range rec.entries[:rec.head] {
			if dead.seq != 0 {
				t.Fatalf("command %d: a dropped entry is still there", i+1)
			}
		}
	}
}

// A table is crowded while it remembers as much as it may; when some of that is past,
// the next command has it forgotten.
func TestCrowdedTable(t *testing.T) {
	tuning := testTuning()
	tuning.MaxRemembered = 10 // five clients of one command each
	table := newTable(&tuning, 1, &changes{})
	at := hlc.Timestamp(1000)
	deliver := func() {
		t.Helper()
		at++
		v, _ := table.judge(&Delivery{
			Position: ids.Position{T: at}, Command: ids.Command{Client: clientName(int(at)), Sequence: 1},
			Attempt: 1, T0: at, Mark: 1, Dests: ids.Set{0},
		})
		if v != VerdictAccepted {
			t.Fatalf("at %d: %v", at, v)
		}
	}
	for range 4 {
		deliver()
	}
	if table.crowded() {
		t.Error("with less than may be")
	}
	deliver()
	first := hlc.Timestamp(1001).Add(tuning.Horizon + tuning.Window)
	if !table.crowded() || table.lapsed(first) || !table.lapsed(first+1) {
		t.Errorf("crowded %v; lapsed at its time %v, after it %v", table.crowded(), table.lapsed(first), table.lapsed(first+1))
	}
	at = hlc.Timestamp(1002).Add(tuning.Horizon)
	if deliver(); table.crowded() || len(table.clients)+table.entries != 8 {
		t.Errorf("%d clients, %d entries", len(table.clients), table.entries)
	}
}
