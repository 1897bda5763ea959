package host

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
	"github.com/eyrie-dev/eyrie/partition"
)

// tell makes answers to a muted node's commands come together.
func tell(c *Client, notes ...*note) {
	var ms []wire.Message
	for _, n := range notes {
		ms = append(ms, n)
	}
	c.loop.deliver(ids.To(1), 7, ms, 10)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestOptimisticRepliesComeBeforeResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		_, c := pair(t, e, &asker{}, 10)
		e.mute.Store(true)
		call, err := c.SubmitOptimistic(t.Context(), 1, []byte("x"), nil)
		if err != nil {
			t.Fatal(err)
		}
		plain, _ := c.Submit(t.Context(), 1, []byte("y"), nil)
		var heard []string
		err = c.SubmitOptimisticFunc(t.Context(), 1, []byte("z"), nil,
			func(e *Early) { heard = append(heard, "early "+string(e.Reply.Value)) },
			func(r Result) { heard = append(heard, "then "+value(r)) })
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(c, &note{kindReply, 1, []byte("a")})
		synctest.Wait()
		if !isClosed(call.Came()) || isClosed(call.Done()) || string(call.Early().Reply.Value) != "a" {
			t.Error("the optimistic reply is not there, or ends the call")
		}
		tell(c, &note{kindReply, 1, []byte("b")}, &note{kindReply, 2, []byte("c")},
			&note{kindReply, 3, []byte("d")}, &note{kindReply, 3, []byte("e")})
		<-call.Done()
		<-plain.Done()
		synctest.Wait()
		if value(call.Result()) != "b" || value(plain.Result()) != "c" || plain.Came() != nil || plain.Early() != nil {
			t.Errorf("%q, %q", value(call.Result()), value(plain.Result()))
		}
		if len(heard) != 2 || heard[0] != "early d" || heard[1] != "then e" {
			t.Errorf("callbacks heard %q", heard)
		}
	})
}

// A client that is closed leaves what it has heard.
func TestOptimisticReplyOfAClosedClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &echo{}
		_, c := pair(t, e, &asker{}, 10)
		e.mute.Store(true)
		calls := make([]*Call, 2)
		for i := range calls {
			calls[i], _ = c.SubmitOptimistic(t.Context(), 1, []byte("x"), nil)
		}
		synctest.Wait()
		tell(c, &note{kindReply, 1, []byte("a")})
		synctest.Wait()
		c.Close()
		for i, call := range calls {
			<-call.Done()
			if r := call.Result(); r.Err == nil || (r.Early != nil) != (i == 0) || isClosed(call.Came()) != (i == 0) {
				t.Errorf("call %d: %+v", i, r)
			}
		}
	})
}

// What a near client gets is its own.
func TestNearValuesAreCopied(t *testing.T) {
	v := []byte("v")
	for _, m := range []wire.Message{
		&partition.Reply{Value: v}, &partition.ReadReply{Reply: partition.Reply{Value: v}}, &optimistic.Reply{Value: v},
	} {
		before := m.Append(nil)
		got := owned(m)
		if !bytes.Equal(got.Append(nil), before) {
			t.Errorf("%T: %+v", m, got)
		}
		switch r := got.(type) {
		case *partition.Reply:
			r.Value[0]++
		case *partition.ReadReply:
			r.Value[0]++
		case *optimistic.Reply:
			r.Value[0]++
		}
		if !bytes.Equal(m.Append(nil), before) {
			t.Errorf("%T: the sender's value changed", m)
		}
	}
}
