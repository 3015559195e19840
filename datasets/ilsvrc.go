package datasets

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The forms in which the answers of ImageNet's validation images come. A form is
// known by the first line of the file.
var listForms = []struct {
	name  string
	known *regexp.Regexp
	read  func(f *files, path string, lines []numbered) error
}{
	{"LOC_val_solution.csv of Kaggle", regexp.MustCompile(`^ImageId,PredictionString$`), (*files).readSolution},
	{"ILSVRC2012_validation_ground_truth.txt of the development kit", regexp.MustCompile(`^\d+$`), (*files).readGroundTruth},
	{"a synset a line, in the order of the images", regexp.MustCompile(`^n\d{8}$`), (*files).readSynsetLines},
	{"an image and its label a line", regexp.MustCompile(`.`), (*files).readPairs},
}

// numbered is a line that says something, with its number from 1.
type numbered struct {
	at   int
	text string
}

// readList reads a list in any of its forms.
func (f *files) readList(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("datasets: list: %w", err)
	}
	defer file.Close()
	var lines []numbered
	sc := bufio.NewScanner(file)
	for at := 1; sc.Scan(); at++ {
		if text := strings.TrimSpace(sc.Text()); text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, numbered{at, text})
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("datasets: list: %s: %w", path, err)
	}
	if len(lines) == 0 {
		return fmt.Errorf("datasets: list: %s: has no lines", path)
	}
	for _, form := range listForms {
		if form.known.MatchString(lines[0].text) {
			return form.read(f, path, lines)
		}
	}
	panic("datasets: the last form takes any line")
}

// listRoots are where the images of a list may lie: beside it, in the folder that
// it is named after, or in one of the layouts of ILSVRC.
func listRoots(path string) []string {
	dir, base := filepath.Dir(path), filepath.Base(path)
	named := strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), "_map")
	return []string{dir, filepath.Join(dir, named), filepath.Join(dir, "val"), filepath.Join(dir, "ILSVRC2012_img_val"), filepath.Join(dir, "ILSVRC", "Data", "CLS-LOC", "val")}
}

// readSolution reads Kaggle's lines: the image's name, and its synset with a box
// for each object, all of the same synset.
func (f *files) readSolution(path string, lines []numbered) error {
	synsets, err := readSynsets(path)
	if err != nil {
		return err
	}
	f.classes = synsets.names
	for _, l := range lines[1:] {
		name, rest, ok := strings.Cut(l.text, ",")
		id, _, _ := strings.Cut(rest, " ")
		label, known := synsets.index[id]
		if !ok || !known {
			return fmt.Errorf("datasets: list: %s: line %d: %q names no synset of %s", path, l.at, l.text[:min(len(l.text), 60)], synsets.file)
		}
		if err := f.add(path, l.at, name+".JPEG", label); err != nil {
			return err
		}
	}
	if len(f.items) == 0 {
		return fmt.Errorf("datasets: list: %s: has no lines behind its head", path)
	}
	return nil
}

// readSynsetLines reads a synset for each validation image.
func (f *files) readSynsetLines(path string, lines []numbered) error {
	synsets, err := readSynsets(path)
	if err != nil {
		return err
	}
	f.classes = synsets.names
	for i, l := range lines {
		label, known := synsets.index[l.text]
		if !known {
			return fmt.Errorf("datasets: list: %s: line %d: synset %q is not in %s", path, l.at, l.text, synsets.file)
		}
		if err := f.add(path, l.at, validationImage(i), label); err != nil {
			return err
		}
	}
	return f.noMore(path, len(lines))
}

