package bench

// CDF is a distribution of latencies: in us, at the quantiles Quantiles.
type CDF [len(Quantiles)]float64

// Quantiles are the places of a distribution that a point tells.
var Quantiles = [54]float64{50: 0.995, 51: 0.999, 52: 0.9999, 53: 1}

func init() {
	for i := range 50 {
		Quantiles[i] = float64(2*i+1) / 100
	}
}

func (h *Histogram) cdf() *CDF {
	var c CDF
	for i, q := range Quantiles {
		c[i] = float64(h.Quantile(q)) / 1e3
	}
	return &c
}
