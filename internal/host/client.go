package host

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/eyrie-dev/eyrie/internal/client"
	"github.com/eyrie-dev/eyrie/internal/hlc"
	"github.com/eyrie-dev/eyrie/internal/ids"
	"github.com/eyrie-dev/eyrie/internal/node"
	"github.com/eyrie-dev/eyrie/internal/session"
	"github.com/eyrie-dev/eyrie/internal/transport"
	"github.com/eyrie-dev/eyrie/internal/wire"
	"github.com/eyrie-dev/eyrie/optimistic"
)

// ClientConfig says which cluster to speak to.
type ClientConfig struct {
	// Core is the client's core. ID and Random are filled in.
	Core client.Config
	// Execution is that of the cluster's processes.
	Execution optimistic.Mode
	// Cluster is the cluster's identity.
	Cluster string
	// Operator: the client knows nothing of the service that the cluster executes. It
	// may ask for what Status and Replace tell, and, if it names the service's
	// Fingerprint (node.ServiceStatus), submit what Upgrade does; it is disconnected if it submits
	// commands without.
	Operator    bool
	Fingerprint uint64
	// Addrs are the addresses of all processes.
	Addrs map[ids.Process]string
	// Near are nodes in this operating-system process that the client shall
	// reach directly, for as long as they live, and not by TCP.
	Near []*Node
	// Window bounds the commands taken and not yet answered; zero is
	// Core.Tuning.Window. What the core has no room for waits in order.
	Window int
	// Transport is the connections' tuning; zero fields take the defaults.
	Transport transport.Tuning
	// Logger is silent when nil.
	Logger *slog.Logger
}

// Client is one life of a client. All methods are safe for concurrent use.
type Client struct {
	loop   loop
	core   clientCore
	tr     transport.Transport
	window window
	id     ids.Client

	strangers strangers

	// The holder's of the loop's right to run:
	queue []*Call                 // taken, but the core was full
	open  openCalls               // in the core
	asked map[uint64]func([]byte) // status questions by nonce

	closing sync.Once
	done    chan struct{}
	err     error // valid when done is closed
}

// clientCore is internal/client's Core, or a test's.
type clientCore interface {
	Submit(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error)
	SubmitOptimistic(now hlc.Now, command uint16, arg []byte, guess ids.Set) (ids.Sequence, error)
	Full() bool
	Step(now hlc.Now, from ids.Process, m wire.Message)
	Down(now hlc.Now, p ids.Process)
	Up(now hlc.Now, p ids.Process)
	Tick(now hlc.Now)
	Wake() time.Duration
	Sends() []client.Send
	Early() []client.EarlyReply
	Results() []client.Result
	AskStatus(p ids.Process, nonce uint64)
	AskReplace(p ids.Process, m *session.Replace)
	Statuses() []session.Status
	Err() error
}

// Dial connects to a cluster and returns when one process at least has
// answered. It fails when ctx ends first, or when all processes have been
// tried and one of them has refused this client for what it is: transport's
// ErrCluster, ErrService, ErrVersion and the like. ctx bounds the dialing
// alone.
func Dial(ctx context.Context, cfg ClientConfig) (*Client, error) {
	if err := missing(cfg.Core.Topology, cfg.Addrs); err != nil {
		return nil, err
	}
	binary.LittleEndian.PutUint64(cfg.Core.ID[:8], draw())
	binary.LittleEndian.PutUint64(cfg.Core.ID[8:], draw())
	cfg.Core.Random = source()
	if cfg.Window == 0 {
		cfg.Window = cfg.Core.Tuning.Window
	}
	service := cfg.Fingerprint
	if !cfg.Operator {
		service = cfg.Core.Service.Fingerprint()
	}
	return dial(ctx, client.New(cfg.Core), cfg.Window, transport.Config{
		Self: ids.ToClient(cfg.Core.ID), Cluster: cfg.Cluster,
		Service: service,
		Layout:  layout(cfg.Core.Topology, cfg.Core.Tuning.Horizon, cfg.Execution),
		Peers:   cfg.Addrs, Decode: node.Decode, Tuning: cfg.Transport, Logger: cfg.Logger,
	}, cfg.Near...)
}

func dial(ctx context.Context, core clientCore, places int, cfg transport.Config, near ...*Node) (*Client, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("client", cfg.Self.Client.String())
	c := newClient(core, places, cfg.Self.Client)
	first := newContact(len(cfg.Peers))
	cfg, err := far(cfg, near)
	if err != nil {
		return nil, err
	}
	cfg.Linked = func(p ids.Process, err error) {
		c.linked(p, err)
		c.strangers.heard(p, err)
		first.heard(p, err)
	}
	cfg.Handler = c.loop.deliver
	tr, err := transport.New(cfg)
	if err != nil {
		return nil, err
	}
	if len(near) == 0 {
		c.begin(tr)
	} else {
		c.begin(attachAll(c, tr, near, cfg.Linked))
	}
	if err := first.wait(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("host: no process of cluster %q could be reached: %w", cfg.Cluster, c.strangers.add(err))
	}
	return c, nil
}

