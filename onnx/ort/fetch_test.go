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
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// entry is a member of a tarball made by a test. A size other than 0
// overrides the true one in the header.
type entry struct {
	name, body string
	kind       byte
	size       int64
}

// tarball writes a gzipped tarball into a new folder.
func tarball(t *testing.T, entries ...entry) string {
	t.Helper()
	var buf bytes.Buffer
	zip := gzip.NewWriter(&buf)
	w := tar.NewWriter(zip)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(e.body))}
		if e.kind != 0 {
			h.Typeflag, h.Linkname = e.kind, "/etc/passwd"
			h.Size = 0
		}
		if e.size != 0 {
			h.Size = e.size
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			w.Write([]byte(e.body))
		}
	}
	w.Flush()
	zip.Close()
	path := filepath.Join(t.TempDir(), "p.tgz")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const wanted = npmFolder + "linux/x64/libonnxruntime.so.1"

func TestUnpack(t *testing.T) {
	good := entry{name: wanted, body: "library"}
	tests := []struct {
		name    string
		entries []entry
		fail    string
	}{
		{"only the library", []entry{good}, ""},
		{"escapes are ignored", []entry{{name: "../../evil", body: "x"}, {name: "/abs", body: "x"}, good}, ""},
		{"library under a path that only cleans to it", []entry{{name: "package/../" + wanted, body: "x"}}, "holds no file"},
		{"missing", []entry{{name: "package/readme", body: "x"}}, "holds no file"},
		{"link in its place", []entry{{name: wanted, kind: tar.TypeSymlink}}, "no regular file"},
		{"folder in its place", []entry{{name: wanted, kind: tar.TypeDir}}, "no regular file"},
		{"empty", []entry{{name: wanted}}, "no regular file"},
		{"claims too much", []entry{{name: wanted, body: "x", size: maxLibrary + 1}}, "no regular file"},
		{"shorter than it claims", []entry{{name: wanted, body: "x", size: 5000}}, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "lib.so")
			err := unpack(tarball(t, tt.entries...), wanted, file)
			if tt.fail == "" {
				if got, _ := os.ReadFile(file); err != nil || string(got) != "library" {
					t.Fatalf("got %q, %v", got, err)
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Fatalf("error %v, want %q", err, tt.fail)
			}
			left, _ := os.ReadDir(dir)
			if want := len(tt.fail); (want == 0) != (len(left) == 1) {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestUnpackTruncated(t *testing.T) {
	whole, err := os.ReadFile(tarball(t, entry{name: wanted, body: strings.Repeat("library ", 4000)}))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 5, 20, len(whole) / 2, len(whole) - 20} {
		dir := t.TempDir()
		cut := filepath.Join(dir, "cut.tgz")
		if err := os.WriteFile(cut, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unpack(cut, wanted, filepath.Join(dir, "lib.so")); err == nil {
			t.Errorf("%d of %d bytes were accepted", n, len(whole))
		}
		if _, err := os.Stat(filepath.Join(dir, "lib.so")); err == nil {
			t.Errorf("%d of %d bytes left a library", n, len(whole))
		}
	}
}

func TestCheckIntegrity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("abc"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte("abc"))
	if err := checkIntegrity(file, "sha512-"+base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		t.Error(err)
	}
	if err := checkIntegrity(file, npmIntegrity); err == nil || !strings.Contains(err.Error(), "wrong checksum") {
		t.Errorf("wrong bytes accepted: %v", err)
	}
}

// fakePack stands in for npm: it copies a tarball into the folder.
func fakePack(from string) packer {
	return func(_ context.Context, dir string) (string, error) {
		data, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, "p.tgz")
		return to, os.WriteFile(to, data, 0o644)
	}
}

func TestFetchRefusesWrongBytes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cache", "lib.so")
	err := fetch(context.Background(), target{"linux", "amd64"}, file, fakePack(tarball(t, entry{name: wanted, body: "evil"})))
	if err == nil || !strings.Contains(err.Error(), "wrong checksum") {
		t.Fatalf("error %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFetchUnknownTarget(t *testing.T) {
	err := fetch(context.Background(), target{"plan9", "386"}, filepath.Join(t.TempDir(), "x"), nil)
	if err == nil || !strings.Contains(err.Error(), "no library for plan9-386") {
		t.Errorf("error %v", err)
	}
}

// TestWriteFileAtOnce: writers at the same time never show a half file.
func TestWriteFileAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lib.so")
	body := strings.Repeat("0123456789abcdef", 1<<14)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := writeFile(file, strings.NewReader(body), int64(len(body))); err != nil {
				t.Error(err)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != body {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// clean points every place that is searched to an empty folder.
func clean(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv(EnvLibrary, "")
	t.Setenv("HANAS_CACHE", dir)
	t.Setenv(platforms[here.os].pathVar, "")
	return dir
}

func TestSearchOrder(t *testing.T) {
	if len(systemCandidates(here)) > 0 {
		t.Skip("this machine has the library in a system folder")
	}
	if _, ok := npmTargets[here]; !ok {
		t.Skip("no package for this platform")
	}
	dir := clean(t)
	ok := func(string) error { return nil }

	cached := cacheFile(dir, here)
	os.MkdirAll(filepath.Dir(cached), 0o755)
	os.WriteFile(cached, []byte("x"), 0o644)
	expect := func(want string) {
		t.Helper()
		if got, err := search(context.Background(), Options{Log: func(string) {}}, nil, ok); err != nil || got != want {
			t.Errorf("found %q, %v; want %q", got, err, want)
		}
	}
	expect(cached)
	sys := t.TempDir()
	lib := filepath.Join(sys, platforms[here.os].names[0])
	os.WriteFile(lib, []byte("x"), 0o644)
	t.Setenv(platforms[here.os].pathVar, "relative"+string(os.PathListSeparator)+sys)
	expect(lib)
	t.Setenv(EnvLibrary, "/named/lib.so")
	expect("/named/lib.so")
}

func TestSearchFailureNamesEverything(t *testing.T) {
	if len(systemCandidates(here)) > 0 {
		t.Skip("this machine has the library in a system folder")
	}
	clean(t)
	bad := func(string) error { return errors.New("cannot be loaded") }
	offline := func(context.Context, string) (string, error) { return "", errors.New("npm pack: no network") }
	tests := []struct {
		env   string
		fetch bool
		want  []string
	}{
		{"", false, []string{EnvLibrary + " is not set", "none", "absent", "not asked to fetch", "install ONNX Runtime " + Version}},
		{"", true, []string{"no network"}},
		{"/named/lib.so", true, []string{EnvLibrary + "=/named/lib.so: cannot be loaded"}},
	}
	for _, tt := range tests {
		t.Setenv(EnvLibrary, tt.env)
		var said []string
		_, err := search(context.Background(), Options{Fetch: tt.fetch, Log: func(s string) { said = append(said, s) }}, offline, bad)
		for _, w := range tt.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: error %v\nlacks %q", tt, err, w)
			}
		}
		if tt.fetch && tt.env == "" && !strings.Contains(fmt.Sprint(said), npmPackage) {
			t.Errorf("the download was not announced: %v", said)
		}
	}
}

func TestSearchStopsWhenCancelled(t *testing.T) {
	if len(systemCandidates(here)) > 0 {
		t.Skip("this machine has the library in a system folder")
	}
	if _, ok := npmTargets[here]; !ok {
		t.Skip("no package for this platform")
	}
	clean(t)
	ctx, cancel := context.WithCancel(context.Background())
	pack := func(context.Context, string) (string, error) { cancel(); return "", ctx.Err() }
	if _, err := search(ctx, Options{Fetch: true, Log: func(string) {}}, pack, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestRealTarball unpacks the published package when the variable
// HANAS_ORT_TARBALL names a copy of it.
func TestRealTarball(t *testing.T) {
	path := os.Getenv("HANAS_ORT_TARBALL")
	if path == "" {
		t.Skip("HANAS_ORT_TARBALL is not set")
	}
	if err := checkIntegrity(path, npmIntegrity); err != nil {
		t.Fatal(err)
	}
	for to, folder := range npmTargets {
		file := filepath.Join(t.TempDir(), "lib")
		if err := unpack(path, npmFolder+folder+"/"+platforms[to.os].member, file); err != nil {
			t.Errorf("%v: %v", to, err)
		}
		if info, err := os.Stat(file); err != nil || info.Size() < 20<<20 {
			t.Errorf("%v: %v, %v", to, info, err)
		}
	}
}

// TestRegistryThatDoesNotAnswer: npm that fails may work later, a missing one
// will not.
func TestRegistryThatDoesNotAnswer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for npm is a shell script")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\necho no route to host >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	mayPass := func(err error) bool {
		p, ok := errors.AsType[interface {
			error
			MayPass() bool
		}](fmt.Errorf("wrapped: %w", err))
		return ok && p.MayPass()
	}
	t.Setenv("PATH", dir)
	if _, err := npmPack(t.Context(), t.TempDir()); !mayPass(err) || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("npm that fails: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := npmPack(t.Context(), t.TempDir()); err == nil || mayPass(err) {
		t.Errorf("no npm: %v", err)
	}
}
