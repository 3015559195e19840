package stages

import (
	"fmt"
	"io"
	"os"
)

// copyFile copies a working file to an output.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("stages: %w", err)
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("stages: %w", err)
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("stages: copy %s: %w (is the disk full?)", to, err)
	}
	return nil
}
