package scale

import (
	"fmt"
	"time"

	"github.com/eyrie-dev/eyrie/bench"
)

// Claim is one statement of the dissertation, what the model says of it, and
// whether it holds.
type Claim struct {
	Name   string
	Says   string // the claim
	Source string
	Head   []string
	Rows   [][]string
	Checks []Check
	Notes  []string
}

// Check is one number that decides.
type Check struct {
	Text string
	OK   bool
}

// Holds says whether all checks do.
func (c *Claim) Holds() bool {
	for _, k := range c.Checks {
		if !k.OK {
			return false
		}
	}
	return true
}

func (c *Claim) row(cells ...any) {
	r := make([]string, len(cells))
	for i, x := range cells {
		switch x := x.(type) {
		case float64:
			r[i] = bench.Digits(x)
		case time.Duration:
			r[i] = micros(x)
		default:
			r[i] = fmt.Sprint(x)
		}
	}
	c.Rows = append(c.Rows, r)
}

func (c *Claim) check(ok bool, format string, args ...any) {
	c.Checks = append(c.Checks, Check{fmt.Sprintf(format, args...), ok})
}

func (c *Claim) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// micros is a duration with about three digits.
func micros(d time.Duration) string {
	switch {
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// line is the straight line through points, by least squares.
func line(x, y []float64) (slope, intercept float64) {
	n := float64(len(x))
	var sx, sy, sxx, sxy float64
	for i := range x {
		sx, sy, sxx, sxy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i]
	}
	slope = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return slope, (sy - slope*sx) / n
}

// spread is the largest of some numbers over the smallest.
func spread(v []float64) float64 {
	lo, hi := v[0], v[0]
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	if lo <= 0 {
		return 1e9
	}
	return hi / lo
}

func seconds(d time.Duration) float64 { return d.Seconds() }
