package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Version is the ONNX Runtime release that the program is made for. Another
// release is accepted when it speaks the same C API (24) or a later one.
const Version = "1.30.0"

// EnvLibrary names the environment variable that points to the library file.
const EnvLibrary = "ONNXRUNTIME_LIB"

// platform says what the library is called on one operating system and where
// it lies in the onnxruntime-node package.
type platform struct {
	names   []string // file names in system folders, most specific first
	member  string   // file name in the package
	pathVar string   // list of folders that the system's own loader searches
	folders []string
}

var platforms = map[string]platform{
	"linux": {
		names:   []string{"libonnxruntime.so." + Version, "libonnxruntime.so.1", "libonnxruntime.so"},
		member:  "libonnxruntime.so.1",
		pathVar: "LD_LIBRARY_PATH",
		folders: []string{
			"/usr/local/lib", "/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu",
			"/usr/lib/aarch64-linux-gnu", "/opt/onnxruntime/lib",
		},
	},
	"darwin": {
		names:   []string{"libonnxruntime." + Version + ".dylib", "libonnxruntime.1.dylib", "libonnxruntime.dylib"},
		member:  "libonnxruntime.1.dylib",
		pathVar: "DYLD_LIBRARY_PATH",
		folders: []string{"/usr/local/lib", "/opt/homebrew/lib", "/opt/local/lib"},
	},
	"windows": {
		names:   []string{"onnxruntime.dll"},
		member:  "onnxruntime.dll",
		pathVar: "PATH",
	},
}

// target is an operating system and a processor in Go's spelling.
type target struct{ os, arch string }

var here = target{runtime.GOOS, runtime.GOARCH}

// npmTargets are the targets whose library the package holds, and the names
// of their folders in it.
var npmTargets = map[target]string{
	{"linux", "amd64"}:   "linux/x64",
	{"linux", "arm64"}:   "linux/arm64",
	{"darwin", "arm64"}:  "darwin/arm64",
	{"windows", "amd64"}: "win32/x64",
	{"windows", "arm64"}: "win32/arm64",
}

// cacheFile is where the fetched library of a target is kept under root.
func cacheFile(root string, t target) string {
	return filepath.Join(root, "onnxruntime", Version, t.os+"-"+t.arch, platforms[t.os].member)
}

// cacheRoot is the program's cache folder: HANAS_CACHE, else the user's.
func cacheRoot() (string, error) {
	if dir := os.Getenv("HANAS_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("ort: no cache folder: %w (set HANAS_CACHE to a folder)", err)
	}
	return filepath.Join(dir, "hanas"), nil
}

// candidate is a file to try and where the idea to try it comes from.
type candidate struct {
	path, from string
}

// systemCandidates lists the library files that exist in the folders of the
// system's loader path and the usual ones, in the loader's order.
func systemCandidates(t target) []candidate {
	p := platforms[t.os]
	var folders []string
	for _, dir := range filepath.SplitList(os.Getenv(p.pathVar)) {
		if filepath.IsAbs(dir) { // a relative entry would load code from wherever we are started
			folders = append(folders, dir)
		}
	}
	folders = append(folders, p.folders...)
	var found []candidate
	for _, dir := range folders {
		for _, name := range p.names {
			path := filepath.Join(dir, name)
			known := slices.ContainsFunc(found, func(c candidate) bool { return c.path == path })
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !known {
				found = append(found, candidate{path, "system folder"})
			}
		}
	}
	return found
}

// attempts collects what was tried and why it did not work, for the one error
// that the user sees.
type attempts []string

func (a *attempts) add(format string, args ...any) { *a = append(*a, fmt.Sprintf(format, args...)) }

func (a attempts) failure() error {
	remedy := fmt.Sprintf("install ONNX Runtime %s and set %s to its library file", Version, EnvLibrary)
	if _, ok := npmTargets[here]; ok {
		remedy += ", or install npm and run `hanas doctor` once while online"
	}
	return fmt.Errorf("ort: no usable ONNX Runtime library for %s-%s; tried:\n  - %s\n(%s)",
		here.os, here.arch, strings.Join(a, "\n  - "), remedy)
}
