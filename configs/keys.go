package configs

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"hanas/space"
)

// Keys are the paths of all keys, in the order of Config.
func Keys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		if ft.Kind() == reflect.Struct {
			if ft == reflect.TypeFor[space.Space]() {
				out = append(out, prefix+name)
			}
			out = append(out, keysOf(ft, prefix+name+".")...)
			continue
		}
		out = append(out, prefix+name)
	}
	return out
}

// unknown says what is wrong with a key: nothing if it is known, or the nearest
// known ones.
func unknown(key string) string {
	keys := Keys()
	if slices.Contains(keys, key) {
		return ""
	}
	section := key + "."
	if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(k, section) }); i >= 0 {
		return "is a section and takes no value (it has keys such as " + keys[i] + ")"
	}
	return "unknown key (nearest known: " + strings.Join(nearest(key, keys, 3), ", ") + ")"
}

// nearest are the n keys that a typing error or a forgotten section leads from.
func nearest(key string, keys []string, n int) []string {
	last := func(k string) string { return k[strings.LastIndexByte(k, '.')+1:] }
	distance := func(k string) int {
		return min(2*editDistance(key, k), 2*editDistance(last(key), last(k))+1)
	}
	sorted := slices.Clone(keys)
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(distance(a), distance(b)) })
	return sorted[:min(n, len(sorted))]
}

// editDistance counts the single-letter edits from a to b (Levenshtein 1966).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
