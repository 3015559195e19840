package train

import "math"

// Schedule is the learning rate at a step of 0..steps-1, given its peak and the
// share of the steps (in [0,1)) that are warm-up. During the warm-up the rate
// rises linearly, from peak/warm-up steps at step 0 (Goyal et al. 2017).
type Schedule func(step, steps int, peak, warmup float64) float64

// Schedules are the schedules by name, as settings files spell them.
var Schedules = map[string]Schedule{"cosine": Cosine, "constant": Constant}

// Cosine falls from the peak to 0 along half a cosine wave after the warm-up
// (Loshchilov & Hutter 2017, SGDR, equation 5 without restarts). The step
// after the last one would have rate 0.
func Cosine(step, steps int, peak, warmup float64) float64 {
	ramp, done := climb(step, steps, warmup)
	if !done {
		return peak * ramp
	}
	from := warmup * float64(steps)
	share := min(1, (float64(step)-from)/max(1, float64(steps)-from))
	return peak * (1 + math.Cos(math.Pi*max(0, share))) / 2
}

// Constant stays at the peak after the warm-up.
func Constant(step, steps int, peak, warmup float64) float64 {
	ramp, _ := climb(step, steps, warmup)
	return peak * ramp
}

// climb is the warm-up factor, in (0,1], and whether the warm-up is over.
func climb(step, steps int, warmup float64) (float64, bool) {
	length := warmup * float64(steps)
	if float64(step) >= length {
		return 1, true
	}
	return min(1, float64(step+1)/max(1, length)), false
}
