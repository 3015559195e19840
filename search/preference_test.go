package search

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParsePreferences(t *testing.T) {
	got, err := ParsePreferences(" top1 >= 76,latency<=22.5", "top1", "latency")
	want := []Preference{{"top1", true, 76}, {"latency", false, 22.5}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	for text, fault := range map[string]string{
		"":                  "no >= or <=",
		"top1=76":           "no >= or <=",
		"top1>=":            "no number",
		"top1>=NaN":         "no number",
		"top1>=+Inf":        "no number",
		"size<=3":           `no figure "size" (there are top1, latency)`,
		"top1>=76,":         "no >= or <=",
		"top1>=76,top1>=80": "already",
	} {
		if _, err := ParsePreferences(text, "top1", "latency"); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: want %q, got %v", text, fault, err)
		}
	}
}

func TestShortfall(t *testing.T) {
	for _, c := range []struct {
		p           Preference
		value, want float64
	}{
		{Preference{"top1", true, 80}, 76, 0.05},
		{Preference{"top1", true, 80}, 80, 0},
		{Preference{"top1", true, 80}, 90, 0},
		{Preference{"latency", false, 20}, 25, 0.25},
		{Preference{"latency", false, 20}, 20, 0},
		{Preference{"latency", false, 0}, 3, 3},
		{Preference{"latency", false, -2}, -1, 0.5},
	} {
		if got := c.p.Shortfall(c.value); math.Abs(got-c.want) > 1e-15 {
			t.Errorf("%v at %v: %v, want %v", c.p, c.value, got, c.want)
		}
	}
}

// What is read is written as it reads again.
func FuzzParsePreferences(f *testing.F) {
	f.Add("top1>=76, latency<=22")
	f.Add("a>=,<=")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParsePreferences(text, "top1", "latency")
		if err != nil {
			return
		}
		var words []string
		for _, p := range got {
			words = append(words, p.String())
		}
		again, err := ParsePreferences(strings.Join(words, ","), "top1", "latency")
		if err != nil || !slices.Equal(got, again) {
			t.Errorf("%q: %v, then %v, %v", text, got, again, err)
		}
	})
}
