package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Gallery is what an exported file makes of test images.
type Gallery struct {
	Winner string  `json:"winner"` // Name of the Winner
	Score  Figure  `json:"score"`  // its figure on all test images
	First  []Shown `json:"first"`  // the first test images
	Errors []Shown `json:"errors"` // classifiers: the first that it gets wrong
}

// Shown is a test image with what the file says of it: an answer, or boxes.
type Shown struct {
	Image       []byte     `json:"image"` // PNG or JPEG
	Side        int        `json:"side"`  // in pixels
	Truth       string     `json:"truth,omitempty"`
	Answer      string     `json:"answer,omitempty"`
	Probability float64    `json:"probability,omitempty"` // of the answer
	Boxes       []ShownBox `json:"boxes,omitempty"`
}

// ShownBox is an object that is there, or that the file sees there, in pixels of
// the image.
type ShownBox struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	W     float64 `json:"w"`
	H     float64 `json:"h"`
	Class string  `json:"class"`
	Score float64 `json:"score,omitempty"` // 0 = it is there
}

// seen is an image of the page.
type seen struct {
	Picture template.HTML
	Caption string
	Mark    string // "right", "wrong", or "" with boxes
}

// galleryPart is a row of images under a heading.
type galleryPart struct {
	Text   string
	Images []seen
}

// galleryParts draws a gallery; none without images.
func galleryParts(g *Gallery) []galleryPart {
	if g == nil {
		return nil
	}
	var out []galleryPart
	for _, part := range []struct {
		text   string
		images []Shown
	}{{"The first test images", g.First}, {"The first that it gets wrong", g.Errors}} {
		row := galleryPart{Text: part.text}
		for _, s := range part.images {
			if one, ok := s.draw(); ok {
				row.Images = append(row.Images, one)
			}
		}
		if len(row.Images) > 0 {
			out = append(out, row)
		}
	}
	return out
}

// draw is the image with its boxes, and what is said below it. Bytes that are no
// PNG or JPEG are not shown.
func (s Shown) draw() (seen, bool) {
	kind := imageKind(s.Image)
	if kind == "" || s.Side < 1 {
		return seen{}, false
	}
	out := seen{Caption: s.Truth, Mark: "right"}
	switch {
	case len(s.Boxes) > 0 || s.Truth == "":
		out.Mark, out.Caption = "", s.boxesCaption()
	case s.Answer != s.Truth:
		out.Mark, out.Caption = "wrong", fmt.Sprintf("%s, said %s %.0f %%", s.Truth, s.Answer, 100*s.Probability)
	default:
		out.Caption = fmt.Sprintf("%s %.0f %%", s.Truth, 100*s.Probability)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s"><image href="data:image/%s;base64,%s" width="%d" height="%d"/>`,
		s.Side, s.Side, html.EscapeString(out.Caption), kind, base64.StdEncoding.EncodeToString(s.Image), s.Side, s.Side)
	for _, box := range s.Boxes {
		class, tip := "found", fmt.Sprintf("%s %.0f %%", box.Class, 100*box.Score)
		if box.Score == 0 {
			class, tip = "there", box.Class+" is there"
		}
		fmt.Fprintf(&b, `<rect class="%s" x="%s" y="%s" width="%s" height="%s" data-tip="%s"/>`, class, num(box.X), num(box.Y), num(max(0, box.W)), num(max(0, box.H)), html.EscapeString(tip))
	}
	b.WriteString("</svg>")
	out.Picture = template.HTML(b.String())
	return out, true
}

// boxesCaption counts the boxes.
func (s Shown) boxesCaption() string {
	there, found := 0, 0
	for _, b := range s.Boxes {
		if b.Score == 0 {
			there++
		} else {
			found++
		}
	}
	return fmt.Sprintf("%d there, %d found", there, found)
}

// imageKind is "png" or "jpeg" by the first bytes, else "".
func imageKind(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "jpeg"
	}
	return ""
}
