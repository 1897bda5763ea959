package bench

import (
	"errors"
	"time"

	"github.com/eyrie-dev/eyrie/internal/transport/faultproxy"
)

// Delays are proxies that make everything come later that passes them. The zero
// value is ready; it is not safe for concurrent use.
type Delays struct{ proxies []*faultproxy.Proxy }

// Via is addr for one who is so far away: each way takes by longer. It is addr
// itself if that is zero.
func (d *Delays) Via(addr string, by time.Duration) (string, error) {
	if by == 0 {
		return addr, nil
	}
	p, err := faultproxy.New(addr)
	if err != nil {
		return "", err
	}
	p.Delay(faultproxy.Forth, by)
	p.Delay(faultproxy.Back, by)
	d.proxies = append(d.proxies, p)
	return p.Addr(), nil
}

// Close ends them.
func (d *Delays) Close() (err error) {
	for _, p := range d.proxies {
		err = errors.Join(err, p.Close())
	}
	d.proxies = nil
	return err
}
