package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/eyrie-dev/eyrie/internal/cluster"
	"github.com/eyrie-dev/eyrie/internal/transport"
)

// listenAll opens n listeners: on free ports, or on consecutive ones.
func listenAll(first string, n int) ([]net.Listener, []string, error) {
	host, port := "127.0.0.1", 0
	if first != "" {
		addrs, err := consecutive(first, n)
		if err != nil {
			return nil, nil, err
		}
		var text string
		host, text, _ = net.SplitHostPort(addrs[0])
		port, _ = strconv.Atoi(text)
	}
	var listeners []net.Listener
	var addrs []string
	for range n {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			closeAll(listeners)
			return nil, nil, fmt.Errorf("%w; choose another --listen, or leave it out", err)
		}
		listeners, addrs = append(listeners, ln), append(addrs, ln.Addr().String())
		if port > 0 {
			port++
		}
	}
	return listeners, addrs, nil
}

func closeAll(listeners []net.Listener) {
	for _, ln := range listeners {
		ln.Close()
	}
}

// refuseRunning refuses to replace the file of a cluster that seems to run.
func refuseRunning(path string) error {
	f, err := cluster.Load(path)
	if err != nil {
		return nil // there is none, or none that could run
	}
	for id, addr := range f.Addrs() {
		conn, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err == nil {
			conn.Close()
			return fmt.Errorf("somebody listens on %s, the address of process %d in %s: %s\n  Stop it, or give another --dir", addr, id, path, whoListens(f))
		}
	}
	return nil
}

// whoListens says who listens where a cluster's processes should.
func whoListens(f *cluster.File) string {
	c, err := dialOperator(context.Background(), f, 500*time.Millisecond)
	switch {
	case err == nil:
		c.Close()
		return "that cluster runs already"
	case errors.Is(err, transport.ErrStranger):
		return err.Error()
	}
	return "that cluster runs already, or another program is there"
}
