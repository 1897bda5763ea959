package scale

import "slices"

// sample is one measurement: what was done so many times each, and what that
// cost together.
type sample struct {
	counts []float64
	cost   float64
}

// fit finds what each kind of thing costs, by least squares of the relative
// errors. Nothing costs less than nothing: what would is left out.
func fit(samples []sample) []float64 {
	n := len(samples[0].counts)
	out := make([]float64, n)
	use := make([]int, n)
	for i := range use {
		use[i] = i
	}
	for len(use) > 0 {
		x := solve(samples, use)
		worst := -1
		for i, v := range x {
			if v < 0 && (worst < 0 || v < x[worst]) {
				worst = i
			}
		}
		if worst < 0 {
			for i, k := range use {
				out[k] = x[i]
			}
			break
		}
		use = slices.Delete(use, worst, worst+1)
	}
	return out
}

// solve solves the normal equations for the columns in use, by elimination
// with pivots; a column that cannot be told from others is zero.
func solve(samples []sample, use []int) []float64 {
	n := len(use)
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n+1)
		for _, s := range samples {
			w := 1 / (s.cost * s.cost)
			for j := range n {
				a[i][j] += w * s.counts[use[i]] * s.counts[use[j]]
			}
			a[i][n] += w * s.counts[use[i]] * s.cost
		}
	}
	scale := make([]float64, n) // so that bytes and messages compare
	for i := range n {
		scale[i] = 1
		if a[i][i] > 0 {
			scale[i] = a[i][i]
		}
	}
	for c := range n {
		p := c
		for r := c + 1; r < n; r++ {
			if abs(a[r][c])/scale[r] > abs(a[p][c])/scale[p] {
				p = r
			}
		}
		a[c], a[p] = a[p], a[c]
		scale[c], scale[p] = scale[p], scale[c]
		if abs(a[c][c]) < 1e-12*scale[c] {
			continue
		}
		for r := range n {
			if r != c {
				f := a[r][c] / a[c][c]
				for k := c; k <= n; k++ {
					a[r][k] -= f * a[c][k]
				}
			}
		}
	}
	x := make([]float64, n)
	for i := range x {
		if abs(a[i][i]) >= 1e-12*scale[i] {
			x[i] = a[i][n] / a[i][i]
		}
	}
	return x
}

func abs(v float64) float64 { return max(v, -v) }

// middle is the median.
func middle(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
