// Onnxchecker writes a file of every kind that hanas exports, for check.py,
// which has Debian's python3-onnx look at them.
//
//	go run ./bench/onnxchecker DIR && python3 bench/onnxchecker/check.py DIR
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"hanas/export"
	"hanas/onnx"
	"hanas/space"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("onnxchecker: say the folder for the files")
	}
	if err := write(os.Args[1]); err != nil {
		log.Fatal("onnxchecker: ", err)
	}
}

func write(dir string) error {
	networks := map[string][]space.Layer{}
	for _, name := range []string{"mobilenet-v2-0.35-96", "mobilenet-v3-small"} { // ReLU6; hard-swish and gates
		b, err := space.FindBaseline(name)
		if err != nil {
			return err
		}
		networks[name] = b.Layers()
	}
	sp, err := space.Preset("quick-coco")
	if err != nil {
		return err
	}
	networks["detector"] = sp.Layers(sp.Largest())
	for name, layers := range networks {
		for _, bits := range [][2]int{{2, 2}, {4, 4}, {8, 8}, {16, 16}, {4, 16}, {16, 8}} {
			n := export.Random(name, space.WithUniformBits(layers, bits[0], bits[1]), 1)
			for _, p := range export.Profiles {
				m, err := export.Build(n, export.Settings{Profile: p})
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				file := strings.TrimSuffix(fmt.Sprintf("%s w%da%d %s", name, bits[0], bits[1], p), " ")
				if err := onnx.WriteFile(filepath.Join(dir, strings.ReplaceAll(file, " ", "_")+".onnx"), m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
