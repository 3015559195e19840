package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hanas/configs"
	"hanas/onnx/ort"
	"hanas/pipeline"
)

// TestMain makes the test binary two programs for the scripts: hanas, and toy,
// which is hanas with stages that take no time.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hanas": func() { os.Exit(Main(os.Args[1:])) },
		"toy": func() {
			a := &app{stdout: os.Stdout, stderr: os.Stderr, stages: toyStages}
			os.Exit(a.main(os.Args[1:]))
		},
	})
}

func TestScripts(t *testing.T) { testscript.Run(t, scripts("testdata", nil)) }

// scripts are the settings of a folder of scripts, with more variables.
func scripts(dir string, vars map[string]string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"ONNXRUNTIME_LIB", "XDG_CACHE_HOME"} {
				env.Setenv(name, os.Getenv(name))
			}
			if home, err := os.UserHomeDir(); err == nil && os.Getenv("XDG_CACHE_HOME") == "" {
				env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache")) // where the library may be
			}
			for name, value := range vars {
				env.Setenv(name, value)
			}
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"interrupt": interrupt, "fixtures": fixtures, "fit": fit, "ofa": ofa, "images": images,
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	}
}

// condition knows [ort]: ONNX Runtime is on this machine.
func condition(cond string) (bool, error) {
	if cond != "ort" {
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	rt, err := ort.Open(context.Background(), ort.Options{})
	if err != nil {
		return false, nil
	}
	return true, rt.Close()
}

// interrupt waits for a file and then sends Ctrl-C to the programs that run in
// the background: interrupt FILE.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt FILE")
	}
	for range 1000 {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			for _, cmd := range ts.BackgroundCmds() {
				ts.Check(cmd.Process.Signal(os.Interrupt))
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s did not appear", args[0])
}

// toyStages stand in for the real ones. The name of the config steers them:
// "failing" fails, "waiting" writes the file waiting and waits for Ctrl-C.
func toyStages(cfg *configs.Config, log func(string)) ([]pipeline.Stage, error) {
	write := func(name string) func(context.Context, *pipeline.Pass) error {
		return func(_ context.Context, p *pipeline.Pass) error {
			p.Summary("wrote " + name)
			return os.WriteFile(p.Output(name), fmt.Appendf(nil, `{"seed": %d}`, cfg.Seed), 0o666)
		}
	}
	middle := func(ctx context.Context, p *pipeline.Pass) error {
		p.Log("half-way")
		p.Progress(1, 2, "things")
		switch cfg.Name {
		case "failing":
			return errors.New("the machine is on fire")
		case "waiting":
			if err := os.WriteFile("waiting", nil, 0o666); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		}
		return write("predictor.json")(ctx, p)
	}
	log("toy stages")
	return []pipeline.Stage{
		{Name: "data", Doc: "writes the seed", Makes: []string{"data.txt"}, Settings: map[string]uint64{"seed": cfg.Seed}, Run: write("data.txt")},
		{
			Name: "predictor", Doc: "fails, waits, or writes", Needs: []string{"data.txt"}, Makes: []string{"predictor.json"},
			Settings: map[string]int{"epochs": cfg.Predictor.Epochs}, Run: middle,
		},
		{Name: "report", Doc: "draws", Needs: []string{"predictor.json"}, Makes: []string{"report.html"}, Run: write("report.html")},
	}, nil
}
