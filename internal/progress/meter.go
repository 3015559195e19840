package progress

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// meter estimates a rate: an average that forgets with a time constant, so that
// it follows changes and does not jump.
type meter struct {
	begin, at time.Time
	done      int64
	started   bool
	rate      float64 // units a second
	weight    float64 // of the observations so far, 0 to 1
}

const forget = 10 * time.Second

func newMeter(now time.Time) meter { return meter{begin: now, at: now} }

// see takes in that done units were done by now. What was done at the first
// call may come from an earlier run, and says nothing about the rate.
func (m *meter) see(now time.Time, done int64) {
	dt := now.Sub(m.at)
	switch {
	case !m.started || done < m.done:
		m.started, m.at, m.done, m.rate, m.weight = true, now, done, 0, 0
	case dt > 0:
		keep := math.Exp(-dt.Seconds() / forget.Seconds())
		m.rate = m.rate*keep + (1-keep)*float64(done-m.done)/dt.Seconds()
		m.weight = m.weight*keep + (1 - keep)
		m.at, m.done = now, done
	}
}

// perSecond is the rate; 0 = not known yet.
func (m *meter) perSecond() float64 {
	if m.weight == 0 {
		return 0
	}
	return m.rate / m.weight
}

const barWidth = 20

// bar is a task's line on a terminal.
func (t *task) bar(now time.Time) string {
	if t.total <= 0 {
		return t.text(now)
	}
	filled := int(barWidth * min(max(t.done, 0), t.total) / t.total)
	bar := strings.Repeat("█", filled) + strings.Repeat("░", barWidth-filled)
	return fmt.Sprintf("%-10s %s %s", t.name, bar, strings.TrimPrefix(t.text(now), t.name+": "))
}

// text is a task's line elsewhere.
func (t *task) text(now time.Time) string {
	var parts []string
	if t.total > 0 {
		parts = append(parts, fmt.Sprintf("%d%%", 100*t.done/t.total), Thousands(t.done)+"/"+Thousands(t.total)+" "+t.unit)
	} else {
		parts = append(parts, Thousands(t.done)+" "+t.unit)
	}
	if rate := t.meter.perSecond(); rate > 0 {
		parts = append(parts, Rate(rate, t.unit))
		if t.total > 0 {
			left := time.Duration(float64(t.total-t.done) / rate * float64(time.Second))
			parts = append(parts, Clock(left)+" left")
		}
	}
	return t.name + ": " + strings.Join(parts, ", ")
}

// Rate writes a number of units a second, or a minute if that is few.
func Rate(perSecond float64, unit string) string {
	switch {
	case perSecond >= 100:
		return Thousands(int64(perSecond)) + " " + unit + "/s"
	case perSecond >= 1:
		return fmt.Sprintf("%.1f %s/s", perSecond, unit)
	}
	return fmt.Sprintf("%.1f %s/min", perSecond*60, unit)
}

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return sign + b.String()
}

// Clock writes a time as 0.4s, 42s, 3:07 or 1:02:03.
func Clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", max(d, 0).Seconds())
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
