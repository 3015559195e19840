package configs

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Limits are what a network must keep to; 0 = no limit. All of them hold at
// once.
type Limits struct {
	LatencyMS float64 // at most
	MemoryMB  float64 // weights and peak activations, 10^6 bytes, at most
	EnergyMJ  float64 // of an inference, at most
	SizeKB    float64 // weights, scales and biases at their bits, 10^3 bytes, at most
	MMACs     float64 // 10^6 multiplications, at most
	Accuracy  float64 // predicted, percent, at least
}

// Target is a further device that a run searches for, with the accuracy
// predictor that all share. Its times come from a table that was measured there
// (Table), or from a built-in device's model (Device).
type Target struct {
	Name     string  `json:"name"`    // of its front: letters, digits, - and _
	Table    string  `json:"table"`   // latency table; the correction beside it is used, if there is one
	Device   string  `json:"device"`  // built-in device, or a device file; see hanas latency devices
	Runtime  string  `json:"runtime"` // which of the device's models; empty = the first that fits
	Bits     []int   `json:"bits"`    // that it runs; empty = all that the device allows
	PowerW   float64 `json:"power_w"` // that it draws while it computes, for energy where the table has none
	Latency  float64 `json:"latency_ms"`
	MemoryMB float64 `json:"memory_mb"`
	EnergyMJ float64 `json:"energy_mj"`
	SizeKB   float64 `json:"size_kb"`
	MMACs    float64 `json:"mmacs"`
	Accuracy float64 `json:"accuracy"`
}

// Objectives are what a search can minimise: error is 1 - predicted accuracy,
// size_bytes that of the packed weights.
var Objectives = []string{"error", "latency_ms", "memory_bytes", "energy_mj", "size_bytes", "macs"}

// Figures are what export.prefer can name.
var Figures = []string{"top1", "latency", "memory", "energy", "size", "macs"}

// DefaultObjectives are minimised where a config names none.
var DefaultObjectives = Objectives[:3]

// Limits are those of the run's own device.
func (s Search) Limits() Limits {
	return Limits{s.LatencyMS, s.MemoryMB, s.EnergyMJ, s.SizeKB, s.MMACs, s.Accuracy}
}

// Limits are those of the target.
func (t Target) Limits() Limits {
	return Limits{t.Latency, t.MemoryMB, t.EnergyMJ, t.SizeKB, t.MMACs, t.Accuracy}
}

func (l Limits) check(k *checker, section string) {
	for _, row := range []struct {
		key   string
		value float64
	}{{"latency_ms", l.LatencyMS}, {"memory_mb", l.MemoryMB}, {"energy_mj", l.EnergyMJ}, {"size_kb", l.SizeKB}, {"mmacs", l.MMACs}} {
		k.within(section+row.key, row.value, 0, math.MaxFloat32)
	}
	k.within(section+"accuracy", l.Accuracy, 0, 100)
}

// checkObjectives wants names that are known, each once, with error among them.
func (s *Search) checkObjectives(k *checker) {
	for i, name := range s.Objectives {
		key := fmt.Sprintf("search.objectives[%d]", i)
		k.oneOf(key, name, Objectives...)
		if slices.Contains(s.Objectives[:i], name) {
			k.fault(key, fmt.Sprintf("is %s once more", name))
		}
	}
	if len(s.Objectives) > 0 && !slices.Contains(s.Objectives, "error") {
		k.fault("search.objectives", "lacks error (a search that does not mind it gives the smallest network)")
	}
	if len(s.Objectives) == 1 {
		k.fault("search.objectives", "is error alone (name another: the answer would be the largest network)")
	}
}

func (s *Search) checkDevices(k *checker) {
	seen := map[string]bool{}
	for i, t := range s.Devices {
		key := fmt.Sprintf("search.devices[%d].", i)
		switch {
		case t.Name == "" || strings.Trim(t.Name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "":
			k.fault(key+"name", fmt.Sprintf("is %q (want letters, digits, - and _)", t.Name))
		case seen[strings.ToLower(t.Name)]:
			k.fault(key+"name", fmt.Sprintf("is %q like that of another device", t.Name))
		}
		seen[strings.ToLower(t.Name)] = true
		if (t.Table == "") == (t.Device == "") {
			k.fault(key+"table", "and device: say one of the two")
		}
		if t.Runtime != "" && t.Device == "" {
			k.fault(key+"runtime", "is of a device's models (say device)")
		}
		checkBits(k, key+"bits", t.Bits)
		k.within(key+"power_w", t.PowerW, 0, 1e6)
		t.Limits().check(k, key)
	}
}

func checkBits(k *checker, key string, list []int) {
	for i, bits := range list {
		if !slices.Contains([]int{2, 4, 8, 16}, bits) {
			k.fault(fmt.Sprintf("%s[%d]", key, i), fmt.Sprintf("is %d (want 2, 4, 8 or 16)", bits))
		}
	}
}
