package supernet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// statePrefix marks optimizer state among a checkpoint's tensors.
const statePrefix = "optimizer/"

// save writes weights, optimizer state and step.
func (t *Trainer) save(step int) error {
	c := t.Net.Tensors()
	c.Metadata["step"] = strconv.Itoa(step)
	c.Metadata["settings"] = t.fingerprint()
	c.Metadata["guard"] = t.guard.text()
	var err error
	if c.Metadata["attention"], err = t.attentionText(); err != nil {
		return fmt.Errorf("supernet: checkpoint %s: %w", t.Checkpoint, err)
	}
	for name, data := range t.opt.State() {
		c.Add(statePrefix+name, data, len(data))
	}
	return WriteTensors(t.Checkpoint, c)
}

// fingerprint names what a checkpoint depends on, so that one of other
// settings is not continued.
func (t *Trainer) fingerprint() string {
	set := t.Set
	set.Workers = 0 // does not change the result
	alone := ""
	if t.Arch != nil {
		alone = t.Net.Space.Key(*t.Arch)
	}
	return fmt.Sprintf("%s %d %+v %s", t.Net.Space.Hash(), t.Images.Len(), set, alone)
}

// resume loads the checkpoint if there is one and returns the step to go on
// from.
func (t *Trainer) resume() (int, error) {
	if t.Checkpoint == "" {
		return 0, nil
	}
	if _, err := os.Stat(t.Checkpoint); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	c, err := ReadTensors(t.Checkpoint)
	if err != nil {
		return 0, err
	}
	if c.Metadata["settings"] != t.fingerprint() {
		return 0, nil // of other settings: start over
	}
	step, err := strconv.Atoi(c.Metadata["step"])
	if err != nil {
		return 0, fmt.Errorf("supernet: checkpoint %s: step %q: %w", t.Checkpoint, c.Metadata["step"], err)
	}
	if t.guard.health, err = parseHealth(c.Metadata["guard"]); err != nil {
		return 0, fmt.Errorf("supernet: checkpoint %s: %w", t.Checkpoint, err)
	}
	if err := t.setAttention(c.Metadata["attention"]); err != nil {
		return 0, fmt.Errorf("supernet: checkpoint %s: %w", t.Checkpoint, err)
	}
	t.guard.good = step
	if err := t.Net.Load(c); err != nil {
		return 0, err
	}
	state := map[string][]float32{}
	for name, data := range c.Data {
		if s, ok := strings.CutPrefix(name, statePrefix); ok {
			state[s] = data
		}
	}
	return step, t.opt.SetState(state)
}
