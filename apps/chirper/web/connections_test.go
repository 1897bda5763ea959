package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Bodies that do not come keep nobody from the service: a place is taken when
// a request is there as a whole.
func TestStalledBodies(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1), Limits: Limits{Requests: 2}})
	for range 4 {
		c, err := net.Dial("tcp", hs.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /api/v1/users/1/posts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n")
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "100") { // it waits for the body now
			t.Fatalf("%q, %v", line, err)
		}
	}
	for range 3 {
		if res, text := request(t, hs, "GET", "/api/v1", ""); res.StatusCode != 200 {
			t.Errorf("%d %s", res.StatusCode, text)
		}
	}
}

// A body that is too long is refused where none is needed, too.
func TestLongBodyOfAnything(t *testing.T) {
	hs := serve(t, Config{Backend: newFake(1, 2)})
	res, text := request(t, hs, "PUT", "/api/v1/users/1/following/2", strings.Repeat(" ", maxBody+1))
	if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "too-large") {
		t.Errorf("%d %s", res.StatusCode, text)
	}
}

// Connections beyond the bound are closed, and those that end make room.
func TestConnectionsAreBounded(t *testing.T) {
	addr, cancel, ended := listening(t, Limits{Connections: 2})
	defer func() {
		cancel()
		<-ended
	}()
	ask := func() (net.Conn, error) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(c, "HEAD /api/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		line, err := bufio.NewReader(c).ReadString('\n')
		if err == nil && !strings.Contains(line, "200") {
			err = fmt.Errorf("%q", line)
		}
		return c, err
	}
	first, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the third: %v, not %v or a reset", err, io.EOF)
	}
	first.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := ask(); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatalf("no room when one has left: %v", err)
		}
	}
}
