package ort

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Machine is the computer at hand, as far as it bears on speed: every latency
// that is measured here is filed under it.
type Machine struct {
	CPU         string   `json:"cpu"`
	Cores       int      `json:"cores"` // logical processors that this process may use
	Features    []string `json:"features"`
	Governor    string   `json:"governor,omitempty"`     // frequency governor of CPU 0; "" = unknown
	MemoryBytes int64    `json:"memory_bytes,omitempty"` // 0 = unknown
}

// features are the instruction sets that ORT's kernels choose between.
var features = []cpuid.FeatureID{
	cpuid.AVX2, cpuid.FMA3, cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VNNI, cpuid.AVX512BF16, cpuid.AVXVNNI,
	cpuid.AMXTILE, cpuid.AMXINT8, cpuid.AMXBF16, cpuid.ASIMD, cpuid.ASIMDDP, cpuid.SVE,
}

// ThisMachine describes the computer at hand.
func ThisMachine() Machine {
	m := Machine{
		CPU:         cpuid.CPU.BrandName,
		Cores:       runtime.GOMAXPROCS(0),
		Features:    []string{},
		Governor:    readWord("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		MemoryBytes: memory("/proc/meminfo"),
	}
	for _, f := range features {
		if cpuid.CPU.Supports(f) {
			m.Features = append(m.Features, f.String())
		}
	}
	return m
}

func (m Machine) has(feature string) bool { return slices.Contains(m.Features, feature) }

func readWord(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// memory reads the MemTotal line of Linux's meminfo file; 0 elsewhere.
func memory(path string) int64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			if err != nil {
				return 0
			}
			return kb * 1024
		}
	}
	return 0
}
