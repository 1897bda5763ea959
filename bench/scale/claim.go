package scale

import (
	"fmt"
	"time"
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
			r[i] = digits(x)
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

// digits is a number with three digits, large ones with a prefix.
func digits(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%.1f k", v/1e3)
	case v >= 10 || v == 0:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
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
