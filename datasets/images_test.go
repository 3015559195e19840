package datasets_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"

	"hanas/datasets"
)

// hugeHeader rewrites the size in a PNG's header, with a right checksum.
func hugeHeader(png []byte, w, h uint32) []byte {
	out := slices.Clone(png)
	binary.BigEndian.PutUint32(out[16:], w)
	binary.BigEndian.PutUint32(out[20:], h)
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

// counted is a 2x2 image whose values are 0..11 in each pixel and channel.
func counted() *datasets.Images {
	im := &datasets.Images{Size: 2, Labels: []int32{7, 3}, Classes: make([]string, 9), Mean: [3]float32{0.5, 0, 0.25}, Std: [3]float32{0.5, 1, 2}}
	for i := range 24 {
		im.Pixels = append(im.Pixels, uint8(i*10))
	}
	return im
}

func TestBatchNormalises(t *testing.T) {
	im := counted()
	dst, labels := make([]float32, 24), make([]int32, 2)
	if err := im.Batch(dst, labels, []int{1, 0}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(labels, []int32{3, 7}) {
		t.Errorf("labels are %v", labels)
	}
	for k, i := range []int{1, 0} {
		for c := range 3 {
			for p := range 4 {
				want := (float32(im.Pixels[i*12+c*4+p])/255 - im.Mean[c]) / im.Std[c]
				if got := dst[k*12+c*4+p]; got != want {
					t.Errorf("image %d channel %d pixel %d is %v, want %v", i, c, p, got, want)
				}
			}
		}
	}
	for name, err := range map[string]error{
		"short dst": im.Batch(dst[:12], nil, []int{0, 1}), "labels": im.Batch(dst, labels[:1], []int{0, 1}),
		"index": im.Batch(dst[:12], nil, []int{2}), "negative": im.Batch(dst[:12], nil, []int{-1}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestAugment compares every variation that a Pad of 1 with Flip can make with
// a hand-written table of where each pixel comes from.
func TestAugment(t *testing.T) {
	im := counted()
	im.Mean, im.Std = [3]float32{}, [3]float32{1. / 255, 1. / 255, 1. / 255} // so that values are pixels
	im.Pixels = im.Pixels[:12]
	for p := range im.Pixels {
		im.Pixels[p] = uint8(p%4) + 1 // 1 2 / 3 4 in each channel
	}
	im.Labels = im.Labels[:1]
	want := map[[4]float32]bool{ // shifts of 1 2 / 3 4 and of its mirror 2 1 / 4 3
		{1, 2, 3, 4}: true, {0, 1, 0, 3}: true, {2, 0, 4, 0}: true, {0, 0, 1, 2}: true, {3, 4, 0, 0}: true,
		{4, 0, 0, 0}: true, {0, 3, 0, 0}: true, {0, 0, 2, 0}: true, {0, 0, 0, 1}: true,
		{2, 1, 4, 3}: true, {0, 2, 0, 4}: true, {1, 0, 3, 0}: true, {0, 0, 2, 1}: true, {4, 3, 0, 0}: true,
		{3, 0, 0, 0}: true, {0, 4, 0, 0}: true, {0, 0, 1, 0}: true, {0, 0, 0, 2}: true,
	}
	seen := map[[4]float32]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	dst := make([]float32, 12)
	for range 3000 {
		if err := im.AugmentedBatch(dst, nil, []int{0}, datasets.Augment{Pad: 1, Flip: true}, rng); err != nil {
			t.Fatal(err)
		}
		var got [4]float32
		for p := range got {
			got[p] = float32(int(dst[p] + 0.5))
		}
		if !want[got] {
			t.Fatalf("variation %v is impossible", got)
		}
		seen[got]++
	}
	for v := range want {
		if n := seen[v]; n < 100 || n > 250 { // 167 expected of each of 18
			t.Errorf("variation %v came %d times of 3000", v, n)
		}
	}
}

func TestAugmentIsDeterministic(t *testing.T) {
	g, err := datasets.Glyphs(datasets.Settings{}, 0, 20)
	if err != nil {
		t.Fatal(err)
	}
	im, err := datasets.Load(t.Context(), g, 32, 2)
	if err != nil {
		t.Fatal(err)
	}
	draw := func(seed uint64) []float32 {
		dst := make([]float32, 20*3*32*32)
		idx := make([]int, 20)
		for i := range idx {
			idx[i] = i
		}
		if err := im.AugmentedBatch(dst, nil, idx, datasets.Augment{Pad: 4, Flip: true}, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		return dst
	}
	if !slices.Equal(draw(1), draw(1)) || slices.Equal(draw(1), draw(2)) {
		t.Error("the same seed must give the same batch, another seed another")
	}
}

func TestDecode(t *testing.T) {
	want := []byte{10, 20, 30, 40, 50, 60}
	nrgba := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	copy(nrgba.Pix, []byte{10, 20, 30, 255, 40, 50, 60, 255})
	paletted := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.NRGBA{10, 20, 30, 255}, color.NRGBA{40, 50, 60, 255}})
	paletted.Pix[1] = 1
	deep := image.NewNRGBA64(image.Rect(0, 0, 2, 1))
	for x := range 2 {
		deep.Set(x, 0, nrgba.At(x, 0))
	}
	gray := image.NewGray(image.Rect(0, 0, 2, 1))
	gray.Pix[0], gray.Pix[1] = 7, 200
	for name, c := range map[string]struct {
		img  image.Image
		want []byte
	}{"nrgba": {nrgba, want}, "paletted": {paletted, want}, "16 bits": {deep, want}, "gray": {gray, []byte{7, 7, 7, 200, 200, 200}}} {
		var b bytes.Buffer
		if err := png.Encode(&b, c.img); err != nil {
			t.Fatal(err)
		}
		ex, err := datasets.Decode(b.Bytes())
		if err != nil || ex.W != 2 || ex.H != 1 || !bytes.Equal(ex.Image, c.want) {
			t.Errorf("%s: %dx%d %v (%v), want %v", name, ex.W, ex.H, ex.Image, err, c.want)
		}
	}
}

// TestFit cuts the centre of an image whose thirds have different colours.
func TestFit(t *testing.T) {
	const w, h = 90, 30
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, []color.Color{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255}, color.NRGBA{0, 0, 255, 255}}[x/30])
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	ds := oneImage(t, b.Bytes())
	for _, fit := range []datasets.Fit{{Size: 10}, {Size: 30}, {Size: 60}, {Size: 10, Resize: 12}} {
		im, err := datasets.LoadFit(t.Context(), ds, fit, 1)
		if err != nil {
			t.Fatal(err)
		}
		middle := fit.Size/2*fit.Size + fit.Size/2
		plane := fit.Size * fit.Size
		if r, g, bl := im.Pixels[middle], im.Pixels[plane+middle], im.Pixels[2*plane+middle]; r != 0 || g != 255 || bl != 0 {
			t.Errorf("%+v: the middle is %d %d %d", fit, r, g, bl)
		}
	}
}

func oneImage(t *testing.T, data []byte) datasets.Dataset {
	t.Helper()
	root := t.TempDir()
	for _, class := range []string{"a", "b", "c"} {
		write(t, root, class+"/1.png", data)
	}
	set, err := datasets.Open(t.Context(), datasets.Settings{Kind: "folder", Path: root, Val: 1, Test: 1})
	if err != nil {
		t.Fatal(err)
	}
	return set.Test
}

func FuzzDecode(f *testing.F) {
	f.Add(plain(f, 3, 2, color.White))
	f.Add([]byte("\xff\xd8\xff\xe0"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))
	f.Fuzz(func(t *testing.T, data []byte) {
		ex, err := datasets.Decode(data)
		if err == nil && len(ex.Image) != 3*ex.W*ex.H {
			t.Errorf("%dx%d in %d bytes", ex.W, ex.H, len(ex.Image))
		}
	})
}
