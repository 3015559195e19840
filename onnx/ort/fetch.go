package ort

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The package that carries the library for every platform, and the SHA-512 of
// its tarball as the registry published it ("dist.integrity").
const (
	npmPackage   = "onnxruntime-node@" + Version
	npmIntegrity = "sha512-twhs1C2C/BFkz1yc5OY0KIU2GUq6DURO7hD4bx5Q2Qy3nAMJwRXW8xU3NVczE29VA9lolLOYepoD8fjTGOfIqw=="
	npmFolder    = "package/bin/napi-v6/"

	// The tarball has 113 MB, unpacked 270 MB, its largest library 46 MB.
	maxTarball = 256 << 20
	maxUnpack  = 1 << 30
	maxLibrary = 128 << 20

	fetchTimeout = 15 * time.Minute
)

// packer puts the tarball of the package into dir and returns its path.
type packer func(ctx context.Context, dir string) (string, error)

// npmPack lets npm fetch the tarball. It runs none of the package's scripts.
func npmPack(ctx context.Context, dir string) (string, error) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("npm is not installed (%w)", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "pack", npmPackage, "--ignore-scripts", "--silent", "--pack-destination", dir)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", unreachable{fmt.Errorf("npm pack %s: %w: %s", npmPackage, err, lastLine(stderr.String()))}
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("npm pack %s left %d tarballs, want 1", npmPackage, len(found))
	}
	return found[0], nil
}

// unreachable is a registry that did not answer: trying again later may help.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// MayPass says so to whoever tries again.
func (unreachable) MayPass() bool { return true }

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// fetch gets the library of target t and puts it into file. Processes that
// fetch at the same time each work in a folder of their own; the last rename
// wins and all of them leave the same bytes.
func fetch(ctx context.Context, t target, file string, pack packer) error {
	folder, ok := npmTargets[t]
	if !ok {
		return fmt.Errorf("%s has no library for %s-%s", npmPackage, t.os, t.arch)
	}
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".fetch-*") // on the cache's file system, so that the rename is atomic
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	tarball, err := pack(ctx, work)
	if err != nil {
		return err
	}
	if err := checkIntegrity(tarball, npmIntegrity); err != nil {
		return err
	}
	return unpack(tarball, npmFolder+folder+"/"+platforms[t.os].member, file)
}

// checkIntegrity compares a file with a "sha512-<base64>" string.
func checkIntegrity(file, want string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha512.New()
	n, err := io.Copy(h, io.LimitReader(f, maxTarball+1))
	if err != nil {
		return err
	}
	if n > maxTarball {
		return fmt.Errorf("%s is larger than %d bytes", filepath.Base(file), maxTarball)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Errorf("%s has the wrong checksum: %s, recorded %s (nothing was installed)", filepath.Base(file), got, want)
	}
	return nil
}

// unpack copies the one named member of a gzipped tarball to file. Names in
// the tarball are only compared, never used as paths.
func unpack(tarball, member, file string) error {
	f, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(tarball), err)
	}
	archive := tar.NewReader(io.LimitReader(zip, maxUnpack))
	for {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s holds no file %s", filepath.Base(tarball), member)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(tarball), err)
		}
		if head.Name != member {
			continue
		}
		if head.Typeflag != tar.TypeReg || head.Size <= 0 || head.Size > maxLibrary {
			return fmt.Errorf("%s: %s is no regular file of 1 to %d bytes", filepath.Base(tarball), member, maxLibrary)
		}
		return writeFile(file, archive, head.Size)
	}
}

// writeFile writes exactly size bytes to a temporary file, flushes it to disk
// and renames it, so that file is either absent or complete.
func writeFile(file string, r io.Reader, size int64) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".library-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails, as it should, after the rename
	defer tmp.Close()
	if _, err := io.CopyN(tmp, r, size); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(file), err)
	}
	if err := errors.Join(tmp.Chmod(0o755), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}
