package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hanas/datasets"
	"hanas/eval"
	"hanas/onnx"
	"hanas/space"
)

// card is what a file made elsewhere does not say about itself: the JSON file
// MODEL.card.json beside MODEL.onnx, or the one given by --card.
type card struct {
	Decoder string      `json:"decoder"` // of boxes; "" = the network classifies
	Size    int         `json:"size"`    // side of the input, where the graph leaves it open
	Resize  int         `json:"resize"`  // short side before the central cut, classification
	Fit     string      `json:"fit"`     // boxes: "letterbox" (default) or "stretch"
	Order   string      `json:"order"`   // boxes: "RGB" (default) or "BGR"
	Mean    *[3]float32 `json:"mean"`    // of pixels in [0,1], in the order of the channels
	Std     *[3]float32 `json:"std"`
	Score   float64     `json:"score"`   // boxes below are dropped
	Overlap float64     `json:"overlap"` // of non-maximum suppression
	Labels  []string    `json:"labels"`  // boxes: names of the classes, as the categories have them; none = in their order
}

// cardName is where the card of a model lies.
func cardName(model string) string { return strings.TrimSuffix(model, ".onnx") + ".card.json" }

// readCard reads the card of a model; without one it is empty.
func readCard(given, model string) (c card, err error) {
	path := given
	if path == "" {
		path = cardName(model)
	}
	data, err := os.ReadFile(path)
	if given == "" && errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, badInput(fmt.Errorf("card: %w", err))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return c, badInput(fmt.Errorf("card %s: %w", path, err))
	}
	if err := c.check(); err != nil {
		return c, badInput(fmt.Errorf("card %s: %w", path, err))
	}
	return c, nil
}

func (c card) check() error {
	switch {
	case c.Fit != "" && c.Fit != "letterbox" && c.Fit != "stretch":
		return fmt.Errorf("fit %q (want letterbox or stretch)", c.Fit)
	case c.Order != "" && c.Order != "RGB" && c.Order != "BGR":
		return fmt.Errorf("order %q (want RGB or BGR)", c.Order)
	case c.Order == "BGR" && c.Decoder == "":
		return errors.New("order BGR works with a decoder only")
	case c.Size < 0 || c.Resize < 0 || c.Score < 0 || c.Overlap < 0 || c.Overlap > 1:
		return errors.New("size, resize, score and overlap may not be negative, overlap not above 1")
	case (c.Mean == nil) != (c.Std == nil):
		return errors.New("mean and std go together")
	}
	if c.Std != nil && !(c.Std[0] > 0 && c.Std[1] > 0 && c.Std[2] > 0) {
		return fmt.Errorf("std %v (want all above 0)", *c.Std)
	}
	return nil
}

// boxes scores a detector on COCO-format data.
func (v *validator) boxes(ctx context.Context, c card, m *onnx.Model, r onnx.Runner) (*eval.Boxes, int, error) {
	_, path, _ := strings.Cut(v.data, ":")
	s, folder, err := datasets.OpenCOCO(path, v.split)
	if err != nil {
		return nil, 0, badInput(err)
	}
	if v.limit > 0 && v.limit < len(s.Images) {
		s.First(v.limit)
	}
	d := eval.Detector{
		Decoder: c.Decoder, BGR: c.Order == "BGR", Score: c.Score, Overlap: c.Overlap, Labels: c.Labels,
		Square: datasets.Square{Size: c.Size, Stretch: c.Fit == "stretch"},
	}
	if size, err := inputSize(m); err == nil {
		d.Square.Size = size
	} else if c.Size == 0 {
		return nil, 0, badInput(err)
	}
	if c.Mean != nil {
		d.Mean, d.Std = *c.Mean, *c.Std
	}
	dets, err := eval.Detect(ctx, r, d, s, folder)
	if err != nil {
		return nil, 0, err
	}
	score, err := eval.ScoreBoxes(ctx, s, dets, 0)
	if err != nil {
		return nil, 0, err
	}
	return &score, len(s.Images), nil
}

// orOwn is the card with what a detector of ours says of itself; a card in hand
// goes first.
func (c card) orOwn(m *onnx.Model) (card, error) {
	if c.Decoder != "" || m.Meta("hanas.task") != space.Locate {
		return c, nil
	}
	mean, err := triple(m.Meta("hanas.mean"))
	if err != nil {
		return c, err
	}
	std, err := triple(m.Meta("hanas.std"))
	if err != nil {
		return c, err
	}
	c.Decoder, c.Overlap = "boxes", 1 // the file has suppressed what overlaps
	if told := m.Meta("hanas.labels"); c.Labels == nil && told != "" {
		c.Labels = strings.Split(told, "\n")
	}
	if c.Mean == nil {
		c.Mean, c.Std = &mean, &std
	}
	return c, nil
}

// scenes scores a detector of ours on drawn scenes: those of its run, if the
// file lies in one.
func (v *validator) scenes(ctx context.Context, c card, m *onnx.Model, r onnx.Runner, file string) (*eval.Boxes, int, error) {
	if c.Decoder != "boxes" {
		return nil, 0, badInput(fmt.Errorf("--data scenes with decoder %q (write them with `hanas scenes` and use --data coco:FOLDER)", c.Decoder))
	}
	set, err := v.open(ctx, file, c, m)
	if err != nil {
		return nil, 0, err
	}
	images, err := v.whole(ctx, set, v.splitOf(set))
	if err != nil {
		return nil, 0, err
	}
	d, err := eval.NewDetections(images.Images, eval.Settings{Limit: v.limit})
	if err != nil {
		return nil, 0, err
	}
	score, err := d.Run(ctx, r)
	return &score, d.Len(), err
}
