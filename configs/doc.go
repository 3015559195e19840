// Package configs says what to run. A [Config] has one section a stage; [Load]
// reads one from a preset or a YAML file and overrides.
//
//	cfg, err := configs.Load("quick", []string{"search.latency_ms=[0.5]", "seed=7"})
//
// A key that is not known is an error that names the nearest known ones, and
// Config.Validate reports every fault with its key path. Of a number in a
// section, 0 means the default of the package that does the work, unless its
// comment says otherwise.
package configs
