package report

import "fmt"

// devicesTable has two rows for each further device: the ends of its front.
func devicesTable(d *Data) table {
	metric, _ := d.metric()
	t := table{Head: []string{"device", "figures of", "front", "", "latency", metric + " in search", "weights", "energy", "arch"}, Left: 2}
	for _, f := range d.Devices {
		if len(f.Points) == 0 {
			continue
		}
		fast, best := f.Points[0], f.Points[0]
		for _, p := range f.Points {
			if p.Latency.Value < fast.Latency.Value {
				fast = p
			}
			if p.Accuracy.Value > best.Accuracy.Value {
				best = p
			}
		}
		for _, row := range []struct {
			what string
			Point
		}{{"fastest", fast}, {"most accurate", best}} {
			t.Rows = append(t.Rows, []string{
				f.Name, f.Device, fmt.Sprintf("%s networks", whole(len(f.Points))), row.what, figure(row.Latency, ms), figure(row.Accuracy, percent2),
				figure(row.Memory, size), figure(row.Energy, func(v float64) string { return digits(v) + " mJ" }), row.Arch,
			})
		}
	}
	return t.trim()
}
