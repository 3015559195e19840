package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Step is what a run would do with a stage, and why.
type Step struct {
	Stage Stage
	// Fresh says that there is nothing to do.
	Fresh bool
	// Reason says why the stage would run; empty if it is fresh.
	Reason string
	// ActionID is empty while an input is yet to be made: if that turns out as
	// it was before, the stage is fresh after all.
	ActionID ActionID
}

// Plan says what a run in dir would do, in an order in which it could be done.
// It changes nothing.
func Plan(dir string, stages []Stage) ([]Step, error) {
	if err := Validate(stages); err != nil {
		return nil, err
	}
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	sequence, err := order(stages)
	if err != nil {
		return nil, err
	}
	stale := map[string]string{} // artifact -> its maker, which would run
	hashes := map[string]string{}
	steps := make([]Step, 0, len(stages))
	for _, i := range sequence {
		s := stages[i]
		step := Step{Stage: s}
		if maker := firstStale(s.Needs, stale); maker != "" {
			step.Reason = "waits for " + maker
		} else {
			v, err := judge(dir, &s, m.Stages[s.Name], hashes)
			if err != nil {
				return nil, err
			}
			step.Fresh, step.Reason, step.ActionID = v.reason == "", v.reason, v.action
		}
		for _, name := range s.Makes {
			if !step.Fresh {
				stale[name] = s.Name
			} else {
				hashes[name] = m.Stages[s.Name].Artifacts[name].Hash
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func firstStale(needs []string, stale map[string]string) string {
	for _, name := range needs {
		if maker, ok := stale[name]; ok {
			return maker
		}
	}
	return ""
}

// verdict is what judge finds of one stage.
type verdict struct {
	action ActionID
	inputs map[string]string // artifact -> content hash
	reason string            // why it must run; "" = fresh
	stamps map[string]string // artifacts whose stamp changed and whose content did not
}

// judge compares a stage with its record (nil = never ran) and with the files.
// hashes are the content hashes of all artifacts made so far.
func judge(dir string, s *Stage, r *Record, hashes map[string]string) (verdict, error) {
	v := verdict{inputs: map[string]string{}, stamps: map[string]string{}}
	for _, name := range s.Needs {
		v.inputs[name] = hashes[name]
	}
	var err error
	if v.action, err = actionID(s, v.inputs); err != nil {
		return v, err
	}
	if r == nil {
		v.reason = "never ran here"
		return v, nil
	}
	if r.Action != v.action {
		v.reason = whatChanged(s, r, v.inputs)
		return v, nil
	}
	for _, name := range s.Makes {
		if v.reason = v.compare(dir, name, r.Artifacts[name]); v.reason != "" {
			return v, nil
		}
	}
	return v, nil
}

// compare says how an artifact differs from its record; "" = it does not.
func (v *verdict) compare(dir, name string, want Artifact) string {
	file := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Stat(file)
	if os.IsNotExist(err) {
		return fmt.Sprintf("artifact %s is missing", name)
	}
	if err == nil && kindFault(name, info) == nil {
		var now string
		if now, err = stamp(file); err == nil && now == want.Stamp {
			return ""
		}
	}
	if err != nil {
		return fmt.Sprintf("artifact %s cannot be read: %v", name, err)
	}
	got, err := describe(file)
	if err != nil {
		return fmt.Sprintf("artifact %s cannot be read: %v", name, err)
	}
	if got.Hash != want.Hash || kindFault(name, info) != nil {
		return fmt.Sprintf("artifact %s is damaged: its content is not what was recorded", name)
	}
	v.stamps[name] = got.Stamp
	return ""
}

// whatChanged explains why the action of a record is no longer the stage's.
func whatChanged(s *Stage, r *Record, inputs map[string]string) string {
	var why []string
	if r.Version != s.Version {
		why = append(why, fmt.Sprintf("version %d → %d", r.Version, s.Version))
	}
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		if r.Inputs[name] != inputs[name] {
			why = append(why, "input "+name+" changed")
		}
	}
	if now, err := json.Marshal(s.Settings); err == nil {
		why = append(why, diffSettings(r.Settings, now)...)
	}
	if len(why) == 0 {
		why = append(why, "its inputs or outputs were declared otherwise")
	}
	return strings.Join(why, "; ")
}

// diffSettings names what differs between two JSON values, by key path.
func diffSettings(before, after []byte) []string {
	var a, b any
	if json.Unmarshal(before, &a) != nil || json.Unmarshal(after, &b) != nil {
		return []string{"settings changed"}
	}
	const enough = 3
	all := diffValues("", a, b)
	if len(all) > enough {
		all = append(all[:enough], fmt.Sprintf("and %d more", len(all)-enough))
	}
	return all
}

func diffValues(path string, a, b any) []string {
	ma, mb := fields(a), fields(b)
	if ma == nil || mb == nil {
		ta, tb := shortJSON(a), shortJSON(b)
		if ta == tb {
			return nil
		}
		return []string{strings.TrimPrefix(path+": ", ": ") + clip(ta) + " → " + clip(tb)}
	}
	keys := maps.Clone(ma)
	maps.Copy(keys, mb)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		out = append(out, diffValues(strings.TrimPrefix(path+"."+k, "."), ma[k], mb[k])...)
	}
	return out
}

// fields are the parts of an object, or of a list that holds objects or lists;
// nil for what is shown as a whole.
func fields(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	list, _ := v.([]any)
	m := map[string]any{}
	deep := false
	for i, e := range list {
		m[fmt.Sprintf("[%d]", i)] = e
		switch e.(type) {
		case map[string]any, []any:
			deep = true
		}
	}
	if !deep {
		return nil
	}
	return m
}

func shortJSON(v any) string {
	data, _ := json.Marshal(v) // v came out of json.Unmarshal
	return string(data)
}

func clip(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
