package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"hanas/configs"
	"hanas/internal/progress"
	"hanas/pipeline"
)

// alone runs single stages on files that are given instead of made: a stage is
// a function from artifacts to artifacts, wherever these come from.
type alone struct {
	app     *app
	config  *configs.Config
	console *progress.Console
	stages  []string          // to run
	given   map[string]string // artifact -> file
}

// run returns the folder with the artifacts; the caller calls remove.
func (x alone) run(ctx context.Context) (dir string, remove func(), err error) {
	all, err := x.app.stages(x.config, func(line string) { x.console.Log("", line) })
	if err != nil {
		return "", nil, err
	}
	table := []pipeline.Stage{{Name: "given", Doc: "takes the files that were given", Run: x.take}}
	for name := range x.given {
		table[0].Makes = append(table[0].Makes, name)
	}
	slices.Sort(table[0].Makes)
	for _, s := range all {
		if slices.Contains(x.stages, s.Name) {
			table = append(table, s)
		}
	}
	if dir, err = os.MkdirTemp("", "hanas-*"); err != nil {
		return "", nil, fmt.Errorf("cli: %w", err)
	}
	remove = func() { os.RemoveAll(dir) }
	r := pipeline.Runner{Dir: dir, Stages: table, Listener: show(x.console)}
	if _, err := r.Run(ctx); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

func (x alone) take(_ context.Context, p *pipeline.Pass) error {
	for name, file := range x.given {
		if err := copyFile(p.Output(name), file); err != nil {
			return badInput(err)
		}
	}
	return nil
}

// copyFile copies a file over another, or to a new one.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("copy %s to %s: %w", from, to, err)
	}
	return nil
}

// scratch is a folder for files that are made to be given.
func scratch(files map[string][]byte) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "hanas-*"); err != nil {
		return "", fmt.Errorf("cli: %w", err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			os.RemoveAll(dir)
			return "", fmt.Errorf("cli: %w", err)
		}
	}
	return dir, nil
}
