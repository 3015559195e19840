// Package live serves a run folder to a browser: a page that follows the run, its
// report once there is one, and the files beside it. Nothing can be changed
// through it.
//
//	h := live.Handler(dir, func() (any, error) { return status(dir) })
//	http.Serve(listener, h)
//
// Handler is all there is. The paths are / (the page), /status (JSON), /events
// (the same whenever it changed, as server-sent events) and /files/….
package live

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

//go:embed page.html
var page []byte

// Pause is how often a run is looked at.
const Pause = 500 * time.Millisecond

// Handler serves the run folder dir. status is what the page shows, as JSON. Only
// requests to this machine's own names and to addresses are answered, so that a
// page of another site cannot read a run through a name that it points here.
func Handler(dir string, status func() (any, error)) (http.Handler, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	s := &server{status: status, files: http.StripPrefix("/files/", http.FileServerFS(root.FS()))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline'; img-src 'self' data:")
		w.Write(page)
	})
	mux.HandleFunc("GET /status", s.now)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /files/{name...}", s.file)
	return guarded(mux), nil
}

// guarded refuses requests under a name that is not this machine's.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		own, _ := os.Hostname()
		if net.ParseIP(strings.Trim(host, "[]")) == nil && host != "localhost" && !strings.EqualFold(host, own) {
			http.Error(w, "ask by address, localhost or this machine's name", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

type server struct {
	status func() (any, error)
	files  http.Handler
}

// look is the status as JSON; what cannot be read is told in its place.
func (s *server) look() []byte {
	v, err := s.status()
	if err != nil {
		v = map[string]string{"error": err.Error()}
	}
	text, err := json.Marshal(v)
	if err != nil {
		text = []byte(`{"error":"the status cannot be written"}`)
	}
	return text
}

func (s *server) now(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(s.look())
}

// events tells the status now and whenever it changed, until the reader goes.
func (s *server) events(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tick := time.NewTicker(Pause)
	defer tick.Stop()
	var last []byte
	for silent := 0; ; silent++ {
		if text := s.look(); !bytes.Equal(text, last) {
			fmt.Fprintf(w, "data: %s\n\n", text)
			last, silent = text, 0
		} else if silent%20 == 19 {
			fmt.Fprint(w, ": still here\n\n") // finds out that a reader has gone
		}
		if c.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// file serves a file of the folder; hidden ones and ways out of it do not exist.
func (s *server) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			http.NotFound(w, r)
			return
		}
	}
	switch path.Ext(name) {
	case ".log", ".md", ".yaml", ".csv", ".txt":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	s.files.ServeHTTP(w, r)
}