// readGroundTruth reads an ILSVRC2012_ID for each validation image. Which synset
// has which number only the development kit's meta.mat knows: as text it is a
// mapping file of lines "number synset".
func (f *files) readGroundTruth(path string, lines []numbered) error {
	synsets, err := readSynsets(path)
	if err != nil {
		return err
	}
	mapping := filepath.Join(filepath.Dir(path), "mapping.txt")
	data, err := os.ReadFile(mapping)
	if err != nil {
		return fmt.Errorf("datasets: list: %s has numbers of the development kit, and %w (write a mapping.txt beside it, a line \"NUMBER SYNSET\" for each, from meta.mat; or take val.txt or LOC_val_solution.csv)", path, err)
	}
	labels := map[string]int{}
	for at, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		field := strings.Fields(line)
		if len(field) < 2 {
			return fmt.Errorf("datasets: list: %s: line %d: %q is not a number and a synset", mapping, at+1, line)
		}
		label, known := synsets.index[field[1]]
		if _, twice := labels[field[0]]; !known || twice {
			return fmt.Errorf("datasets: list: %s: line %d: number %q or synset %q is there twice, or not in %s", mapping, at+1, field[0], field[1], synsets.file)
		}
		labels[field[0]] = label
	}
	f.classes = synsets.names
	for i, l := range lines {
		label, known := labels[l.text]
		if !known {
			return fmt.Errorf("datasets: list: %s: line %d: number %q is not in %s", path, l.at, l.text, mapping)
		}
		if err := f.add(path, l.at, validationImage(i), label); err != nil {
			return err
		}
	}
	return f.noMore(path, len(lines))
}

// readPairs reads lines of an image and the index of its class.
func (f *files) readPairs(path string, lines []numbered) error {
	for _, l := range lines {
		cut := strings.LastIndexAny(l.text, " \t,")
		if cut < 0 {
			return fmt.Errorf("datasets: list: %s: line %d: %q is not an image and a label", path, l.at, l.text)
		}
		label, err := strconv.Atoi(l.text[cut+1:])
		if err != nil || label < 0 || label >= maxClasses {
			return fmt.Errorf("datasets: list: %s: line %d: label %q (need 0 to %d)", path, l.at, l.text[cut+1:], maxClasses-1)
		}
		if err := f.add(path, l.at, strings.TrimSpace(l.text[:cut]), label); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) add(path string, at int, name string, label int) error {
	image, err := findImage(name, listRoots(path))
	if err != nil {
		return fmt.Errorf("datasets: list: %s: line %d: %w", path, at, err)
	}
	f.items = append(f.items, item{image, label})
	return nil
}

// validationImage is the name of the i-th validation image, from 0.
func validationImage(i int) string { return fmt.Sprintf("ILSVRC2012_val_%08d.JPEG", i+1) }

// noMore refuses a folder with more images than the list has answers: one of the
// two is cut off.
func (f *files) noMore(path string, n int) error {
	if _, err := findImage(validationImage(n), listRoots(path)); err == nil {
		return fmt.Errorf("datasets: list: %s has %d answers, and there is an image %s (is the list cut off?)", path, n, validationImage(n))
	}
	return nil
}

// synsetList names the classes: their order is that of the labels.
type synsetList struct {
	file  string
	names []string
	index map[string]int // by synset
}

// synsetFiles are where the list of synsets may be.
var synsetFiles = []string{"synsets.txt", "LOC_synset_mapping.txt", "synset_words.txt", "imagenet_lsvrc_2015_synsets.txt"}

// readSynsets finds the list of synsets beside a file: lines that begin with one,
// in the order of the labels, which is the alphabet's for all of these files.
func readSynsets(path string) (*synsetList, error) {
	dir := filepath.Dir(path)
	for _, name := range synsetFiles {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		s := &synsetList{file: filepath.Join(dir, name), index: map[string]int{}}
		var ids []string
		for at, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			id, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if _, twice := s.index[id]; twice || id == "" || len(ids) == maxClasses {
				return nil, fmt.Errorf("datasets: list: %s: line %d: synset %q is empty or there twice", s.file, at+1, id)
			}
			s.index[id] = len(ids)
			ids, s.names = append(ids, id), append(s.names, strings.TrimSpace(line))
		}
		if !slices.IsSorted(ids) {
			return nil, fmt.Errorf("datasets: list: %s: synsets are not in the order of the alphabet, which is that of the labels of every model (sort the file)", s.file)
		}
		return s, nil
	}
	return nil, fmt.Errorf("datasets: list: %s names classes by synset, and beside it is none of %s (bring one: LOC_synset_mapping.txt comes with Kaggle's archive)", path, strings.Join(synsetFiles, ", "))
}
