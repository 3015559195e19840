package datasets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Example is one image as it is stored, before any resizing.
type Example struct {
	Image []byte // [H, W, 3] RGB
	W, H  int
	Label int // index into Classes

	Objects []Object // what is where, of data for detection: Category indexes Classes, Image is not used
}

// Dataset is an ordered list of labelled images. It gives the same Example
// for the same index every time and may be used by several goroutines.
type Dataset interface {
	Len() int
	// At decodes image i; an index outside [0, Len) is an error.
	At(ctx context.Context, i int) (Example, error)
	// Classes are the names of the labels, in their order.
	Classes() []string
}

// NameOf is what image i is called: its file's name where it is a file, else its
// number.
func NameOf(ds Dataset, i int) string {
	if named, ok := ds.(interface{ Name(i int) string }); ok {
		return named.Name(i)
	}
	return strconv.Itoa(i)
}

// LabelOf is the label of image i without decoding it, where the data set knows
// it without: of a broken image too.
func LabelOf(ds Dataset, i int) (label int, known bool) {
	if labelled, ok := ds.(interface{ Label(i int) (int, bool) }); ok {
		return labelled.Label(i)
	}
	return 0, false
}

// Settings say which images to use. The zero value is the built-in glyphs.
type Settings struct {
	Kind string // one of Kinds(); "" = "glyphs"
	Path string // file or folder; unused by glyphs

	// How many images each split has at most; 0 = the kind's default (glyphs:
	// 20,000, 2,000 and 2,000; files: everything for Train and Test, a tenth
	// of the training images but at most 5,000 for Val).
	Train, Val, Test int

	Size   int    // side of the square images that Load makes, in pixels; 0 = 32
	Resize int    // length that the short side is scaled to before the central Size x Size is cut out; 0 = Size
	Seed   uint64 // of the split and of the glyphs

	Difficulty float64 // glyphs: strength of warp, clutter and occlusion; 0 = 1

	// Normalisation of pixels in [0,1]; a zero Std = both are measured on
	// training images.
	Mean, Std [3]float32
}

// Info describes a Set.
type Info struct {
	Kind, Name string
	Digest     string // SHA-256, in hex, of the images' content and of the settings that choose among them
	Classes    []string
	Size       int        // side of the images that Load makes, in pixels
	Resize     int        // see Settings
	Mean, Std  [3]float32 // of R, G, B in [0,1]
	Augment    Augment    // what suits these images when training
	Scenes     bool       // objects in whole images, for detection
}

// Set is three splits of one data set that share no image.
type Set struct {
	Train, Val, Test Dataset
	Info             Info
}

// kind is a row of the table of data sets.
type kind struct {
	open    func(ctx context.Context, s Settings) (*Set, error)
	augment Augment
	scenes  bool // objects in whole images, not one label an image
}

// kinds lists what Open can open.
var kinds = map[string]kind{
	"glyphs":  {openGlyphs, Augment{Pad: 2}, false}, // no flip: a mirrored letter is no letter
	"scenes":  {openScenes, Augment{}, true},
	"parquet": {openParquet, Augment{Pad: 4, Flip: true}, false},
	"folder":  {openFolder, Augment{Pad: 4, Flip: true}, false},
	"list":    {openList, Augment{Pad: 4, Flip: true}, false},
}

// Kinds are the names of the data sets that Open knows, in alphabetic order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Open finds the images that s names; none is decoded but those that the
// normalisation is measured on.
func Open(ctx context.Context, s Settings) (*Set, error) {
	if s.Kind == "" {
		s.Kind = "glyphs"
	}
	k, ok := kinds[s.Kind]
	if !ok {
		return nil, fmt.Errorf("datasets: open: unknown kind %q (known: %s)", s.Kind, strings.Join(Kinds(), ", "))
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	set, err := k.open(ctx, s)
	if err != nil {
		return nil, err
	}
	set.Info.Kind, set.Info.Size, set.Info.Resize, set.Info.Augment = s.Kind, s.Size, s.Resize, k.augment
	set.Info.Scenes = k.scenes
	set.Info.Classes = set.Train.Classes()
	set.Info.Digest = s.digest(set.Info.Digest)
	set.Info.Mean, set.Info.Std = s.Mean, s.Std
	if s.Std == [3]float32{} {
		err = set.measure(ctx)
	}
	if err != nil {
		return nil, err
	}
	return set, nil
}

// check refuses nonsense and fills in the defaults that all kinds share.
func (s *Settings) check() error {
	if s.Train < 0 || s.Val < 0 || s.Test < 0 {
		return fmt.Errorf("datasets: open: counts %d, %d, %d of train, val, test (none may be negative)", s.Train, s.Val, s.Test)
	}
	if s.Size == 0 {
		s.Size = 32
	}
	if s.Resize == 0 {
		s.Resize = s.Size
	}
	if s.Size < 8 || s.Size > maxSide || s.Resize < s.Size || s.Resize > maxSide {
		return fmt.Errorf("datasets: open: size %d, resize %d (need 8 <= size <= resize <= %d)", s.Size, s.Resize, maxSide)
	}
	for c, v := range s.Std {
		if s.Std != [3]float32{} && !(v > 0 && s.Mean[c] >= 0 && s.Mean[c] <= 1) {
			return fmt.Errorf("datasets: open: mean %v, std %v (need mean in [0,1] and std > 0 in every channel)", s.Mean, s.Std)
		}
	}
	if !(s.Difficulty >= 0 && s.Difficulty <= 4) {
		return fmt.Errorf("datasets: open: difficulty %v (need 0 to 4)", s.Difficulty)
	}
	return nil
}

// digest mixes the content's hash with every setting that changes what a split
// holds. Mean and Std are left out: they do not change the images.
func (s Settings) digest(content string) string {
	h := sha256.New()
	fmt.Fprintf(h, "hanas dataset 1\n%s %s\n%d %d %d\n%d %d\n%d %g\n",
		s.Kind, content, s.Train, s.Val, s.Test, s.Size, s.Resize, s.Seed, s.Difficulty)
	return hex.EncodeToString(h.Sum(nil))
}

// Load decodes a split of the set at its size, with its normalisation.
func (s *Set) Load(ctx context.Context, ds Dataset, workers int) (*Images, error) {
	return s.LoadReadable(ctx, ds, workers, nil)
}

// LoadReadable is Load without the images that cannot be read, of which broken is
// told in their order.
func (s *Set) LoadReadable(ctx context.Context, ds Dataset, workers int, broken func(i int, err error)) (*Images, error) {
	im, err := LoadFit(ctx, ds, Fit{Size: s.Info.Size, Resize: s.Info.Resize, Whole: s.Info.Scenes, Broken: broken}, workers)
	if err != nil {
		return nil, err
	}
	im.Mean, im.Std = s.Info.Mean, s.Info.Std
	return im, nil
}

// outOfRange is the error of Dataset.At for a bad index.
func outOfRange(name string, i, n int) error {
	return fmt.Errorf("datasets: %s: image %d is outside [0,%d)", name, i, n)
}
