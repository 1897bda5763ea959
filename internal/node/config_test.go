package node

import (
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// H and W stand in two tunings, and clients go by Ridge's: a replica with
// another H would forget, or take for late, what others still count on.
func TestOneHorizonAndWindow(t *testing.T) {
	service := &partition.Service{Name: "empty"}
	for what, spoil := range map[string]func(*partition.Tuning){
		"":  func(*partition.Tuning) {},
		"H": func(p *partition.Tuning) { p.Horizon -= time.Second },
		"W": func(p *partition.Tuning) { p.Window *= 2 },
	} {
		tuning := partition.DefaultTuning()
		spoil(&tuning)
		n, err := New(Config{
			Self: 1, Incarnation: 1, Topology: ridge.NewTopology([][]ids.Process{{1}}), Service: service,
			Placement: oracle.New(1, 1, service), Ridge: ridge.DefaultTuning(), Partition: tuning,
			Random: func() uint64 { return 1 },
		})
		if (err != nil) != (what != "") {
			t.Errorf("another %q: %v", what, err)
		}
		if err == nil {
			n.Close()
		}
	}
}
