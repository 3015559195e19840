package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hanas/internal/live"
	"hanas/pipeline"
)

// serveAnswer is what `hanas serve --json` prints before it serves.
type serveAnswer struct {
	Dir string `json:"dir"`
	URL string `json:"url"`
}

// liveStage is a stage with what it does now.
type liveStage struct {
	stageState
	Live *pipeline.Live `json:"live,omitempty"`
	Said []string       `json:"said,omitempty"` // the last lines of its log, while it runs
}

// liveAnswer is what /status of `hanas serve` gives.
type liveAnswer struct {
	Name    string      `json:"name"`
	Running bool        `json:"running"`
	PID     int         `json:"pid,omitempty"`
	Done    bool        `json:"done"`
	Report  bool        `json:"report"` // report.html is there
	Stages  []liveStage `json:"stages"`
}

func (a *app) serveCommand() *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Follow a run in a browser",
		Long: `Serves a run folder to a browser until it is interrupted: a page that follows the
run live, its report once there is one, and the files beside it. Nothing can be
changed through it. It listens on this machine alone unless --addr says otherwise.`,
		Example: "  hanas serve runs/quick\n  hanas serve runs/quick --addr :8080",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.serveFolder(cmd.Context(), args[0], addr) },
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "address to listen on; port 0 takes a free one")
	return cmd
}

func (a *app) serveFolder(ctx context.Context, dir, addr string) error {
	c := a.console()
	cfg, table, err := a.open(dir, c)
	c.Close()
	if err != nil {
		return err
	}
	h, err := live.Handler(dir, func() (any, error) { return liveOf(dir, cfg.Name, table) })
	if err != nil {
		return badInput(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return usage("--addr: %v", err)
	}
	answer := serveAnswer{dir, "http://" + l.Addr().String() + "/"}
	if err := a.print(answer, func(w io.Writer) { fmt.Fprintf(w, "%s (until interrupted)\n", answer.URL) }); err != nil {
		return err
	}
	s := http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cli: serve: %w", err)
	}
	return nil // being interrupted is how it ends
}

// liveOf is the status of a folder with what its running stages do now.
func liveOf(dir, name string, table []pipeline.Stage) (*liveAnswer, error) {
	st, err := statusOf(dir, name, table)
	if err != nil {
		return nil, err
	}
	running, err := pipeline.ReadLive(dir)
	if err != nil {
		return nil, err
	}
	out := liveAnswer{Name: name, Running: st.Running, PID: st.PID, Done: st.Done}
	if _, err := os.Stat(filepath.Join(dir, "report.html")); err == nil {
		out.Report = true
	}
	for _, s := range st.Stages {
		one := liveStage{stageState: s}
		if l, ok := running[s.Name]; ok {
			one.Live, one.Said = &l, lastLines(filepath.Join(dir, "logs", s.Name+".log"), 6)
		}
		out.Stages = append(out.Stages, one)
	}
	return &out, nil
}

// lastLines are the last lines of a file, at most 4 kB of them; none if it cannot
// be read.
func lastLines(file string, n int) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 4096
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil
	}
	text := make([]byte, min(at, most))
	if _, err := f.ReadAt(text, at-int64(len(text))); err != nil {
		return nil
	}
	lines := strings.Split(string(bytes.TrimSpace(text)), "\n")
	return lines[max(0, len(lines)-n):]
}
