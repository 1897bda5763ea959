package node

import (
	"testing"

	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/oracle"
	"github.com/eyrie-dev/eyrie/partition"
	"github.com/eyrie-dev/eyrie/ridge"
)

// Scenarios 9, 25 and 67, R5: before the cluster is founded no protocol's
// message counts; afterwards those of listed incarnations alone, so a second
// life of a process, or a twin of it, can vote, signal or exchange nothing.
func TestMessagesOfOtherLives(t *testing.T) {
	service := &partition.Service{Name: "empty"}
	n, err := New(Config{
		Self: 1, Incarnation: 11, Topology: ridge.NewTopology([][]ids.Process{{1, 2, 3}}), Service: service,
		Placement: oracle.New(1, 1, service), Ridge: ridge.DefaultTuning(), Partition: partition.DefaultTuning(),
		Random: func() uint64 { return 1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	now := hlc.Now{Wall: 1 << 50}
	messages := []wire.Message{
		&ridge.Propose{Message: &ridge.Message{}}, &partition.Exchange{Signal: true}, &partition.Pull{}, &partition.Progress{},
	}
	give := func(p ids.Process, inc ids.Incarnation) (refused, refusals int) {
		before := n.refused
		n.Sends()
		for _, m := range messages {
			n.Step(now, ids.To(p), inc, m)
		}
		for _, s := range n.Sends() {
			if m, ok := s.Msg.(*Refused); ok && s.To == ids.To(p) && m.Incarnation == inc {
				refusals++
			}
		}
		return int(n.refused - before), refusals
	}
	if refused, refusals := give(2, 22); refused != len(messages) || refusals != 0 {
		t.Errorf("before the founding: %d of %d refused, %d told so", refused, len(messages), refusals)
	}
	n.founding.list, n.founding.founded, n.founding.started = []ids.Incarnation{11, 22, 33}, true, true
	for _, row := range []struct {
		p       ids.Process
		inc     ids.Incarnation
		refused int
	}{{2, 22, 0}, {2, 23, len(messages)}, {3, 22, len(messages)}, {3, 33, 0}, {3, 0, len(messages)}} {
		if refused, refusals := give(row.p, row.inc); refused != row.refused || refusals != row.refused {
			t.Errorf("process %d, incarnation %d: %d refused, %d told so; want %d", row.p, row.inc, refused, refusals, row.refused)
		}
	}
	if n.Err() != nil {
		t.Error(n.Err())
	}
}