// newClient makes a client whose inbox may be delivered to; begin starts it.
func newClient(core clientCore, places int, id ids.Client) *Client {
	c := &Client{
		core: core, id: id,
		window: window{free: places},
		asked:  map[uint64]func([]byte){},
		done:   make(chan struct{}),
	}
	c.loop.init((*clientLoop)(c))
	return c
}

func (c *Client) begin(tr transport.Transport) {
	c.tr = tr
	go c.run()
}

// linked tells the core whether a process can be reached.
func (c *Client) linked(p ids.Process, err error) {
	c.loop.ask(func() {
		if err != nil {
			c.core.Down(c.loop.now(), p)
		} else {
			c.core.Up(c.loop.now(), p)
		}
	})
}

// ID names this life of the client.
func (c *Client) ID() ids.Client { return c.id }

// Submit has a command multicast, and waits for room in the window until ctx
// ends. guess names partitions that the command may need besides those that
// its Access names. An error means that the command was not, and will not be,
// sent. arg must not be changed before the result is there.
func (c *Client) Submit(ctx context.Context, command uint16, arg []byte, guess ids.Set) (*Call, error) {
	call := &Call{command: command, arg: arg, guess: guess, done: make(chan struct{})}
	return call, c.submit(ctx, call)
}

// SubmitFunc is Submit with a function that is called with the result, once,
// by whoever runs the client's core, and that may be a caller of Submit: so it
// must not wait, for this client's room least of all, nor take a lock that is
// held around a Submit. It may itself submit what there is room for.
func (c *Client) SubmitFunc(ctx context.Context, command uint16, arg []byte, guess ids.Set, then func(Result)) error {
	call := callbacks.Get().(*Call)
	call.command, call.arg, call.guess, call.then = command, arg, guess, then
	return c.submit(ctx, call)
}

// SubmitOptimistic is Submit, and asks for an optimistic reply, too. Whoever
// waits for it waits for Came or Done: it may never come.
func (c *Client) SubmitOptimistic(ctx context.Context, command uint16, arg []byte, guess ids.Set) (*Call, error) {
	call := &Call{command: command, arg: arg, guess: guess, came: make(chan struct{}), done: make(chan struct{})}
	return call, c.submit(ctx, call)
}

// SubmitOptimisticFunc is SubmitFunc, and asks for an optimistic reply, too,
// with which early is called, once at most and before then. What holds for
// then holds for early.
func (c *Client) SubmitOptimisticFunc(ctx context.Context, command uint16, arg []byte, guess ids.Set, early func(*Early), then func(Result)) error {
	call := callbacks.Get().(*Call)
	call.command, call.arg, call.guess, call.heard, call.then = command, arg, guess, early, then
	return c.submit(ctx, call)
}

func (c *Client) submit(ctx context.Context, call *Call) error {
	alone, err := c.window.enter(ctx)
	if err != nil {
		return err
	}
	if !c.loop.submit(call, alone) {
		return ErrClosed
	}
	return nil
}

// Status asks process p for its status, a JSON document. The question or the
// answer may be lost: then the error is ctx's.
func (c *Client) Status(ctx context.Context, p ids.Process) ([]byte, error) {
	return c.askOne(ctx, func(nonce uint64) { c.core.AskStatus(p, nonce) })
}

// Replace asks process p for a replacement, see session.Replace. The question or
// the answer may be lost: then the error is ctx's.
func (c *Client) Replace(ctx context.Context, p ids.Process, m session.Replace) (a session.Replacing, err error) {
	doc, err := c.askOne(ctx, func(nonce uint64) {
		m.Nonce = nonce
		c.core.AskReplace(p, &m)
	})
	if err == nil {
		err = json.Unmarshal(doc, &a)
	}
	return a, err
}

// askOne asks a question that a Status answers.
func (c *Client) askOne(ctx context.Context, question func(nonce uint64)) ([]byte, error) {
	answer := make(chan []byte, 1)
	nonce := draw()
	ask := func() {
		c.asked[nonce] = func(doc []byte) { answer <- doc }
		question(nonce)
	}
	if !c.loop.ask(ask) {
		return nil, ErrClosed
	}
	select {
	case doc := <-answer:
		return doc, nil
	case <-c.done:
		return nil, ErrClosed
	case <-ctx.Done():
		c.loop.ask(func() { delete(c.asked, nonce) })
		return nil, ended(ctx)
	}
}

// Stranger says what is wrong with the address of process p, if another program has it;
// otherwise it is nil.
func (c *Client) Stranger(p ids.Process) error { return c.strangers.of(p) }

// TransportStats is a snapshot of the connections' counters.
func (c *Client) TransportStats() transport.Stats { return c.tr.Stats() }

// Close ends the client and returns when its goroutines have ended. What is
// outstanding ends as ErrOutcomeUnknown. It may be called again.
func (c *Client) Close() error {
	c.closing.Do(c.loop.close)
	<-c.done
	return nil
}

// Done is closed when the client has ended, by Close or because it had to.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err explains, after Done, why the client ended by itself.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return c.err
	default:
		return nil
	}
}

func (c *Client) run() {
	c.err = c.loop.run()
	why := c.err
	if why == nil {
		why = ErrClosed
	}
	c.window.close(why)
	c.loop.inbox.close()
	c.tr.Close()
	(*clientLoop)(c).abandon(why)
	close(c.done)
}
