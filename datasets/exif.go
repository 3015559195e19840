package datasets

import (
	"bytes"
	"encoding/binary"
)

// orientation is the EXIF orientation of a JPEG file, 1 to 8 (EXIF 2.3, tag
// 0x0112); 1, as stored, where the file says nothing that can be understood.
func orientation(data []byte) int {
	if !bytes.HasPrefix(data, []byte{0xFF, 0xD8}) {
		return 1
	}
	for data = data[2:]; len(data) >= 4 && data[0] == 0xFF; {
		if data[1] == 0xFF { // fill byte before a marker
			data = data[1:]
			continue
		}
		marker, n := data[1], int(binary.BigEndian.Uint16(data[2:]))
		if marker == 0xDA || n < 2 || n+2 > len(data) { // pixels begin, or cut short
			return 1
		}
		if body, ok := bytes.CutPrefix(data[4:n+2], []byte("Exif\x00\x00")); ok && marker == 0xE1 {
			return tiffOrientation(body)
		}
		data = data[n+2:]
	}
	return 1
}

// tiffOrientation reads the tag from the first directory of a TIFF block.
func tiffOrientation(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(tiff[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(tiff[4:]))
	if order.Uint16(tiff[2:]) != 42 || at+2 > uint64(len(tiff)) {
		return 1
	}
	count, entries := int(order.Uint16(tiff[at:])), tiff[at+2:]
	for i := 0; i < count && len(entries) >= 12; i, entries = i+1, entries[12:] {
		const tag, short = 0x0112, 3
		if order.Uint16(entries) != tag || order.Uint16(entries[2:]) != short {
			continue
		}
		if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
			return v
		}
		return 1
	}
	return 1
}

// upright turns stored pixels into what a viewer shows. Each orientation names
// which stored edges are the top row and the left column.
func upright(ex Example, orientation int) Example {
	if orientation <= 1 || orientation > 8 {
		return ex
	}
	out := ex
	out.Image = make([]byte, len(ex.Image))
	if orientation >= 5 { // rows and columns change places
		out.W, out.H = ex.H, ex.W
	}
	for y := range ex.H {
		for x := range ex.W {
			mx, my := ex.W-1-x, ex.H-1-y
			to := [9][2]int{2: {mx, y}, 3: {mx, my}, 4: {x, my}, 5: {y, x}, 6: {my, x}, 7: {my, mx}, 8: {y, mx}}[orientation]
			copy(out.Image[3*(to[1]*out.W+to[0]):][:3], ex.Image[3*(y*ex.W+x):])
		}
	}
	return out
}
