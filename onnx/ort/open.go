package ort

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/yalue/onnxruntime_go"
)

// Options say how Open finds the library. The zero value searches this
// machine and downloads nothing.
type Options struct {
	Fetch bool         // may fetch the library with npm when this machine has none
	Log   func(string) // told what is fetched and where to; nil = silent
}

// Runtime is the loaded library. A process has one: every Open returns a
// handle on the same.
type Runtime struct {
	path    string
	version string
	close   sync.Once
}

// loaded is the library of this process. It is never unloaded: ORT's thread
// pools and thread-local destructors do not survive dlclose, and a second load
// would gain nothing.
var loaded struct {
	sync.Mutex
	path    string // empty = not loaded
	handles int
}

// Open finds and loads the library: $ONNXRUNTIME_LIB, then the system's
// library folders, then the program's cache, then (if Options.Fetch) the npm
// package onnxruntime-node, whose checksum is checked and of which only the
// one library is kept. A library that is named by ONNXRUNTIME_LIB and cannot
// be loaded is an error; elsewhere the next candidate is tried. Open may be
// called often and from several goroutines; after the first success it only
// counts.
func Open(ctx context.Context, opts Options) (*Runtime, error) {
	if opts.Log == nil {
		opts.Log = func(string) {}
	}
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.path == "" {
		path, err := search(ctx, opts, npmPack, load)
		if err != nil {
			return nil, err
		}
		loaded.path = path
	}
	loaded.handles++
	return &Runtime{path: loaded.path, version: onnxruntime_go.GetVersion()}, nil
}

// search tries the candidates in the documented order and returns the path of
// the first that load accepts.
func search(ctx context.Context, opts Options, pack packer, load func(string) error) (string, error) {
	var tried attempts
	if path := os.Getenv(EnvLibrary); path != "" {
		err := load(path)
		if err == nil {
			return path, nil
		}
		tried.add("%s=%s: %v", EnvLibrary, path, err)
		return "", tried.failure()
	}
	tried.add("%s is not set", EnvLibrary)
	system := systemCandidates(here)
	for _, c := range system {
		err := load(c.path)
		if err == nil {
			return c.path, nil
		}
		tried.add("%s %s: %v", c.from, c.path, err)
	}
	if len(system) == 0 {
		tried.add("%s in the system's library folders: none", strings.Join(platforms[here.os].names, ", "))
	}
	path, err := searchCache(ctx, opts, pack, load, &tried)
	if err != nil {
		return "", err
	}
	return path, nil
}

// searchCache tries the cached library and fetches it when it is absent.
func searchCache(ctx context.Context, opts Options, pack packer, load func(string) error, tried *attempts) (string, error) {
	root, err := cacheRoot()
	if err != nil {
		tried.add("cache: %v", err)
		return "", tried.failure()
	}
	file := cacheFile(root, here)
	if _, err := os.Stat(file); err == nil {
		if err = load(file); err == nil {
			return file, nil
		}
		tried.add("cache %s: %v", file, err)
		return "", tried.failure()
	}
	tried.add("cache %s: absent", file)
	if !opts.Fetch {
		tried.add("npm pack %s: not asked to fetch", npmPackage)
		return "", tried.failure()
	}
	opts.Log(fmt.Sprintf("fetching the ONNX Runtime library with `npm pack %s` (113 MB, once)", npmPackage))
	if err := fetch(ctx, here, file, pack); err != nil {
		if ctx.Err() != nil {
			return "", fmt.Errorf("ort: fetch library: %w", errors.Join(ctx.Err(), err))
		}
		tried.add("%v", err)
		return "", tried.failure()
	}
	opts.Log("checksum is right; the library is now " + file)
	if err := load(file); err != nil {
		tried.add("fetched %s: %v", file, err)
		return "", tried.failure()
	}
	return file, nil
}

// load makes path the library of this process.
func load(path string) error {
	if info, err := os.Stat(path); err != nil {
		return errors.Unwrap(err) // the caller names the path
	} else if !info.Mode().IsRegular() {
		return errors.New("is not a file")
	}
	onnxruntime_go.SetSharedLibraryPath(path)
	// Errors reach the caller as errors; the library's own log on stderr would
	// only say them twice.
	if err := onnxruntime_go.InitializeEnvironment(onnxruntime_go.WithLogLevelFatal()); err != nil {
		if strings.Contains(err.Error(), "API base: 2") {
			return fmt.Errorf("is an ONNX Runtime too old for this program (needs %s or later)", Version)
		}
		return err
	}
	// Some builds report usage to their maker; ours must not.
	if err := onnxruntime_go.DisableTelemetry(); err != nil {
		return err
	}
	return nil
}

// Version is the library's own version, such as "1.30.0".
func (r *Runtime) Version() string { return r.version }

// Path is the file that was loaded.
func (r *Runtime) Path() string { return r.path }

// String names the runtime for manifests: name, version and platform.
func (r *Runtime) String() string {
	return fmt.Sprintf("ONNX Runtime %s %s-%s", r.version, runtime.GOOS, runtime.GOARCH)
}

// Close gives the handle back. Runners made with it stay usable: each is
// closed by its own Close. A second Close does nothing.
func (r *Runtime) Close() error {
	r.close.Do(func() {
		loaded.Lock()
		loaded.handles--
		loaded.Unlock()
	})
	return nil
}
