// Package report shows what a run found: Data in, one HTML page, Markdown and
// JSON out.
//
// Data is plain values that the run's stages fill; a Figure is a number with
// its Provenance, and no table prints the one without the other. HTML,
// Markdown and JSON write the same content in three forms, Write all of them.
//
//	d := report.Data{Title: "quick on glyphs", Front: points, Winners: winners}
//	err := report.Write("runs/quick", &d)
//
// The page needs no network and no other file. Whatever Data lacks is left
// out of it.
package report
