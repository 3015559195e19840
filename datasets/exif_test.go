package datasets

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

// withOrientation puts an EXIF block behind the start of a JPEG file.
func withOrientation(file []byte, order binary.AppendByteOrder, mark string, value uint16) []byte {
	tiff := order.AppendUint16([]byte(mark), 42)
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, value)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	body := append([]byte("Exif\x00\x00"), tiff...)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(out, body...), file[2:]...)
}

// quarters is a 32x16 picture: red, green over blue, white.
func quarters(t testing.TB) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 32, 16))
	for y := range 16 {
		for x := range 32 {
			m.Set(x, y, [2][2]color.RGBA{
				{{255, 0, 0, 255}, {0, 255, 0, 255}},
				{{0, 0, 255, 255}, {255, 255, 255, 255}},
			}[y/8][x/16])
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// corners names the colours at the four corners, row by row.
func corners(ex Example) string {
	name := func(x, y int) string {
		p := ex.Image[3*(y*ex.W+x):]
		return [8]string{1: "r", 2: "g", 4: "b", 7: "w"}[int(p[0])>>7|int(p[1])>>7<<1|int(p[2])>>7<<2]
	}
	return name(2, 2) + name(ex.W-3, 2) + name(2, ex.H-3) + name(ex.W-3, ex.H-3)
}

// TestOrientation: where the stored corners (r g / b w) appear, from the table
// of EXIF 2.3, 4.6.4 A: which visual edges row 0 and column 0 are.
func TestOrientation(t *testing.T) {
	file := quarters(t)
	want := []string{
		0: "rgbw",
		1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", // row 0 top, top, bottom, bottom
		5: "rbgw", // row 0 left, column 0 top
		6: "brwg", // row 0 right, column 0 top
		7: "wgbr", // row 0 right, column 0 bottom
		8: "gwrb", // row 0 left, column 0 bottom
		9: "rgbw",
	}
	for value, corner := range want {
		for mark, order := range map[string]binary.AppendByteOrder{"II": binary.LittleEndian, "MM": binary.BigEndian} {
			ex, err := Decode(withOrientation(file, order, mark, uint16(value)))
			if err != nil {
				t.Fatal(err)
			}
			if got := corners(ex); got != corner {
				t.Errorf("%s orientation %d: corners %s, want %s", mark, value, got, corner)
			}
			if tall := value >= 5 && value <= 8; tall != (ex.H > ex.W) {
				t.Errorf("orientation %d: %dx%d", value, ex.W, ex.H)
			}
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(withOrientation(quarters(f), binary.LittleEndian, "II", 6))
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xE1, 0, 9, 'E', 'x', 'i', 'f', 0, 0, 'M'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := orientation(data); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}
