package web

import (
	"net"
	"sync"
)

// atMost is a listener of which at most n connections are open at a time;
// further ones are closed as they come.
func atMost(ln net.Listener, n int) net.Listener {
	return &limited{Listener: ln, places: make(chan struct{}, n)}
}

type limited struct {
	net.Listener
	places chan struct{}
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			c.Close()
		}
	}
}

// placed is a connection that has one of the places.
type placed struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
