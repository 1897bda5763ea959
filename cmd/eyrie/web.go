package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/eyrie-dev/eyrie/apps"
	"github.com/eyrie-dev/eyrie/apps/chirper"
	"github.com/eyrie-dev/eyrie/apps/chirper/web"
	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/ssmr"
)

// webOff turns Chirper's page off.
const webOff = "off"

// webWindow is how many commands of the page's users may be outstanding.
const webWindow = 64

func checkWeb(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil && addr != webOff {
		return fmt.Errorf("--web %q is not HOST:PORT, with a port up to 65535, nor off", addr)
	}
	return nil
}

// listenWeb listens for Chirper's page; nil if it is turned off. The default
// address may be taken, by another cluster's page, say: then a free port serves.
// One that was asked for may not.
// orNone says how to do without, if one can.
func listenWeb(e env, addr string, asked bool, orNone string) (net.Listener, error) {
	if addr == webOff {
		return nil, nil
	}
	ln, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case !errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w; choose another address with --web%s", err, orNone)
	case asked:
		return nil, fmt.Errorf("%w\n  Another program, or another cluster's page, is there already; choose another address with --web (127.0.0.1:0 is a free port)%s", err, orNone)
	}
	fmt.Fprintf(e.stderr, "eyrie: %s is taken, so Chirper's page gets a free port; --web chooses one\n", addr)
	host, _, _ := net.SplitHostPort(addr)
	return net.Listen("tcp", net.JoinHostPort(host, "0"))
}

// notReady answers who asks for the page before the cluster is ready, one at a time, until
// the function that it returns is called.
func notReady(ln net.Listener) (stop func()) {
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return func() {}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			turnAway(c)
		}
	}()
	return func() {
		tcp.SetDeadline(time.Unix(1, 0))
		<-ended
		tcp.SetDeadline(time.Time{})
	}
}

func turnAway(c net.Conn) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	const body = `{"error":{"code":"no-status","message":"the cluster is not ready yet; eyrie status says what it waits for"}}` + "\n"
	fmt.Fprintf(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\nRetry-After: 1\r\n"+
		"Connection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// pageServer serves Chirper's page of a cluster.
type pageServer struct {
	server   *web.Server
	client   *ssmr.Client
	observer *observer
	ln       net.Listener
}

// newPage connects to the cluster of a file. operator may be nil.
func newPage(ctx context.Context, path, addr string, ln net.Listener, operator web.Operator, log *slog.Logger) (*pageServer, error) {
	f, err := cluster.Load(path)
	if err != nil {
		return nil, err
	}
	c, err := ssmr.Dial(ctx, path, apps.Service, ssmr.ClientConfig{Window: webWindow})
	if err != nil {
		return nil, err
	}
	o := &observer{f: f}
	var hosts []string
	if host, _, err := net.SplitHostPort(addr); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	s, err := web.New(web.Config{Backend: web.Chirper(chirper.NewClient(c)), Observe: o.observe, Operator: operator, Hosts: hosts, Logger: log})
	if err != nil {
		c.Close()
		return nil, err
	}
	return &pageServer{s, c, o, ln}, nil
}

// serve serves until ctx ends.
func (p *pageServer) serve(ctx context.Context) error {
	defer p.client.Close()
	defer p.observer.close()
	return p.server.Serve(ctx, p.ln)
}

// begin serves in the background. The function that it returns waits until that
// has ended, after ctx has.
func (p *pageServer) begin(ctx context.Context, e env) (wait func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.serve(ctx); err != nil {
			fmt.Fprintf(e.stderr, "eyrie up: Chirper's page is gone, the cluster goes on: %v\n", err)
		}
	}()
	return func() { <-ended }
}

// greetWeb says where the page is, and what to know.
func greetWeb(w io.Writer, ln net.Listener, operator bool) {
	addr := ln.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	fmt.Fprintf(w, "\nChirper, and the cluster live: open http://%s/\n", net.JoinHostPort(host, fmt.Sprint(addr.Port)))
	if !addr.IP.IsLoopback() {
		also := ""
		if operator {
			also = ", and stops replicas"
		}
		fmt.Fprintf(w, "  Nobody is authenticated: whoever reaches %s acts as any user%s.\n", ln.Addr(), also)
	}
}

// runChirperWeb serves the page of a cluster that runs elsewhere.
func runChirperWeb(ctx context.Context, e env, args []string) int {
	const name = "chirper web"
	fs := flags(e, name, "[flags]", `Serves Chirper's page, its JSON API and the live view of a running cluster over
HTTP, until Ctrl-C. eyrie up serves them itself. Nobody is authenticated: it
listens on loopback unless --web says otherwise.`)
	file := fs.String("cluster", cluster.DefaultName, "the cluster's `file`")
	addr := fs.String("web", web.DefaultAddr, "`host:port` to serve at")
	timeout := fs.Duration("timeout", 10*time.Second, "how long to try to connect")
	verbose := fs.Bool("v", false, "log to standard error")
	if code, ok := parse(fs, e, args, 0); !ok {
		return code
	}
	if *addr == webOff {
		return fail(e, name, exitUsage, errors.New("--web off leaves nothing to do; it is for eyrie up"))
	}
	if err := checkWeb(*addr); err != nil {
		return fail(e, name, exitUsage, err)
	}
	if _, err := cluster.Load(*file); err != nil {
		return fail(e, name, exitUsage, err)
	}
	asked := false
	fs.Visit(func(f *flag.Flag) { asked = asked || f.Name == "web" })
	ln, err := listenWeb(e, *addr, asked, "")
	if err != nil {
		return fail(e, name, exitFailed, err)
	}
	defer ln.Close()
	dialing, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	answered := nobodyYet(e, name, *file, *timeout)
	page, err := newPage(dialing, *file, *addr, ln, nil, logger(e, *verbose))
	answered()
	if err != nil {
		code := exitUnreachable
		if errors.Is(err, ssmr.ErrRefused) {
			code = exitRefused
		}
		return fail(e, name, code, fmt.Errorf("%w\n  Is the cluster of %s running? eyrie status --cluster %s says", err, *file, quoted(*file)))
	}
	greetWeb(e.stdout, ln, false)
	if err := page.serve(ctx); err != nil {
		return fail(e, name, exitFailed, err)
	}
	fmt.Fprintln(e.stdout, "stopped")
	return exitOK
}
