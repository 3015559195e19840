// Package artifacts keeps files in a bucket that several machines reach: a
// folder, S3, Google Cloud Storage or Azure. A file's name there is the hash of
// its content, and whatever is read is held against it.
//
// There is one type, [Store]:
//
//	store, err := artifacts.Open(ctx, "s3://bucket?region=eu-central-1")
//	hash, err := store.Put(ctx, data)
//	data, err := store.Get(ctx, hash) // ErrContent when it was edited or is gone
package artifacts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/s3blob"    // s3://
	"gocloud.dev/gcerrors"
)

// ErrContent marks an artifact whose content is not what its name says, or that
// is not there. Putting it again mends that.
var ErrContent = errors.New("the artifact is not what its name says")

// Store is a bucket of files by content. Its methods may be called from several
// goroutines, and several processes may have it open.
type Store struct {
	bucket *blob.Bucket
	limit  int64
}

// Limit is the size of the largest artifact that is read, in bytes: a bucket
// that others write to must not fill the memory.
const Limit = 4 << 30

// Open opens the bucket at a URL: file:///DIR (which is made when it is not
// there), s3://NAME, gs://NAME or azblob://NAME, with the parameters of
// gocloud.dev/blob. Who may, is decided by the environment, as in the clouds'
// own tools.
func Open(ctx context.Context, url string) (*Store, error) {
	if dir, ok := strings.CutPrefix(url, "file://"); ok && !strings.Contains(dir, "?") {
		if !filepath.IsAbs(filepath.FromSlash(dir)) {
			return nil, fmt.Errorf("artifacts: open %s: the path is not absolute (write file:///path)", url)
		}
		// no_tmp_dir: temporary files stand beside their target, so that a
		// rename is whole on every file system.
		url += "?create_dir=true&no_tmp_dir=true&metadata=skip"
	}
	b, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("artifacts: open %s: %w (want file:///DIR, s3://, gs:// or azblob://)", url, err)
	}
	return &Store{bucket: b, limit: Limit}, nil
}

// Close ends the connection.
func (s *Store) Close() error { return s.bucket.Close() }

// Hash is the name of data: its SHA-256 in hex.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Put writes data unless it is there already, whole and unchanged, and returns
// its hash.
func (s *Store) Put(ctx context.Context, data []byte) (string, error) {
	hash := Hash(data)
	_, err := s.Get(ctx, hash)
	if errors.Is(err, ErrContent) {
		err = s.bucket.WriteAll(ctx, key(hash), data, nil)
	}
	if err != nil {
		return "", fmt.Errorf("artifacts: put %.12s: %w", hash, err)
	}
	return hash, nil
}

// PutFile is Put with the content of a file.
func (s *Store) PutFile(ctx context.Context, path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("artifacts: put: %w", err)
	}
	return s.Put(ctx, data)
}

// Get reads an artifact and holds it against its hash: an error that wraps
// ErrContent says that it was edited, cut or removed.
func (s *Store) Get(ctx context.Context, hash string) ([]byte, error) {
	if raw, err := hex.DecodeString(hash); err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("artifacts: get %.80q: not a hash", hash)
	}
	r, err := s.bucket.NewReader(ctx, key(hash), nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("artifacts: get %.12s: %w: it is gone", hash, ErrContent)
	}
	if err != nil {
		return nil, fmt.Errorf("artifacts: get %.12s: %w", hash, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, s.limit+1))
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, fmt.Errorf("artifacts: get %.12s: %w", hash, err)
	}
	if int64(len(data)) > s.limit {
		return nil, fmt.Errorf("artifacts: get %.12s: %w: it is larger than %d bytes", hash, ErrContent, s.limit)
	}
	if got := Hash(data); got != hash {
		return nil, fmt.Errorf("artifacts: get %.12s: %w: its hash is %.12s", hash, ErrContent, got)
	}
	return data, nil
}

// Fetch brings an artifact into a folder, unless it is there already, whole and
// unchanged, and returns its path.
func (s *Store) Fetch(ctx context.Context, hash, dir string) (string, error) {
	path := filepath.Join(dir, hash)
	if old, err := os.ReadFile(path); err == nil && Hash(old) == hash {
		return path, nil
	}
	data, err := s.Get(ctx, hash)
	if err != nil {
		return "", err
	}
	temp, err := os.CreateTemp(dir, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("artifacts: fetch: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("artifacts: fetch: %w", err)
	}
	return path, nil
}

// key spreads the artifacts over folders.
func key(hash string) string { return "sha256/" + hash[:2] + "/" + hash }
