package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// percent prints a fraction.
func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

// percent2 keeps two digits, for figures that are compared.
func percent2(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) + " %" }

// ms prints milliseconds with three significant digits.
func ms(v float64) string { return digits(v) + " ms" }

// digits prints three significant digits without an exponent.
func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a >= 99.95:
		return group(strconv.FormatFloat(v, 'f', 0, 64))
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a >= 0.0995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', min(9, 2-int(math.Floor(math.Log10(a)))), 64)
}

// size prints bytes in kB or MB (10^3 and 10^6).
func size(v float64) string {
	switch {
	case math.Abs(v) < 1e3:
		return strconv.FormatFloat(v, 'f', 0, 64) + " B"
	case math.Abs(v) < 999.5e3:
		return digits(v/1e3) + " kB"
	}
	return digits(v/1e6) + " MB"
}

// scaled prints a count with k, M or G.
func scaled(v float64) string {
	for _, u := range []struct {
		from float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e3, " k"}} {
		if math.Abs(v) >= u.from*0.9995 {
			return digits(v/u.from) + u.name
		}
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// whole prints an integer with thin groups of three.
func whole(n int) string { return group(strconv.Itoa(n)) }

func group(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// power prints ten to a power, rounded.
func power(log10 float64) string {
	return "10" + strings.Map(func(r rune) rune { return []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0'] }, strconv.Itoa(int(math.Round(math.Abs(log10)))))
}

// duration prints seconds as a person says them.
func duration(sec float64) string {
	switch {
	case sec < 1:
		return fmt.Sprintf("%.0f ms", 1000*sec)
	case sec < 120:
		return fmt.Sprintf("%.1f s", sec)
	case sec < 7200:
		return fmt.Sprintf("%d min %02d s", int(sec)/60, int(sec)%60)
	}
	return fmt.Sprintf("%d h %02d min", int(sec)/3600, int(sec)/60%60)
}

// marks are the signs of provenance, the same in plots, tables and legend.
var marks = map[Provenance]string{Measured: "●", Imported: "◆", Predicted: "○", Modelled: "△"}

// figure prints a Figure with its mark; an absent one is a dash.
func figure(f Figure, print func(float64) string) string {
	if !f.Has() {
		return "–"
	}
	return print(f.Value) + " " + marks[f.From]
}

// meanBits is the mean of some bit widths; 0 when there are none.
func meanBits(bits []int) float64 {
	sum, n := 0, 0
	for _, b := range bits {
		if b > 0 {
			sum, n = sum+b, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}
