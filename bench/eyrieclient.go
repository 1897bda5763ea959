package bench

import (
	"context"
	"time"

	"github.com/eyrie-dev/eyrie/internal/host"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// hosted is what clients of our services have in common whose replies come by
// callback.
type hosted struct {
	address string // the cluster's file
	cpu     func() time.Duration
	client  *host.Client
}

// Flush implements System: the client's loop gathers by itself.
func (h *hosted) Flush() {}

// CPU implements System.
func (h *hosted) CPU() time.Duration { return h.cpu() }

// Close implements System.
func (h *hosted) Close() error {
	if h.client == nil {
		return nil
	}
	return h.client.Close()
}

// waiting is what clients have in common that are as most programs are: of as
// many goroutines as operations are outstanding each calls the public client, and
// waits for its reply.
type waiting struct {
	conn *ssmr.Client
	idle chan func() // to goroutines
}

func (w *waiting) begin(ctx context.Context, file string, service *ssmr.Service, outstanding int) (err error) {
	if w.conn, err = ssmr.Dial(ctx, file, service, ssmr.ClientConfig{Window: outstanding}); err != nil {
		return err
	}
	w.idle = Goroutines(outstanding)
	return nil
}

// Close implements System.
func (w *waiting) Close() error {
	if w.idle != nil {
		close(w.idle)
	}
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

// Goroutines are n that do what they are sent, until the channel is closed.
func Goroutines(n int) chan func() {
	work := make(chan func(), n)
	for range n {
		go func() {
			for f := range work {
				f()
			}
		}()
	}
	return work
}
