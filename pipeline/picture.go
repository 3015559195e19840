package pipeline

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Pictures are the forms in which a plan can be shown, by name.
var Pictures = map[string]func([]Step) string{"text": Text, "mermaid": Mermaid, "dot": Dot}

// Text shows a plan as a table: state, stage, why it would run, what it makes
// and of what.
func Text(steps []Step) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "STATE\tSTAGE\tWHY\tMAKES\tNEEDS")
	for _, st := range steps {
		why := st.Reason
		if why == "" {
			why = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", state(st), st.Stage.Name, why, orDash(st.Stage.Makes), orDash(st.Stage.Needs))
	}
	w.Flush()
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func state(st Step) string {
	if st.Fresh {
		return "fresh"
	}
	return "stale"
}

func orDash(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, " ")
}

// Mermaid draws a plan as a Mermaid flow chart: stages that would run have
// thick borders.
func Mermaid(steps []Step) string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, st := range steps {
		fmt.Fprintf(&b, "  %s[\"%s\"]\n", st.Stage.Name, st.Stage.Name)
	}
	for _, e := range edges(steps) {
		fmt.Fprintf(&b, "  %s -- \"%s\" --> %s\n", e.from, strings.Join(e.names, ", "), e.to)
	}
	var stale []string
	for _, st := range steps {
		if !st.Fresh {
			stale = append(stale, st.Stage.Name)
		}
	}
	if len(stale) > 0 && len(stale) < len(steps) {
		fmt.Fprintf(&b, "  classDef stale stroke-width:3px\n  class %s stale\n", strings.Join(stale, ","))
	}
	return b.String()
}

// Dot draws a plan in Graphviz's language: stages that would run are bold.
func Dot(steps []Step) string {
	var b strings.Builder
	b.WriteString("digraph run {\n  rankdir=LR\n  node [shape=box]\n")
	for _, st := range steps {
		style := ""
		if !st.Fresh {
			style = ", style=bold"
		}
		fmt.Fprintf(&b, "  %s [tooltip=%q%s]\n", st.Stage.Name, st.Stage.Doc, style)
	}
	for _, e := range edges(steps) {
		fmt.Fprintf(&b, "  %s -> %s [label=%q]\n", e.from, e.to, strings.Join(e.names, "\n"))
	}
	b.WriteString("}\n")
	return b.String()
}

type edge struct {
	from, to string
	names    []string // artifacts that travel
}

// edges lists who hands what to whom, in the order of the plan.
func edges(steps []Step) []edge {
	maker := map[string]string{}
	for _, st := range steps {
		for _, name := range st.Stage.Makes {
			maker[name] = st.Stage.Name
		}
	}
	var out []edge
	for _, st := range steps {
		at := map[string]int{}
		for _, name := range st.Stage.Needs {
			from := maker[name]
			i, ok := at[from]
			if !ok {
				i = len(out)
				at[from] = i
				out = append(out, edge{from: from, to: st.Stage.Name})
			}
			out[i].names = append(out[i].names, name)
		}
	}
	return out
}
