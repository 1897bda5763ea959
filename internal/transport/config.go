package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/wire"
)

// Config says who speaks, to whom, and as a member of what. Cluster, Service,
// Layout, Settings and the protocol's version must be the same at both ends of a connection.
type Config struct {
	// Self is a process, which needs a Listener, or a client, which must
	// have none.
	Self ids.Addr
	// Incarnation is the process's. A client's is zero.
	Incarnation ids.Incarnation
	Cluster     string
	// Service is the fingerprint of the service that the cluster executes. A client
	// without one, zero, is an operator's: it is let in whatever the service is, and
	// may say what is not the service's alone, messages from wire.KindClient on.
	Service uint64
	// Layout is the fingerprint of what processes and clients must agree on
	// about the cluster, Settings of what processes must besides.
	Layout, Settings uint64
	// Peers are the addresses (host:port) of the processes. An entry for
	// Self is ignored. Only these processes are let in.
	Peers map[ids.Process]string
	// Listener accepts the others' connections. The transport closes it.
	Listener net.Listener
	Decode   wire.Decoder
	Handler  Handler
	// Linked, if not nil, hears of every attempt to connect to a process:
	// nil when it has succeeded, else why not; and of the connection's end,
	// with its reason. It is called by the link's goroutine and must not
	// wait.
	Linked func(p ids.Process, err error)
	// Logger is silent when nil.
	Logger *slog.Logger
	// Dial opens a connection; nil is the operating system's TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Tuning's zero fields take DefaultTuning's values.
	Tuning Tuning
}

// Tuning are the transport's times and bounds.
type Tuning struct {
	// DialTimeout bounds the making of a TCP connection, Handshake the
	// exchange that follows.
	DialTimeout, Handshake time.Duration
	// BackoffMin and BackoffMax bound the pause between attempts, which
	// doubles and is jittered. A connection that has held for ten times
	// BackoffMin starts it anew; a refusal pauses for BackoffMax at once.
	BackoffMin, BackoffMax time.Duration
	// Beat is how long a connection between processes may be without a
	// write before an empty frame is sent, give or take half of it; it is
	// closed when nothing has come for Silence. ClientBeat and ClientSilence
	// are a client's, which must complete a frame in that time: bytes alone
	// do not keep it.
	Beat, Silence             time.Duration
	ClientBeat, ClientSilence time.Duration
	// Stall closes a connection whose other side takes nothing.
	Stall time.Duration
	// LinkBytes bounds what waits for the write to a process, and once
	// more what is being written; ClientLinkBytes the same for a client;
	// ClientBytes what waits for all clients together. Nothing leaves before
	// Flush, so ClientLinkBytes is also about how many replies of one step a
	// client can get: what is dropped comes only when it asks again. While
	// more than half of ClientBytes waits, a client may have a sixteenth of
	// ClientLinkBytes: a few that take nothing leave room for the others.
	LinkBytes, ClientLinkBytes, ClientBytes int
	// DownBytes bounds what waits for a connection that is being made. It
	// is dropped when the attempt fails.
	DownBytes int
	// InboundBytes bounds the buffers of all frames above 64 KiB that are
	// being received from processes, and once more from clients.
	InboundBytes int
	// MaxClients bounds the clients connected, MaxHandshakes the
	// connections that have not yet said who they are: one more costs the
	// oldest of them.
	MaxClients, MaxHandshakes int
	// Inline is how many links one Flush writes to by itself. The others
	// are written by goroutines of their own, so that a thousand clients'
	// replies do not queue for one thread.
	Inline int
}

// DefaultTuning suits processes whose protocols speak several times a second.
func DefaultTuning() Tuning {
	return Tuning{
		DialTimeout:     2 * time.Second,
		Handshake:       3 * time.Second,
		BackoffMin:      10 * time.Millisecond,
		BackoffMax:      time.Second,
		Beat:            time.Second,
		Silence:         4 * time.Second,
		ClientBeat:      10 * time.Second,
		ClientSilence:   40 * time.Second,
		Stall:           5 * time.Second,
		LinkBytes:       16 << 20,
		ClientLinkBytes: 16 << 20,
		ClientBytes:     64 << 20,
		DownBytes:       64 << 10,
		InboundBytes:    256 << 20,
		MaxClients:      4096,
		MaxHandshakes:   64,
		Inline:          8,
	}
}

func (t *Tuning) fill() {
	d := DefaultTuning()
	for _, p := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&t.DialTimeout, d.DialTimeout}, {&t.Handshake, d.Handshake},
		{&t.BackoffMin, d.BackoffMin}, {&t.BackoffMax, d.BackoffMax},
		{&t.Beat, d.Beat}, {&t.Silence, d.Silence},
		{&t.ClientBeat, d.ClientBeat}, {&t.ClientSilence, d.ClientSilence},
		{&t.Stall, d.Stall},
	} {
		if *p.v == 0 {
			*p.v = p.d
		}
	}
	for _, p := range []struct {
		v *int
		d int
	}{
		{&t.LinkBytes, d.LinkBytes}, {&t.ClientLinkBytes, d.ClientLinkBytes},
		{&t.ClientBytes, d.ClientBytes}, {&t.DownBytes, d.DownBytes},
		{&t.InboundBytes, d.InboundBytes}, {&t.MaxClients, d.MaxClients},
		{&t.MaxHandshakes, d.MaxHandshakes}, {&t.Inline, d.Inline},
	} {
		if *p.v == 0 {
			*p.v = p.d
		}
	}
}

// Validate reports every complaint. It looks at t as New would fill it.
func (t Tuning) Validate() error {
	t.fill()
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf("transport: "+format, args...))
		}
	}
	bad(t.DialTimeout < 0 || t.Handshake < 0 || t.Stall < 0, "negative time")
	bad(t.BackoffMin < 0 || t.BackoffMax < t.BackoffMin, "back-off from %v to %v", t.BackoffMin, t.BackoffMax)
	bad(t.Beat < 0 || t.Silence < 2*t.Beat, "silence of %v must be at least twice the beat of %v", t.Silence, t.Beat)
	bad(t.ClientBeat < 0 || t.ClientSilence < 2*t.ClientBeat,
		"clients' silence of %v must be at least twice their beat of %v", t.ClientSilence, t.ClientBeat)
	bad(min(t.LinkBytes, t.ClientLinkBytes, t.ClientBytes, t.DownBytes, t.InboundBytes) < 0, "negative size")
	bad(min(t.MaxClients, t.MaxHandshakes) < 0, "negative limit")
	return errors.Join(errs...)
}

// Validate reports every complaint.
func (c *Config) Validate() error {
	var errs []error
	bad := func(cond bool, format string, args ...any) {
		if cond {
			errs = append(errs, fmt.Errorf("transport: "+format, args...))
		}
	}
	process := c.Self.Process != 0
	bad(process == !c.Self.Client.IsZero(), "self must be a process or a client, and is %v", c.Self)
	bad(process && c.Listener == nil, "a process needs a listener")
	bad(!process && c.Listener != nil, "a client must not listen")
	bad(process && c.Incarnation == 0, "a process needs an incarnation")
	bad(len(c.Cluster) > maxCluster, "the cluster's name is longer than %d bytes", maxCluster)
	bad(c.Decode == nil || c.Handler == nil, "a decoder and a handler are needed")
	for p, addr := range c.Peers {
		bad(p == 0, "process 0 names none")
		bad(addr == "" && p != c.Self.Process, "process %d has no address", p)
	}
	errs = append(errs, c.Tuning.Validate())
	return errors.Join(errs...)
}
