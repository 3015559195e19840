package configs

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

//go:embed presets/*.yaml
var presets embed.FS

// ErrUnknown is wrapped by the error for a name that is neither a preset nor a file.
var ErrUnknown = errors.New("neither a preset nor a file")

// Presets are the names of the built-in configs, in alphabetic order.
func Presets() []string {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// Load reads a preset by name, or else a YAML file; applies overrides of the
// form key.path=value, where value is YAML; and validates. A file may begin
// with `extends: NAME`, another preset or file whose values it changes. Every
// fault that was found is in the *Error.
func Load(source string, overrides []string) (*Config, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	isFile, err := merge(v, source, nil)
	if err != nil {
		return nil, err
	}
	cfg, faults := decode(v)
	if len(faults) > 0 && (isFile || len(overrides) == 0) && !mended(v, overrides) {
		return nil, &Error{Source: source, File: isFile, Faults: faults}
	}
	if len(overrides) == 0 {
		return cfg, nil
	}
	if err := override(v, overrides); err != nil {
		return nil, err
	}
	if cfg, faults = decode(v); len(faults) > 0 {
		return nil, &Error{Source: source + " with --set", Faults: faults}
	}
	return cfg, nil
}

// mended says whether overrides put right what is wrong with a file, such as a
// path that is left to be given.
func mended(v *viper.Viper, overrides []string) bool {
	if len(overrides) == 0 {
		return false
	}
	again := viper.New()
	again.SetConfigType("yaml")
	if again.MergeConfigMap(v.AllSettings()) != nil || override(again, overrides) != nil {
		return false
	}
	_, faults := decode(again)
	return len(faults) == 0
}

// maxFile bounds what is read: a config is a page or two.
const maxFile = 1 << 20

// merge reads source, after what it extends, into v. isFile tells a file from a
// preset. above are the sources that extend this one.
func merge(v *viper.Viper, source string, above []string) (isFile bool, err error) {
	for _, s := range above {
		if s == source {
			return false, &Error{Source: above[0], File: true, Faults: []Fault{{"extends", "goes round in circles: " + strings.Join(append(above, source), " → ")}}}
		}
	}
	data, isFile, err := read(source)
	if err != nil {
		return isFile, err
	}
	own := viper.New()
	own.SetConfigType("yaml")
	if err := own.ReadConfig(bytes.NewReader(data)); err != nil {
		return isFile, &Error{Source: source, File: isFile, Faults: []Fault{{"", strings.TrimPrefix(err.Error(), "While parsing config: ")}}}
	}
	if faults := unknownKeys(own); len(faults) > 0 { // merging would overlook some
		return isFile, &Error{Source: source, File: isFile, Faults: faults}
	}
	settings := own.AllSettings()
	if base, ok := settings["extends"]; ok {
		delete(settings, "extends")
		name := fmt.Sprint(base)
		if isFile && !isPreset(name) && !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(source), name)
		}
		if _, err := merge(v, name, append(above, source)); err != nil {
			return isFile, fmt.Errorf("%s: extends: %w", source, err)
		}
	}
	if err := v.MergeConfigMap(settings); err != nil {
		return isFile, &Error{Source: source, File: isFile, Faults: []Fault{{"", err.Error()}}}
	}
	return isFile, nil
}

func isPreset(name string) bool {
	_, err := fs.Stat(presets, path.Join("presets", name+".yaml"))
	return err == nil
}

func read(source string) (data []byte, isFile bool, err error) {
	if isPreset(source) {
		data, err = presets.ReadFile("presets/" + source + ".yaml")
		return data, false, err
	}
	info, err := os.Stat(source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("configs: %q: %w (presets: %s)", source, ErrUnknown, strings.Join(Presets(), ", "))
	case err != nil:
		return nil, true, fmt.Errorf("configs: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return nil, true, &Error{Source: source, File: true, Faults: []Fault{{"", "is not a config: not a regular file, or above 1 MB"}}}
	}
	data, err = os.ReadFile(source)
	return data, true, err
}

// override applies key=value pairs.
func override(v *viper.Viper, overrides []string) error {
	for _, o := range overrides {
		key, value, ok := strings.Cut(o, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok || key == "" {
			return &Error{Source: "--set " + o, Faults: []Fault{{"", "want key=value, such as seed=7 or search.latency_ms=0.5"}}}
		}
		parsed := viper.New()
		parsed.SetConfigType("yaml")
		if err := parsed.ReadConfig(strings.NewReader("value: " + value)); err != nil {
			return &Error{Source: "--set " + o, Faults: []Fault{{key, "the value is not YAML: " + err.Error()}}}
		}
		if fault := unknown(key); fault != "" {
			return &Error{Source: "--set " + o, Faults: []Fault{{key, fault}}}
		}
		v.Set(key, parsed.Get("value"))
	}
	return nil
}

// unknownKeys says which keys there should not be.
func unknownKeys(v *viper.Viper) []Fault {
	var faults []Fault
	for _, key := range slices.Sorted(slices.Values(v.AllKeys())) {
		if what := unknown(key); what != "" && key != "extends" {
			faults = append(faults, Fault{key, what})
		}
	}
	return faults
}

// decode turns what viper holds into a Config, and says all that is wrong with it.
func decode(v *viper.Viper) (*Config, []Fault) {
	if faults := unknownKeys(v); len(faults) > 0 {
		return nil, faults
	}
	cfg := new(Config)
	var meta mapstructure.Metadata
	err := v.Unmarshal(cfg, func(d *mapstructure.DecoderConfig) {
		d.TagName, d.Metadata = "json", &meta
		d.WeaklyTypedInput = false
		d.DecodeHook = wholeNumbers
	})
	var faults []Fault
	for _, key := range meta.Unused {
		faults = append(faults, Fault{strings.ToLower(key), "unknown key"})
	}
	if err != nil {
		return nil, append(faults, typeFaults(err)...)
	}
	return cfg, append(faults, cfg.Validate()...)
}

// wholeNumbers refuses 0.5 where a whole number is wanted, which mapstructure
// would cut to 0.
func wholeNumbers(_, to reflect.Type, data any) (any, error) {
	f, isFloat := data.(float64)
	switch to.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64:
		if isFloat && f != float64(int64(f)) {
			return nil, fmt.Errorf("is %v (want a whole number)", f)
		}
	}
	return data, nil
}

// typeFaults takes mapstructure's error apart into one fault a key.
func typeFaults(err error) []Fault {
	var faults []Fault
	var each func(err error)
	each = func(err error) {
		var joined interface{ Unwrap() []error }
		if errors.As(err, &joined) {
			for _, e := range joined.Unwrap() {
				each(e)
			}
			return
		}
		text := strings.TrimSpace(err.Error())
		key := ""
		if rest, ok := strings.CutPrefix(text, "'"); ok {
			key, text, _ = strings.Cut(rest, "' ")
		}
		faults = append(faults, Fault{key, text})
	}
	each(err)
	return faults
}
