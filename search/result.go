package search

// Result is what a search found.
type Result[G comparable] struct {
	Front   Front[G]    // of everything evaluated; see Front.Feasible
	Archive *Archive[G] // everything evaluated
	Steps   []Step      // one a generation
	// Exhausted says that the search ended before its budget because it could
	// find no genome that had not been evaluated.
	Exhausted bool
}

// Step is the state of a search after a generation.
type Step struct {
	Generation  int     `json:"generation"`  // from 0: the initial population
	Evaluations int     `json:"evaluations"` // distinct genomes so far
	FrontSize   int     `json:"front_size"`
	Feasible    bool    `json:"feasible"`    // whether any candidate is within the limits
	Hypervolume float64 `json:"hypervolume"` // of the front so far; 0 without a reference point
}

// Progress is called after each generation with the state and the front so far.
type Progress[G comparable] func(Step, Front[G])

// Record appends the state after a generation and calls progress, which may be
// nil. reference may be nil: hypervolumes are then 0. Only when either wants the
// front is it made: Finish makes that of the result.
func (r *Result[G]) Record(reference []float64, progress Progress[G]) {
	a := r.Archive
	step := Step{
		Generation:  len(r.Steps),
		Evaluations: a.Len(),
		FrontSize:   len(a.front),
		Feasible:    len(a.front) > 0 && a.all[a.front[0]].Feasible(),
	}
	if reference != nil || progress != nil {
		r.Front = a.Front()
	}
	if reference != nil {
		step.Hypervolume = r.Front.Hypervolume(reference)
	}
	r.Steps = append(r.Steps, step)
	if progress != nil {
		progress(step, r.Front)
	}
}

// Finish takes the front of everything evaluated and returns the result.
func (r *Result[G]) Finish() *Result[G] {
	r.Front = r.Archive.Front()
	return r
}
