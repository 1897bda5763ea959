package ridge
import ("testing";"time";"fmt";"github.com/eyrie-dev/eyrie/internal/ids";"slices")
func TestLat(t *testing.T){
	for _, gap := range []time.Duration{3*time.Second, 300*time.Millisecond, 30*time.Millisecond, 7*time.Millisecond, 2*time.Millisecond} {
	for _, multi := range []bool{false,true} {
	w := newWorld(t, 10, 3, 3, nil)
	w.minDelay, w.maxDelay = 100*time.Microsecond, 100*time.Microsecond
	w.run(2000 * time.Millisecond)
	for _, c := range w.clients { for e := range 3 { c.hint[ids.Ensemble(e)] = ids.Process(e*3+1)}; c.hint[ids.All]=1 }
	var first, last []time.Duration
	n0 := w.messages
	N := 60
	st := w.now
	for i := range N {
		start := w.now
		var p *proposal
		if multi { p = w.multicast(w.clients[i%4], []byte{1}, 1, 2) } else { p = w.multicast(w.clients[i%4], []byte{1}, 1) }
		any := func() bool { // some replica of each destination
			for _, d := range p.m.Dests { ok := false; for _, n := range w.nodes { if n.part == d && n.has(p) { ok = true } }; if !ok { return false } }
			return true }
		w.runUntilExact(any); first = append(first, w.now-start)
		w.runUntilExact(func() bool { return w.everywhere(p) }); last = append(last, w.now-start)
		w.run(gap - (w.now-start))
	}
	slices.Sort(first); slices.Sort(last)
	nulls := uint64(0); for _, n := range w.nodes { nulls += n.core.counters.Nulls }
	beats := 72*10*int((w.now-st)/time.Millisecond)/1000
	fmt.Println("gap", gap, "multi", multi, "first p50", first[N/2]/100000*100000, first[N-3],  "last p50", last[N/2], last[N-3], "msgs/op", (w.messages-n0-beats)/N, "nulls", nulls)
	}}
}
