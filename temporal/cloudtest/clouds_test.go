package cloudtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"

	"hanas/temporal/artifacts"
)

// clouds are stand-ins for object stores that speak their protocols: each gives
// the URL of an empty bucket.
var clouds = map[string]func(t *testing.T) string{
	"S3": func(t *testing.T) string {
		backend := s3mem.New()
		if err := backend.CreateBucket("hanas"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(gofakes3.New(backend).Server())
		t.Cleanup(server.Close)
		t.Setenv("AWS_ACCESS_KEY_ID", "someone")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		return "s3://hanas?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
	},
	"Google Cloud Storage": func(t *testing.T) string {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := free.Addr().(*net.TCPAddr).Port
		free.Close()
		host := fmt.Sprintf("127.0.0.1:%d", port)
		server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", Port: uint16(port), PublicHost: host, Writer: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "hanas"})
		t.Setenv("STORAGE_EMULATOR_HOST", host)
		return "gs://hanas"
	},
}

// TestClouds: through the drivers of the object stores, an artifact comes back as
// it was put, one that others changed or removed is found out, and putting it
// again mends it.
func TestClouds(t *testing.T) {
	for name, start := range clouds {
		t.Run(name, func(t *testing.T) {
			at := start(t)
			s, err := artifacts.Open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			want := bytes.Repeat([]byte("a supernet, say. "), 1<<16)
			hash, err := s.Put(t.Context(), want)
			if err != nil {
				t.Fatal(err)
			}
			path, err := s.Fetch(t.Context(), hash, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes of %d, %v", len(got), len(want), err)
			}
			if _, err := s.Get(t.Context(), artifacts.Hash([]byte("never put"))); !errors.Is(err, artifacts.ErrContent) {
				t.Errorf("absent: %v", err)
			}
			for _, harm := range []func(context.Context, *blob.Bucket, string) error{
				func(ctx context.Context, b *blob.Bucket, key string) error {
					return b.WriteAll(ctx, key, want[:1000], nil)
				},
				func(ctx context.Context, b *blob.Bucket, key string) error { return b.Delete(ctx, key) },
			} {
				bucket, err := blob.OpenBucket(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				if err := harm(t.Context(), bucket, "sha256/"+hash[:2]+"/"+hash); err != nil {
					t.Fatal(err)
				}
				bucket.Close()
				if _, err := s.Get(t.Context(), hash); !errors.Is(err, artifacts.ErrContent) {
					t.Errorf("harmed: %v", err)
				}
				if _, err := s.Put(t.Context(), want); err != nil {
					t.Fatal(err)
				}
				if got, err := s.Get(t.Context(), hash); err != nil || !bytes.Equal(got, want) {
					t.Errorf("after putting it again: %d bytes, %v", len(got), err)
				}
			}
		})
	}
}
