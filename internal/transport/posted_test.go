package transport

import (
	"strings"
	"testing"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
)

// What is posted waits, and leaves in order: with the next message to the same
// destination, with FlushPosted, or when much has gathered.
func TestPosted(t *testing.T) {
	w := newNetwork(t, 2)
	a, b := w.start(ids.To(1), nil), w.start(ids.To(2), nil)
	a.until(t, "connected", func() bool { return len(a.Connected()) == 1 })
	to := ids.To(2)
	waits := func(body string) {
		t.Helper()
		a.Flush()
		time.Sleep(5 * time.Millisecond)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.heard(body)() {
			t.Errorf("%q did not wait", body)
		}
	}
	a.Post(to, text("one"))
	waits("one")
	a.Send(to, text("two"))
	a.Flush()
	b.until(t, "two", b.heard("two"))
	if len(b.got) != 2 || string(b.got[0].body) != "one" {
		t.Errorf("%d arrived, %q first", len(b.got), b.got[0].body)
	}
	a.Post(to, text("three"))
	waits("three")
	a.FlushPosted()
	b.until(t, "three", b.heard("three"))
	a.FlushPosted() // nothing to do
	a.Post(to, text("four"))
	waits("four")
	a.Post(to, text(strings.Repeat("x", postedBytes)))
	a.Flush()
	b.until(t, "four", b.heard("four"))
}
