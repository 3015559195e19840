package latency

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"hanas/space"
)

// Device describes what networks may run on: legal bit widths, limits, and
// where its times come from. The built-in ones are JSON files in devices/, and
// FORMAT.md tells how to write another.
type Device struct {
	Name       string     `json:"name"`
	Title      string     `json:"title"`
	Provenance Provenance `json:"provenance"` // of its times
	Source     string     `json:"source"`     // who published the figures of this file
	// Bits are the legal widths, by operator. An operator that no rule names
	// cannot run.
	Bits        []BitRule  `json:"bits"`
	MemoryBytes int64      `json:"memory_bytes,omitempty"` // for weights and activations; 0 = unknown
	PowerW      float64    `json:"power_w,omitempty"`      // while computing; 0 = unknown
	InPlace     bool       `json:"in_place,omitempty"`     // depthwise layers may overwrite their input
	RowAlign    int        `json:"row_align,omitempty"`    // bytes that packed weight rows are padded to; 0 = 1
	Tables      []TableRef `json:"tables,omitempty"`
	Models      []Roofline `json:"models,omitempty"` // one a runtime and precision, the default first
}

// BitRule allows bit widths for operators. 16 stands for float.
type BitRule struct {
	Kinds       []space.Kind `json:"kinds"`
	Weights     []int        `json:"weights,omitempty"` // empty for operators without weights
	Activations []int        `json:"activations"`
	Same        bool         `json:"same,omitempty"` // weights and activations must have equal widths
}

// TableRef is a table file of a device. The files themselves are not part of
// the program: their authors publish them, or Profile writes them.
type TableRef struct {
	File       string `json:"file"`
	Format     string `json:"format"`               // one of Formats
	Resolution int    `json:"resolution,omitempty"` // that the rows are of; 0 = any
}

//go:embed devices/*.json
var deviceFiles embed.FS

// Devices are the names of the built-in devices, sorted.
func Devices() []string {
	entries, err := fs.ReadDir(deviceFiles, "devices")
	if err != nil { // embedded: cannot fail
		panic("latency: " + err.Error())
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	return names
}

// FindDevice is a built-in device by name, or a device file by a path that
// ends in ".json".
func FindDevice(name string) (*Device, error) {
	if strings.HasSuffix(name, ".json") {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("latency: device: %w", err)
		}
		return parseDevice(name, data)
	}
	if !slices.Contains(Devices(), name) {
		return nil, fmt.Errorf("latency: no device %q (known: %s; or a device file NAME.json)", name, strings.Join(Devices(), ", "))
	}
	data, err := deviceFiles.ReadFile(path.Join("devices", name+".json"))
	if err != nil {
		return nil, fmt.Errorf("latency: device %s: %w", name, err)
	}
	return parseDevice(name, data)
}

func parseDevice(name string, data []byte) (*Device, error) {
	d := new(Device)
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("latency: device %s: %w", name, err)
	}
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("latency: device %s: %w", name, err)
	}
	return d, nil
}

// Validate reports every fault of a device.
func (d *Device) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if d.Name == "" || strings.ContainsAny(d.Name, "/\\. ") {
		fault("name: %q (want a word without slashes, dots and spaces)", d.Name)
	}
	if !slices.Contains([]Provenance{MeasuredHere, Imported, Modelled}, d.Provenance) {
		fault("provenance: %q (want measured, imported or modelled)", d.Provenance)
	}
	if d.MemoryBytes < 0 || !(d.PowerW >= 0) || d.RowAlign < 0 || d.RowAlign > 4096 {
		fault("memory_bytes, power_w or row_align is out of range")
	}
	for i, r := range d.Bits {
		if len(r.Kinds) == 0 || len(r.Activations) == 0 {
			fault("bits[%d]: no kinds or no activations", i)
		}
	}
	for i, ref := range d.Tables {
		if _, err := formatOf(ref.Format); err != nil {
			fault("tables[%d]: %w", i, err)
		}
		if ref.File != filepath.Base(ref.File) || ref.Resolution < 0 {
			fault("tables[%d]: file %q, resolution %d (want a plain file name)", i, ref.File, ref.Resolution)
		}
	}
	for i := range d.Models {
		if err := d.Models[i].validate(); err != nil {
			fault("models[%d]: %w", i, err)
		}
	}
	if len(d.Tables)+len(d.Models) == 0 {
		fault("neither tables nor models: nothing tells its times")
	}
	return errors.Join(faults...)
}

// IllegalError names every layer whose bits a device cannot run.
type IllegalError struct {
	Device string
	Layers []string // name and widths
}

func (e *IllegalError) Error() string {
	return fmt.Sprintf("latency: %s cannot run %d layers as they are (choose other bit widths):\n  %s", e.Device, len(e.Layers), strings.Join(e.Layers, "\n  "))
}

// Check returns an *IllegalError if some layer's bits are not legal here.
func (d *Device) Check(layers []space.Layer) error {
	var bad []string
	for i := range layers {
		if l := &layers[i]; !d.Legal(l.Kind, l.WBits, l.ABits) {
			bad = append(bad, fmt.Sprintf("%s: %s with %d-bit weights, %d-bit activations", l.Name, l.Kind, l.WBits, l.ABits))
		}
	}
	if bad != nil {
		return &IllegalError{d.Name, bad}
	}
	return nil
}

// Legal says whether an operator runs at these widths; wbits is 0 where it
// has no weights.
func (d *Device) Legal(kind space.Kind, wbits, abits int) bool {
	for _, r := range d.Bits {
		if !slices.Contains(r.Kinds, kind) || !slices.Contains(r.Activations, abits) {
			continue
		}
		if wbits == 0 || slices.Contains(r.Weights, wbits) && (!r.Same || wbits == abits) {
			return true
		}
	}
	return false
}
