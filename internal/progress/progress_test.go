package progress

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// clockwork is a time that stands still until it is moved.
type clockwork struct{ t time.Time }

func (k *clockwork) now() time.Time       { return k.t }
func (k *clockwork) pass(d time.Duration) { k.t = k.t.Add(d) }

func TestPlainLines(t *testing.T) {
	var b bytes.Buffer
	k := &clockwork{time.Unix(0, 0)}
	c := &Console{w: &b, now: k.now}
	c.Skip("data", "20,000 images")
	c.Start("train", "never ran here")
	for i := range 31 { // half a minute at 100 a second
		c.Update("train", int64(i)*100, 6000, "steps")
		k.pass(time.Second)
	}
	c.Log("train", "halfway")
	c.Start("other", "")
	c.Update("ghost", 1, 2, "things")
	c.Fail("other", "no memory", time.Second)
	c.Finish("train", "loss 0.3", 61*time.Second)
	c.Close()
	want := `· data is fresh: 20,000 images
▶ train: never ran here
  train: 16%, 1,000/6,000 steps, 100 steps/s, 50s left
  train: 33%, 2,000/6,000 steps, 100 steps/s, 40s left
  train: 50%, 3,000/6,000 steps, 100 steps/s, 30s left
  train: halfway
▶ other
✗ other: no memory (1.0s)
✓ train: loss 0.3 (1:01)
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// TestTerminal plays the output to a tiny terminal that knows the two escape
// codes in use, and looks at the screen.
func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	k := &clockwork{time.Unix(0, 0)}
	c := &Console{w: &b, now: k.now, width: func() int { return 60 }}
	c.Start("train", "")
	c.Start("lut", "")
	for i := range 5 {
		c.Update("train", int64(i), 8, "steps")
		c.Update("lut", int64(i), 0, "layers")
		k.pass(time.Second)
	}
	c.Update("train", 4, 8, "steps")
	c.Log("lut", "noisy machine")
	const want = "▶ train\n▶ lut\n  lut: noisy machine\n  train      ██████████░░░░░░░░░░ 50%, 4/8 steps, "
	if got := screen(b.String()); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n  lut: 4 layers, 1.0 layers/s\n") || strings.Count(got, "\n") != 5 {
		t.Errorf("screen\n%s\nwant it to begin\n%s", got, want)
	}
	for line := range strings.Lines(screen(b.String())) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
			t.Errorf("line of %d columns: %q", n, line)
		}
	}
	c.Finish("train", "", time.Second)
	c.Close()
	if got := screen(b.String()); got != "▶ train\n▶ lut\n  lut: noisy machine\n✓ train (1.0s)\n" {
		t.Errorf("at the end\n%s", got)
	}
}

// screen is what a terminal shows after the text.
func screen(text string) string {
	var lines []string
	rest := text
	for rest != "" {
		if strings.HasPrefix(rest, "\x1b[") {
			up := int(rest[2] - '0')
			lines = lines[:len(lines)-up]
			rest = rest[len("\x1b[1A\r\x1b[J"):]
			continue
		}
		line, after, _ := strings.Cut(rest, "\n")
		lines = append(lines, line+"\n")
		rest = after
	}
	return strings.Join(lines, "")
}

func TestMeterFollows(t *testing.T) {
	k := &clockwork{time.Unix(0, 0)}
	m := newMeter(k.now())
	m.see(k.now(), 5000) // from an earlier run
	done := int64(5000)
	for _, rate := range []int64{10, 40} {
		for range 60 {
			k.pass(time.Second)
			done += rate
			m.see(k.now(), done)
		}
		if got := m.perSecond(); math.Abs(got/float64(rate)-1) > 0.01 {
			t.Errorf("rate %v after a minute at %d", got, rate)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0.0s", 400 * time.Millisecond: "0.4s", 42 * time.Second: "42s", 59700 * time.Millisecond: "1:00",
		187 * time.Second: "3:07", 3723 * time.Second: "1:02:03",
	} {
		if got := Clock(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := Rate(0.2, "nets"); got != "12.0 nets/min" {
		t.Error(got)
	}
}

func TestNewOnAFile(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if New(f).width != nil {
		t.Error("a file was taken for a terminal")
	}
}
