package latency

import (
	"fmt"

	"hanas/space"
)

// nativeKeys names the key spelling of tables that Profile makes.
const nativeKeys = "layer"

// format is one spelling of row keys: how a network is split into rows, and
// how a file that uses it is read (nil for our own, which ReadTable reads).
type format struct {
	name   string
	source string // who writes it
	keys   func(layers []space.Layer) ([]string, error)
	read   func(data []byte, t *Table) error
}

// formats are all known spellings; import_*.go hold the foreign ones.
var formats = func() []format {
	all := []format{{nativeKeys, "hanas", layerKeys, nil}}
	for i := range blockFormats {
		f := &blockFormats[i]
		all = append(all, format{f.name, f.source, f.keys, readYAML})
	}
	return append(all, format{"bitfusion", "APQ (bitfusion_b1.json)", bitfusionKeys, readBitfusion})
}()

func formatOf(name string) (*format, error) {
	if name == "" {
		name = nativeKeys
	}
	for i := range formats {
		if formats[i].name == name {
			return &formats[i], nil
		}
	}
	return nil, fmt.Errorf("latency: unknown key format %q (known: %v)", name, Formats())
}

// Formats are the names of the key spellings that tables may use; all but
// "layer" can be imported.
func Formats() []string {
	var names []string
	for i := range formats {
		names = append(names, formats[i].name)
	}
	return names
}

func layerKeys(layers []space.Layer) ([]string, error) {
	keys := make([]string, len(layers))
	for i, l := range layers {
		keys[i] = l.Key()
	}
	return keys, nil
}
