package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Artifact is what the manifest says of a file or folder that a stage made.
type Artifact struct {
	// Hash is the SHA-256 of the content: of a file its bytes; of a folder the
	// list of its files, each with path, size and own hash.
	Hash  string `json:"hash"`
	Bytes int64  `json:"bytes"`
	// Stamp hashes sizes and modification times. As long as it is the same the
	// content is taken to be the same, so that a fresh run reads no large file.
	Stamp string `json:"stamp"`
}

// describe reads an artifact's content.
func describe(file string) (Artifact, error) {
	a := Artifact{}
	content := sha256.New()
	info, err := os.Stat(file)
	if err != nil {
		return a, err
	}
	if !info.IsDir() {
		if a.Bytes, err = copyFile(content, file); err != nil {
			return a, err
		}
	} else {
		err = eachFile(file, func(rel string, _ fs.FileInfo) error {
			one := sha256.New()
			n, err := copyFile(one, filepath.Join(file, rel))
			a.Bytes += n
			fmt.Fprintf(content, "%q %d %x\n", filepath.ToSlash(rel), n, one.Sum(nil))
			return err
		})
		if err != nil {
			return a, err
		}
	}
	a.Hash = hex.EncodeToString(content.Sum(nil))
	a.Stamp, err = stamp(file)
	return a, err
}

// Stamp hashes the names, sizes and modification times of a file or of all
// files in a folder. It is quick, so a stage that reads files from outside the
// run folder can have it in its Settings: it then looks again when they were
// touched, and what follows stays fresh if its answer is the same.
func Stamp(file string) (string, error) {
	s, err := stamp(file)
	if err != nil {
		return "", fmt.Errorf("pipeline: stamp: %w", err)
	}
	return s, nil
}

// stamp is Stamp without the error's prefix.
func stamp(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	line := func(rel string, info fs.FileInfo) error {
		_, err := fmt.Fprintf(h, "%q %d %d\n", filepath.ToSlash(rel), info.Size(), info.ModTime().UnixNano())
		return err
	}
	if !info.IsDir() {
		err = line("", info)
	} else {
		err = eachFile(file, line)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// eachFile visits the files below dir in lexical order.
func eachFile(dir string, visit func(rel string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return visit(rel, info)
	})
}

func copyFile(w io.Writer, file string) (int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, f)
}

// kindFault says whether the name promises a folder where there is a file, or
// the other way round.
func kindFault(name string, info fs.FileInfo) error {
	if want := strings.HasSuffix(name, "/"); want != info.IsDir() {
		if want {
			return fmt.Errorf("%q must be a folder, and is a file", name)
		}
		return fmt.Errorf("%q must be a file, and is a folder", name)
	}
	return nil
}
