package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"

	"hanas/datasets"
	"hanas/eval"
	"hanas/internal/atomicfile"
)

// imageResult is a row of --results: what a classifier says of an image.
type imageResult struct {
	Image  string  `json:"image"` // name of its file, else its number
	Label  int     `json:"label"`
	Class  string  `json:"class"`  // the label's name
	Right1 bool    `json:"right1"` // the label is first
	Right5 bool    `json:"right5"` // the label is among the first five
	Top    []guess `json:"top"`    // the five likeliest, or all there are
	Error  string  `json:"error,omitempty"`
}

// guess is a class and its softmax probability.
type guess struct {
	Label       int     `json:"label"`
	Class       string  `json:"class"`
	Probability float64 `json:"probability"`
}

// resultForms are the files of --results by their ending.
var resultForms = map[string]func([]imageResult) ([]byte, error){".csv": resultsCSV, ".jsonl": resultsJSONL}

const mostGuesses = 5

// resultOf ranks the logits of an image; of equal ones the lowest index is first.
func resultOf(name string, label int, logits []float32, classes []string) imageResult {
	called := func(c int) string {
		if c < len(classes) {
			return classes[c]
		}
		return strconv.Itoa(c)
	}
	r := imageResult{Image: name, Label: label, Class: called(label)}
	for k, g := range eval.Guesses(logits, mostGuesses) {
		r.Top = append(r.Top, guess{g.Class, called(g.Class), g.Probability})
		r.Right1, r.Right5 = r.Right1 || k == 0 && g.Class == label, r.Right5 || g.Class == label
	}
	return r
}

// brokenResult is the row of an image that cannot be read; its label is -1 where
// only the image itself would tell.
func brokenResult(ds datasets.Dataset, i int, why error) imageResult {
	r := imageResult{Image: datasets.NameOf(ds, i), Label: -1, Error: why.Error()}
	if label, known := datasets.LabelOf(ds, i); known {
		r.Label, r.Class = label, strconv.Itoa(label)
		if names := ds.Classes(); label >= 0 && label < len(names) {
			r.Class = names[label]
		}
	}
	return r
}

// writeResults writes rows, whole or not at all, in the form of the file's ending.
func writeResults(file string, rows []imageResult) error {
	text, err := resultForms[filepath.Ext(file)](rows)
	if err != nil {
		return fmt.Errorf("cli: results: %w", err)
	}
	return atomicfile.Write(file, text)
}

func resultsJSONL(rows []imageResult) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, r := range rows {
		if err := e.Encode(r); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func resultsCSV(rows []imageResult) ([]byte, error) {
	head := []string{"image", "label", "class", "right1", "right5"}
	for k := range mostGuesses {
		head = append(head, fmt.Sprint("top", k+1), fmt.Sprint("class", k+1), fmt.Sprint("probability", k+1))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(append(head, "error")); err != nil {
		return nil, err
	}
	for _, r := range rows {
		line := []string{r.Image, strconv.Itoa(r.Label), r.Class, strconv.FormatBool(r.Right1), strconv.FormatBool(r.Right5)}
		for k := range mostGuesses {
			if k >= len(r.Top) {
				line = append(line, "", "", "")
				continue
			}
			line = append(line, strconv.Itoa(r.Top[k].Label), r.Top[k].Class, strconv.FormatFloat(r.Top[k].Probability, 'g', 6, 64))
		}
		if err := w.Write(append(line, r.Error)); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
