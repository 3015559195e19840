package stages

import "fmt"

// What a table's check is judged by: the mean error above which a search does
// not take its estimates, and the least number of networks that says anything.
const (
	maxLatencyMAPE = 0.25
	minChecked     = 10
)

// trusted refuses a table whose estimates failed on networks that they were not
// fitted on, as latency.json tells.
func (e *Env) trusted(file string) error {
	limit := e.Config.Search.LatencyMAPE
	if limit == 0 {
		limit = maxLatencyMAPE
	}
	var rec lutRecord
	if err := readJSON(file, &rec); err != nil {
		return err
	}
	q := rec.Report.Corrected
	if limit < 0 || rec.Report.N < minChecked || q.MAPE <= limit {
		return nil
	}
	return fmt.Errorf("stages: search: the latency table failed its check: %.1f %% mean error on %d unseen networks, limit %.1f %% (measure again on a quiet machine with --force lut, or say --set search.latency_mape=-1)",
		100*q.MAPE, rec.Report.N, 100*limit)
}
