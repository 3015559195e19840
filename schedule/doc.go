// Package schedule decides when something is done again, and keeps what came of
// it. It has never heard of neural networks beyond a file with its figures.
//
// There are three types: a [Timetable] says when, by cron's syntax in a time
// zone; a [Loop] waits and calls, without overlap, through missed times and
// clocks that are set; a [Registry] holds promoted files with their history.
//
//	table, err := schedule.Parse("0 3 * * 1", "Europe/Berlin")
//	loop := schedule.Loop{Table: table, CatchUp: schedule.One}
//	err = loop.Run(ctx, last, func(ctx context.Context, due time.Time) error { … })
package schedule
