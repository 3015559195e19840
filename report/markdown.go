package report

import (
	"fmt"
	"io"
	"strings"
)

// mostRows bounds the front in Markdown; the page and the JSON have all of it.
const mostRows = 30

// Markdown writes the tables of the page.
func Markdown(w io.Writer, d *Data) error {
	m := &markdown{}
	title := d.Title
	if title == "" {
		title = "Search report"
	}
	m.linef("# %s\n", escape(title))
	m.linef("%s\n", escape(intro(d)))
	for _, h := range headlines(d) {
		m.linef("- **%s** %s", strings.TrimSpace(h.Big+" "+h.Unit), escape(h.Text))
	}
	var signs []string
	for _, l := range legend {
		signs = append(signs, fmt.Sprintf("%s %s %s", l.Sign, l.From, l.Text))
	}
	m.linef("\n%s.\n", strings.Join(signs, ", "))
	for _, n := range d.Notes {
		m.linef("> %s\n", escape(n))
	}
	m.table("Exported networks", winnersTable(d))
	if len(d.Winners) > 0 {
		m.linef("")
	}
	for _, win := range d.Winners {
		m.linef("- %s: `%s`, file `%s`", escape(win.Name), code(win.Arch), code(win.File))
	}
	metric, _ := d.metric()
	front := frontTable(d.Front, metric)
	if n := len(front.Rows); n > mostRows {
		front.Rows = front.Rows[:mostRows]
		m.table(fmt.Sprintf("Front (the fastest %d of %d)", mostRows, n), front)
	} else {
		m.table("Front", front)
	}
	m.table("Further devices", devicesTable(d))
	m.progress(d.Progress)
	if d.Predictor.NTest > 0 {
		m.predictor(d.Predictor)
	}
	m.table("Latency table", kindsTable(d.Table))
	if note := tableNote(d.Table); note != "" {
		m.linef("\n%s", escape(note))
	}
	m.table("Published beside obtained", publishedTable(d))
	m.linef("\n%s", publishedNote)
	m.table("Stages", stagesTable(d.Stages))
	m.facts("Run", runFacts(d.Run))
	m.facts("Settings", d.Run.Settings)
	if _, err := io.WriteString(w, m.b.String()); err != nil {
		return fmt.Errorf("report: markdown: %w", err)
	}
	return nil
}

// publishedNote keeps readers from comparing what cannot be compared.
const publishedNote = "Published figures are Table 1 of the HA-NAS paper: ImageNet-1K at 224x224, Jetson Orin, INT8, batch 1. " +
	"Rows obtained here are of this run's data and device; compare across the two only when those are the same."

type markdown struct{ b strings.Builder }

func (m *markdown) linef(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

// escape keeps text from becoming markup.
func escape(s string) string {
	return strings.NewReplacer("\n", " ", "|", `\|`, "*", `\*`, "_", `\_`, "<", "&lt;", "`", "\\`", "[", `\[`).Replace(s)
}

// code keeps text inside a code span.
func code(s string) string { return strings.NewReplacer("`", "'", "\n", " ").Replace(s) }

// table writes a table under a heading, or nothing when it has no rows.
func (m *markdown) table(title string, t table) {
	if len(t.Rows) == 0 {
		return
	}
	m.linef("\n## %s\n", title)
	rule := make([]string, len(t.Head))
	for c := range rule {
		rule[c] = map[bool]string{true: "---", false: "---:"}[c < t.Left || t.Head[c] == "arch"]
	}
	m.linef("| %s |\n| %s |", strings.Join(t.Head, " | "), strings.Join(rule, " | "))
	for _, r := range t.Rows {
		cells := make([]string, len(r))
		for c, v := range r {
			cells[c] = escape(v)
		}
		m.linef("| %s |", strings.Join(cells, " | "))
	}
}

// progress writes about ten rows of the hypervolumes.
func (m *markdown) progress(list []Progress) {
	t := table{Head: []string{"evaluations", "hypervolume, search", "hypervolume, random"}}
	for _, b := range bins(len(list), 10) {
		g := list[b[1]-1]
		t.Rows = append(t.Rows, []string{whole(g.Evaluations), fmt.Sprintf("%.5g", g.Search), fmt.Sprintf("%.5g", g.Random)})
	}
	m.table("Search", t)
}

func (m *markdown) facts(title string, list []Setting) {
	if len(list) == 0 {
		return
	}
	m.linef("\n## %s\n", title)
	for _, s := range list {
		m.linef("- %s: %s", escape(s.Key), escape(s.Value))
	}
}
