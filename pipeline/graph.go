package pipeline

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Without a dash, because working folders are called NAME-ACTION.
var stageName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate says everything that is wrong with a table of stages: bad or double
// names, a missing Doc or Run, settings that cannot be hashed, bad artifact
// names, two makers of one artifact, needs that nobody makes, and cycles.
func Validate(stages []Stage) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("pipeline: "+format, args...)) }
	if len(stages) == 0 {
		fault("no stages")
	}
	seen := map[string]bool{}
	for i := range stages {
		s := &stages[i]
		switch {
		case !stageName.MatchString(s.Name):
			fault("stage %d: bad name %q (want a lower-case word)", i, s.Name)
		case seen[s.Name]:
			fault("stage %s: the name is taken", s.Name)
		}
		seen[s.Name] = true
		if strings.TrimSpace(s.Doc) == "" {
			fault("stage %s: undocumented (say in Doc what it does)", s.Name)
		}
		if s.Run == nil {
			fault("stage %s: Run is not set", s.Name)
		}
		if len(s.Makes) == 0 {
			fault("stage %s: makes nothing", s.Name)
		}
		if _, err := actionID(s, nil); err != nil {
			faults = append(faults, err)
		}
	}
	faults = append(faults, checkArtifacts(stages)...)
	if _, err := order(stages); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkArtifacts says what is wrong with the names of artifacts and who makes them.
func checkArtifacts(stages []Stage) []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("pipeline: "+format, args...)) }
	maker := map[string]string{}
	var names []string
	for _, s := range stages {
		for _, name := range s.Makes {
			if why := badArtifact(name); why != "" {
				fault("stage %s: artifact %q: %s", s.Name, name, why)
				continue
			}
			if other, ok := maker[name]; ok {
				fault("artifact %q has two makers: %s and %s", name, other, s.Name)
				continue
			}
			maker[name] = s.Name
			names = append(names, name)
		}
	}
	bare := map[string]string{}
	for _, name := range names {
		bare[strings.TrimSuffix(name, "/")] = name
	}
	for _, name := range names {
		own := strings.TrimSuffix(name, "/")
		if other := bare[own]; other != name {
			fault("artifact %q lies inside artifact %q", name, other)
		}
		for above := path.Dir(own); above != "."; above = path.Dir(above) {
			if outer, ok := bare[above]; ok {
				fault("artifact %q lies inside artifact %q", name, outer)
			}
		}
	}
	for _, s := range stages {
		for i, name := range s.Needs {
			if _, ok := maker[name]; !ok {
				fault("stage %s: needs %q, which no stage makes", s.Name, name)
			}
			if slices.Contains(s.Needs[:i], name) {
				fault("stage %s: needs %q twice", s.Name, name)
			}
		}
	}
	return faults
}

// badArtifact says why a name cannot be an artifact's; "" if it can.
func badArtifact(name string) string {
	bare := strings.TrimSuffix(name, "/")
	switch {
	case bare == "", path.Clean(bare) != bare, !filepath.IsLocal(filepath.FromSlash(bare)), strings.Contains(bare, "\\"):
		return "not a clean path inside the run folder"
	case strings.HasPrefix(bare, "."), strings.SplitN(bare, "/", 2)[0] == manifestFile, strings.SplitN(bare, "/", 2)[0] == logFolder:
		return "the name is reserved"
	}
	return ""
}

// order returns the stages' indices so that makers come before those who need
// what they make, and otherwise in the order of the table.
func order(stages []Stage) ([]int, error) {
	maker := map[string]int{}
	for i, s := range stages {
		for _, name := range s.Makes {
			maker[name] = i
		}
	}
	const (
		unseen = iota
		open
		done
	)
	state := make([]int, len(stages))
	var out, path []int
	var visit func(i int) error
	visit = func(i int) error {
		switch state[i] {
		case done:
			return nil
		case open:
			from := slices.Index(path, i)
			var names []string
			for _, k := range append(path[from:], i) {
				names = append(names, stages[k].Name)
			}
			return fmt.Errorf("pipeline: cycle: %s (each needs what the next makes)", strings.Join(names, " → "))
		}
		state[i] = open
		path = append(path, i)
		for _, name := range stages[i].Needs {
			if k, ok := maker[name]; ok {
				if err := visit(k); err != nil {
					return err
				}
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		out = append(out, i)
		return nil
	}
	for i := range stages {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return out, nil
}
