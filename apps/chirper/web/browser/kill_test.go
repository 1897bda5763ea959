package browser

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestKilled: a replica that is a process of its own is killed by kill -9; the
// page's user goes on, and the live view says so. It comes back.
func TestKilled(t *testing.T) {
	browser := launch(t)
	file := t.TempDir() + "/eyrie.json"
	run(t, "init", "--cluster", file, "--addrs", strings.Join(free(t, 6), ","))
	nodes := map[string]*program{}
	for id := 1; id <= 6; id++ {
		name := fmt.Sprint(id)
		nodes[name] = start(t, "node", "-q", "--cluster", file, "--id", name)
	}
	url := start(t, "chirper", "web", "--cluster", file, "--web", "127.0.0.1:0", "--timeout", "1m").page(t)
	ann := open(t, browser, "ann", url, 390, "dark")
	ann.shows("#health", "all 6 replicas alive")
	ann.signIn(5)
	ann.until("a coordinator is known", leader+" !== undefined")
	name := eval[string](ann, leader)
	if err := nodes[name].cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	nodes[name].cmd.Wait()
	for i := range 3 {
		ann.post(fmt.Sprintf("killed, %d", i))
	}
	ann.shows(fmt.Sprintf("[data-process='%s'] .state", name), "dead")
	start(t, "node", "-q", "--cluster", file, "--id", name)
	ann.shows("#health", "all 6 replicas alive")
	ann.post("all is well")
	steady(t, ann)
	ann.calm()
}

// free is n addresses that nobody listens at.
func free(t *testing.T, n int) (addrs []string) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs
}
