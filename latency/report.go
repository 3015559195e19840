package latency

import (
	"fmt"
	"math"
)

// Quality compares estimates with measurements.
type Quality struct {
	MAPE     float64 `json:"mape"`      // mean absolute error, as a fraction of the measured time
	Bias     float64 `json:"bias"`      // mean signed error, the same way
	Within5  float64 `json:"within_5"`  // share of networks within 5 %
	Within10 float64 `json:"within_10"` // share of networks within 10 %
	Tau      float64 `json:"tau"`       // Kendall's tau-b
}

// Report holds the estimator against networks that it was not fitted on, with
// and without its correction.
type Report struct {
	N         int     `json:"n"`
	Plain     Quality `json:"plain"`
	Corrected Quality `json:"corrected"`
}

// Report compares estimates of heldOut with its measurements.
func (e *Estimator) Report(heldOut []Measured) (Report, error) {
	if len(heldOut) == 0 {
		return Report{}, fmt.Errorf("latency: report: no networks")
	}
	var plain, corrected, real []float64
	for i, p := range heldOut {
		sum, _, err := e.table.Sum(p.Layers)
		if err == nil && !(p.Ms > 0) {
			err = fmt.Errorf("measured %g ms", p.Ms)
		}
		if err != nil {
			return Report{}, fmt.Errorf("latency: report: network %d: %w", i, err)
		}
		plain, corrected, real = append(plain, sum), append(corrected, e.apply(sum, p.Layers)), append(real, p.Ms)
	}
	return Report{len(real), quality(plain, real), quality(corrected, real)}, nil
}

func quality(got, want []float64) Quality {
	q := Quality{Tau: kendall(got, want)}
	n := float64(len(got))
	for i := range got {
		e := got[i]/want[i] - 1
		q.Bias += e / n
		q.MAPE += math.Abs(e) / n
		if math.Abs(e) <= .05 {
			q.Within5 += 1 / n
		}
		if math.Abs(e) <= .10 {
			q.Within10 += 1 / n
		}
	}
	return q
}

// kendall is tau-b over all pairs; 0 where one side has no order.
func kendall(x, y []float64) float64 {
	var concordant, tiesX, tiesY, pairs float64
	for i := range x {
		for j := range i {
			pairs++
			dx, dy := sign(x[i]-x[j]), sign(y[i]-y[j])
			concordant += dx * dy
			tiesX += 1 - dx*dx
			tiesY += 1 - dy*dy
		}
	}
	if d := math.Sqrt((pairs - tiesX) * (pairs - tiesY)); d > 0 {
		return concordant / d
	}
	return 0
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
