package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"hanas/space"
	"hanas/supernet"
)

// supernetAnswer says what shared weights are.
type supernetAnswer struct {
	File     string            `json:"file"`
	Space    string            `json:"space"`
	Hash     string            `json:"space_hash"`
	Tensors  int               `json:"tensors"`
	Values   int               `json:"values"`
	Kernels  string            `json:"kernels"`    // "transform": made by matrices; "centre": cropped
	Running  bool              `json:"statistics"` // batch-norm statistics came with the weights
	MACs     [2]int64          `json:"macs"`       // of the smallest and largest sub-network
	Metadata map[string]string `json:"metadata,omitempty"`
}

// describe is the answer for net.
func describe(file string, net *supernet.Supernet) *supernetAnswer {
	sp := net.Space
	answer := &supernetAnswer{File: file, Space: sp.Name, Hash: sp.Hash(), Tensors: len(net.Params()), Values: net.Count(), Kernels: "centre", Running: net.HasStatistics()}
	if net.Transforms() {
		answer.Kernels = "transform"
	}
	for i, arch := range []space.Arch{sp.Smallest(), sp.Largest()} {
		answer.MACs[i] = space.Cost(sp.Layers(arch)).MACs
	}
	return answer
}

func (s *supernetAnswer) text(w io.Writer) {
	statistics := "measured on export"
	if s.Running {
		statistics = "in the file"
	}
	columns(w, [][]string{
		{"space", s.Space + " " + s.Hash},
		{"tensors", fmt.Sprint(s.Tensors)},
		{"values", fmt.Sprint(s.Values)},
		{"kernels", s.Kernels},
		{"statistics", statistics},
		{"sub-networks", fmt.Sprintf("%.1f to %.1f MMACs", float64(s.MACs[0])/1e6, float64(s.MACs[1])/1e6)},
	})
}

// supernetFormats are the readers of published supernets by name.
var supernetFormats = map[string]func(path string) (*supernet.Supernet, error){"ofa": supernet.ImportOFA}

func (a *app) supernetImportCommand() *cobra.Command {
	var format, out string
	cmd := &cobra.Command{
		Use:   "import FILE.pth --format ofa --out FILE.safetensors",
		Short: "Make shared weights of a published supernet",
		Long: `Reads a supernet that others trained, and writes it as shared weights of a built-in space.

ofa is Once-for-All's MobileNetV3 for ImageNet: ofa_mbv3_d234_e346_k357_w1.0 and w1.2, as PyTorch
wrote them (legacy or ZIP container). Nothing in the file is executed. A tensor that is missing, has
another shape, is not finite, or belongs to no layer is refused by name.`,
		Example: `  hanas supernet import ofa_mbv3_d234_e346_k357_w1.0 --format ofa --out ofa.safetensors
  hanas export --supernet ofa.safetensors --arch largest --calibrate imagenet/train --out large.onnx`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			read := supernetFormats[format]
			if read == nil {
				return usage("--format %q is not known (known: ofa)", format)
			}
			if out == "" {
				return usage("say --out FILE.safetensors")
			}
			net, err := read(args[0])
			if err != nil {
				return badInput(err)
			}
			if err := supernet.WriteTensors(out, net.Tensors()); err != nil {
				return err
			}
			answer := describe(out, net)
			return a.print(answer, answer.text)
		},
	}
	cmd.Flags().StringVar(&format, "format", "ofa", "of the file: ofa")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write")
	return cmd
}
