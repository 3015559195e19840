package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ActionID names an action by everything that its answer depends on.
//
// Left out, because they do not change the answer: Doc, Exclusive, Cores, the
// run folder's path, the machine, and the program's own build. The last is
// deliberate: hashing the executable would throw every artifact away with every
// edit, so Stage.Version stands for the code and is raised by hand.
type ActionID string

// actionID hashes a stage with the content hashes of its needs, keyed by name.
func actionID(s *Stage, inputs map[string]string) (ActionID, error) {
	inputs = s.localInputs(inputs)
	s, _ = s.own()
	key := struct {
		Format   int
		Name     string
		Version  int
		Makes    []string
		Settings any
		Inputs   map[string]string // JSON sorts the keys
	}{1, s.Name, s.Version, s.Makes, s.Settings, inputs}
	data, err := json.Marshal(key)
	if err != nil {
		return "", fmt.Errorf("pipeline: stage %s: settings cannot be hashed: %w", s.Name, err)
	}
	sum := sha256.Sum256(data)
	return ActionID(hex.EncodeToString(sum[:])), nil
}

// short is enough of the ID to tell the working folders of a stage apart.
func (id ActionID) short() string { return string(id[:min(12, len(id))]) }
