package datasets

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const synsetText = "n01440764 tench, Tinca tinca\nn01443537 goldfish, Carassius auratus\nn01484850 great white shark\n"

// ilsvrc makes a folder with three validation images and the files of text.
func ilsvrc(t *testing.T, folder string, texts map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "Bilder für Prüfung") // names need not be plain
	put := func(name string, data []byte) {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8+i, 8)), nil); err != nil {
			t.Fatal(err)
		}
		put(folder+"/"+validationImage(i), b.Bytes())
	}
	for name, text := range texts {
		put(name, []byte(text))
	}
	return root
}

// TestILSVRCForms: the same three images by each form of the answers, in each
// layout.
func TestILSVRCForms(t *testing.T) {
	forms := map[string]map[string]string{
		"val.txt":              {"val.txt": "ILSVRC2012_val_00000001.JPEG 2\nILSVRC2012_val_00000002.JPEG 0\nILSVRC2012_val_00000003.JPEG 1\n", "synsets.txt": synsetText},
		"LOC_val_solution.csv": {"LOC_val_solution.csv": "ImageId,PredictionString\nILSVRC2012_val_00000001,n01484850 1 2 3 4 n01484850 5 6 7 8 \nILSVRC2012_val_00000002,n01440764 1 1 2 2 \nILSVRC2012_val_00000003,n01443537 1 1 2 2\n", "LOC_synset_mapping.txt": synsetText},
		"imagenet_2012_validation_synset_labels.txt": {"imagenet_2012_validation_synset_labels.txt": "n01484850\nn01440764\nn01443537\n", "synset_words.txt": synsetText},
		"ILSVRC2012_validation_ground_truth.txt":     {"ILSVRC2012_validation_ground_truth.txt": "10\n7\n8\n", "mapping.txt": "7 n01440764\n8 n01443537 goldfish\n10 n01484850\n", "synsets.txt": synsetText},
	}
	for name, texts := range forms {
		for _, folder := range []string{".", "val", "ILSVRC2012_img_val", "ILSVRC/Data/CLS-LOC/val"} {
			root := ilsvrc(t, folder, texts)
			set, err := Open(context.Background(), Settings{Kind: "list", Path: filepath.Join(root, name)})
			if err != nil {
				t.Errorf("%s in %s: %v", name, folder, err)
				continue
			}
			if set.Test.Len() != 3 || len(set.Info.Classes) != 3 || !strings.HasPrefix(set.Info.Classes[0], "n01440764") {
				t.Fatalf("%s: %d images, classes %q", name, set.Test.Len(), set.Info.Classes)
			}
			for i, want := range []int{2, 0, 1} {
				ex, err := set.Test.At(context.Background(), i)
				if err != nil || ex.Label != want || ex.W != 8+i {
					t.Errorf("%s in %s: image %d is %d wide, class %d, %v", name, folder, i, ex.W, ex.Label, err)
				}
				if got := NameOf(set.Test, i); got != validationImage(i) {
					t.Errorf("image %d is called %q", i, got)
				}
			}
		}
	}
}

// TestILSVRCFaults: what is wrong is named with its line, and what to bring.
func TestILSVRCFaults(t *testing.T) {
	const solution = "ImageId,PredictionString\n"
	for want, texts := range map[string]map[string]string{
		"beside it is none of synsets.txt":                        {"a": "n01484850\n"},
		`line 2: synset "n99999999" is not in`:                    {"a": "n01484850\nn99999999\n", "synsets.txt": synsetText},
		"line 4: no image \"ILSVRC2012_val_00000004.JPEG\"":       {"a": "n01484850\nn01484850\nn01484850\nn01484850\n", "synsets.txt": synsetText},
		"has 2 answers, and there is an image":                    {"a": "n01484850\nn01484850\n", "synsets.txt": synsetText},
		"write a mapping.txt beside it":                           {"a": "1\n2\n3\n", "synsets.txt": synsetText},
		`line 3: number "9" is not in`:                            {"a": "1\n2\n9\n", "synsets.txt": synsetText, "mapping.txt": "1 n01440764\n2 n01443537\n"},
		`line 2: number "1" or synset "n01443537" is there twice`: {"a": "1\n", "synsets.txt": synsetText, "mapping.txt": "1 n01440764\n1 n01443537\n"},
		"line 1: \"1\" is not a number and a synset":              {"a": "1\n", "synsets.txt": synsetText, "mapping.txt": "1\n"},
		"line 2: \"ILSVRC2012_val_00000001,n5 1\" names no":       {"a": solution + "ILSVRC2012_val_00000001,n5 1\n", "synsets.txt": synsetText},
		"has no lines behind its head":                            {"a": solution, "synsets.txt": synsetText},
		"leaves the folder":                                       {"a": solution + "../x,n01440764 1 1 2 2\n", "synsets.txt": synsetText},
		"not in the order of the alphabet":                        {"a": "n01440764\n", "synsets.txt": "n01443537 b\nn01440764 a\n"},
		"is empty or there twice":                                 {"a": "n01440764\n", "synsets.txt": "n01443537 b\nn01443537 a\n"},
		"has no lines":                                            {"a": "# nothing\n"},
	} {
		root := ilsvrc(t, "val", texts)
		_, err := Open(context.Background(), Settings{Kind: "list", Path: filepath.Join(root, "a")})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
