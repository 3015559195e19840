package export

import (
	"fmt"
	"strings"
)

// Profile is the form in which a network is written. All profiles have the
// same rounded weights.
type Profile string

// The profiles.
const (
	// Quantised is the file to ship: activations are quantised and weights
	// packed at their own bits. The opset is the lowest that has the types: 25
	// for 2 bits, 21 for 4, else 13.
	Quantised Profile = ""
	// Compat has the same numbers in an opset-13 file for older runtimes:
	// weights of 2 and 4 bits take 8 bits each.
	Compat Profile = "compat"
	// Float leaves activations alone: what quantising them costs is the
	// difference.
	Float Profile = "float"
	// Half is Float with weights and arithmetic in FLOAT16, for devices that
	// compute in it: half the bytes of a float32 file. The input and the logits
	// stay FLOAT. ONNX Runtime computes it in float32 on most CPUs.
	Half Profile = "fp16"
)

// Profiles are all of them.
var Profiles = []Profile{Quantised, Compat, Float, Half}

// plain says whether tensors stay floats of one kind or another.
func (p Profile) plain() bool { return p == Float || p == Half }

// ParseProfile is the profile of a name that users give; the empty one may be
// called "quantised".
func ParseProfile(name string) (Profile, error) {
	if name == "quantised" {
		name = ""
	}
	for _, p := range Profiles {
		if string(p) == name {
			return p, nil
		}
	}
	return Quantised, fmt.Errorf("export: unknown profile %q (known: %s)", name, strings.Join(ProfileNames(), ", "))
}

// ProfileNames are the names that ParseProfile takes.
func ProfileNames() []string {
	names := []string{"quantised"}
	for _, p := range Profiles[1:] {
		names = append(names, string(p))
	}
	return names
}
