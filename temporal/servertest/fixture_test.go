package servertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/server/temporaltest"
)

// config is a run whose scoring takes some seconds on one core, and little else.
const config = `extends: quick
name: tiny
data: {train: 640, val: 512, test: 64}
space: {name: quick, wbits: [4, 8], abits: [8]}
supernet: {epochs: 1, batch: 64, micro_batch: 32, checkpoint: 100, pool: 4}
sample: {count: 300}
evaluate: {images: 512, calibration: 64}
predictor: {members: 2, kinds: [ridge], epochs: 5, hidden: [8]}
lut: {repeats: 4, warmup: 1, fit_nets: 10, test_nets: 2, net_runs: 2}
refine: {rounds: 0}
search: {population: 20, evaluations: 200}
export: {picks: [knee], count: 0}
validate: {runs: 5}
`

// world is a server, a bucket, and a run that was made in process: the oracle.
type world struct {
	program, config, local string
	namespace              string
	door                   *door  // to the server
	want                   []byte // samples.arrow of the local run
}

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{program: filepath.Join(dir, "hanas"), config: filepath.Join(dir, "tiny.yaml"), local: filepath.Join(dir, "local")}
	if made := os.Getenv("HANAS_PROGRAM"); made != "" { // to measure without building
		w.program = made
	} else {
		build := exec.Command("go", "build", "-o", w.program, "./cmd/hanas")
		build.Dir = ".."
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	text := config
	if n := os.Getenv("HANAS_COUNT"); n != "" { // to measure with longer jobs
		text = strings.Replace(text, "count: 300", "count: "+n, 1)
	}
	if err := os.WriteFile(w.config, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	if text, err := exec.Command(w.program, "run", w.config, "--out", w.local, "--quiet").CombinedOutput(); err != nil {
		t.Fatalf("local run: %v\n%s", err, text)
	}
	w.want = read(t, filepath.Join(w.local, "samples.arrow"))
	server := temporaltest.NewServer(temporaltest.WithT(t))
	w.namespace = server.GetDefaultNamespace()
	w.door = newDoor(t, server.GetFrontendHostPort())
	return w
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// scene is one job: a bucket of its own, and shards of a size of its own, so
// that the server does not know the job from the scene before.
type scene struct {
	*world
	t      *testing.T
	bucket string
	shard  int

	workers []*process
}

func (w *world) scene(t *testing.T, shard int) *scene {
	return &scene{world: w, t: t, bucket: filepath.Join(t.TempDir(), "bucket"), shard: shard}
}

func (s *scene) place() []string {
	return []string{"--temporal", s.door.addr, "--namespace", s.namespace, "--artifacts", "file://" + s.bucket}
}

// process is a hanas that runs.
type process struct {
	*exec.Cmd
	out, log bytes.Buffer
	done     chan struct{}
}

func (s *scene) begin(args ...string) *process {
	p := &process{Cmd: exec.Command(s.program, args...), done: make(chan struct{})}
	p.Stdout, p.Stderr = &p.out, &p.log
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = p.Wait() // what it says is looked at
		close(p.done)
	}()
	s.t.Cleanup(p.kill)
	return p
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.Process.Kill() // it may be gone already
	<-p.done
}

func (s *scene) worker(more ...string) *process {
	p := s.begin(append(append([]string{"worker", "--jobs", "1", "--cache", s.t.TempDir()}, s.place()...), more...)...)
	s.workers = append(s.workers, p)
	return p
}

// run begins to score anew, in a copy of the local run's folder.
func (s *scene) run() (*process, string) {
	dir := filepath.Join(s.t.TempDir(), "run")
	if err := os.CopyFS(dir, os.DirFS(s.local)); err != nil {
		s.t.Fatal(err)
	}
	return s.again(dir), dir
}

func (s *scene) again(dir string) *process {
	return s.begin(append([]string{
		"run", s.config, "--out", dir, "--force", "evaluate", "--json",
		"--heartbeat", "2s", "--patience", "1m", "--shard", fmt.Sprint(s.shard),
	}, s.place()...)...)
}

// same waits for a run and holds it against the local one: no row lost, none
// twice, none other; and so nothing that follows had to be done again.
func (s *scene) same(p *process, dir string) {
	s.t.Helper()
	select {
	case <-p.done:
	case <-time.After(4 * time.Minute):
		s.t.Fatalf("the run does not end; it says\n%s", &p.log)
	}
	var answer struct {
		Ran []string `json:"ran"`
	}
	if p.ProcessState.ExitCode() != 0 {
		s.t.Fatalf("the run fails: %v\n%s", p.ProcessState, &p.log)
	}
	if err := json.Unmarshal(p.out.Bytes(), &answer); err != nil {
		s.t.Fatalf("%v: %s", err, &p.out)
	}
	if !slices.Equal(answer.Ran, []string{"evaluate"}) {
		s.t.Errorf("ran %v, want evaluate alone", answer.Ran)
	}
	if got := read(s.t, filepath.Join(dir, "samples.arrow")); !bytes.Equal(got, s.want) {
		s.t.Errorf("samples.arrow differs from the local run's (%d and %d bytes)", len(got), len(s.want))
	}
}

// results are the shards that are in the bucket.
func (s *scene) results() (files []string) {
	all, err := filepath.Glob(filepath.Join(s.bucket, "sha256", "*", "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range all {
		data, err := os.ReadFile(file)
		if err == nil && bytes.HasPrefix(data, []byte(`[{"arch"`)) {
			files = append(files, file)
		}
	}
	return files
}

// until waits for something to happen.
func (s *scene) until(what string, happened func() bool) {
	s.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("waited in vain for ", what)
		}
	}
}

// door is a way to the server that can be shut: to those outside it is gone.
type door struct {
	addr, server string
	mu           sync.Mutex
	shut         bool
	open         map[net.Conn]bool
}

func newDoor(t *testing.T, server string) *door {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{addr: l.Addr().String(), server: server, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); d.close(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go d.pass(c)
		}
	}()
	return d
}

func (d *door) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", d.server)
	if err != nil {
		return
	}
	defer out.Close()
	d.mu.Lock()
	shut := d.shut
	d.open[in] = true
	d.mu.Unlock()
	if shut {
		return
	}
	go func() {
		_, _ = io.Copy(out, in) // ends when either side does
		out.Close()
	}()
	_, _ = io.Copy(in, out)
	d.mu.Lock()
	delete(d.open, in)
	d.mu.Unlock()
}

// close shuts the door on all who are in it, or opens it.
func (d *door) close(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
	if shut {
		for c := range d.open {
			c.Close()
		}
		clear(d.open)
	}
}
