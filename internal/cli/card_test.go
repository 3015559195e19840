package cli

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestReadCard(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "détecteur à moi.onnx")
	if c, err := readCard("", model); err != nil || !reflect.DeepEqual(c, card{}) {
		t.Errorf("no card: %+v, %v", c, err)
	}
	path := filepath.Join(dir, "détecteur à moi.card.json")
	for text, ok := range map[string]bool{
		`{"decoder":"fastestdet","fit":"stretch","order":"BGR"}`: true,
		`{"size":224,"mean":[0,0,0],"std":[1,1,1]}`:              true,
		`{"mean":[0,0,0]}`:               false,
		`{"mean":[0,0,0],"std":[1,0,1]}`: false,
		`{"fit":"crop"}`:                 false,
		`{"order":"BGR"}`:                false,
		`{"size":-1}`:                    false,
		`{"unknown":1}`:                  false,
		`{`:                              false,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readCard("", model); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := readCard(filepath.Join(dir, "none.json"), model); err == nil {
		t.Error("a named card that is not there is accepted")
	}
}
