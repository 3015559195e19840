package artifacts

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func open(t *testing.T) (*Store, string) {
	dir := filepath.Join(t.TempDir(), "bucket")
	s, err := Open(t.Context(), "file://"+filepath.ToSlash(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

// TestStore: the name of "abc" is that of FIPS 180-2, appendix B.1.
func TestStore(t *testing.T) {
	s, dir := open(t)
	hash, err := s.Put(t.Context(), []byte("abc"))
	if want := "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; err != nil || hash != want {
		t.Fatalf("%s, %v", hash, err)
	}
	if data, err := s.Get(t.Context(), hash); err != nil || string(data) != "abc" {
		t.Fatalf("%q, %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sha256", "ba", hash)); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), Hash([]byte("other"))); !errors.Is(err, ErrContent) {
		t.Errorf("absent: %v", err)
	}
	for _, bad := range []string{"", "../../etc/passwd", hash[:63], hash + "00"} {
		if _, err := s.Get(t.Context(), bad); err == nil || errors.Is(err, ErrContent) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestEditedArtifact: whatever is done to a file by hand is found, and putting
// the content again mends it.
func TestEditedArtifact(t *testing.T) {
	for name, edit := range map[string]func([]byte) []byte{
		"a bit":   func(d []byte) []byte { d[3] ^= 1; return d },
		"cut":     func(d []byte) []byte { return d[:5] },
		"longer":  func(d []byte) []byte { return append(d, 0) },
		"emptied": func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := open(t)
			want := []byte("a supernet, say")
			hash, err := s.Put(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "sha256", hash[:2], hash), edit(bytes.Clone(want)), 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Fetch(t.Context(), hash, t.TempDir()); !errors.Is(err, ErrContent) {
				t.Fatalf("edited: %v", err)
			}
			if _, err := s.Put(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), hash); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("after putting it again: %q, %v", got, err)
			}
		})
	}
}

// TestFetch: a damaged copy in the folder is replaced.
func TestFetch(t *testing.T) {
	s, _ := open(t)
	hash, err := s.Put(t.Context(), []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for range 2 {
		path, err := s.Fetch(t.Context(), hash, dir)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "abc" {
			t.Fatalf("%q, %v", got, err)
		}
		if err := os.WriteFile(path, []byte("abd"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimit(t *testing.T) {
	s, _ := open(t)
	hash, err := s.Put(t.Context(), make([]byte, 100))
	if err != nil {
		t.Fatal(err)
	}
	s.limit = 99
	if _, err := s.Get(t.Context(), hash); !errors.Is(err, ErrContent) {
		t.Errorf("larger than the limit: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "bucket", "file://relative/dir", "ftp://x"} {
		if s, err := Open(context.Background(), url); err == nil {
			s.Close()
			t.Errorf("%q was opened", url)
		}
	}
}
