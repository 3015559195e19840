package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"testing"
	"time"
)

// killEnv makes the test binary a program that runs the slow toy in the named
// folder, for TestKill to kill.
const killEnv = "PIPELINE_TEST_RUN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if _, err := (&Runner{Dir: dir, Stages: slow().stages()}).Run(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// slow is a toy whose stages take a few milliseconds and keep working files.
func slow() *toy {
	return &toy{seed: "s", left: "l", before: func(_ context.Context, _ string, p *Pass) error {
		for i := range 4 {
			if err := os.WriteFile(p.Work(fmt.Sprint("part", i)), []byte("part"), 0o666); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		return nil
	}}
}

// TestKill kills runs at random moments, some folders several times over. What
// is there in the end is what an undisturbed run makes.
func TestKill(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	begin := time.Now()
	clean := t.TempDir()
	child := func(dir string) *exec.Cmd {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), killEnv+"="+dir)
		return cmd
	}
	if out, err := child(clean).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(begin)
	want := contents(t, clean)
	rng := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for range 12 {
		dir := t.TempDir()
		for range 1 + rng.IntN(4) {
			cmd := child(dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rng.Int64N(int64(whole))))
			cmd.Process.Kill()
			if cmd.Wait() != nil {
				kills++
			}
		}
		if out, err := child(dir).CombinedOutput(); err != nil {
			t.Fatalf("the run after a kill: %v\n%s", err, out)
		}
		if got := contents(t, dir); !reflect.DeepEqual(got, want) {
			t.Fatalf("after kills\n%v\nwant\n%v", got, want)
		}
	}
	t.Logf("%d of the runs were killed before their end", kills)
}

func BenchmarkFresh(b *testing.B) {
	dir := b.TempDir()
	y := &toy{seed: "s"}
	for range b.N {
		if _, err := (&Runner{Dir: dir, Stages: y.stages()}).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
