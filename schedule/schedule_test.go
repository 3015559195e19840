package schedule

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The times are worked out by hand from a calendar.
func TestNext(t *testing.T) {
	for _, row := range []struct{ cron, zone, after, want string }{
		{"0 3 * * 1", "UTC", "2026-11-23T02:59:59Z", "2026-11-23T03:00:00Z"}, // a Monday
		{"0 3 * * 1", "UTC", "2026-11-23T03:00:00Z", "2026-11-30T03:00:00Z"},
		{"0 3 * * 1", "Europe/Berlin", "2026-11-23T02:00:00Z", "2026-11-30T02:00:00Z"},
		{"0 3 * * 1", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-07-06T01:00:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"}, // 02:30 is skipped on the 29th
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"@monthly", "UTC", "2026-11-23T00:00:00Z", "2026-12-01T00:00:00Z"},
	} {
		table, err := Parse(row.cron, row.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := table.Next(at(t, row.after)); err != nil || !got.Equal(at(t, row.want)) {
			t.Errorf("%s in %s after %s: %v, %v, want %s", row.cron, row.zone, row.after, got.UTC(), err, row.want)
		}
	}
}

func TestBadTimetables(t *testing.T) {
	for _, row := range [][2]string{{"", "UTC"}, {"* * * *", "UTC"}, {"61 * * * *", "UTC"}, {"TZ=0", "UTC"}, {"0 3 * * 1", "Mars/Base"}} {
		if _, err := Parse(row[0], row[1]); err == nil {
			t.Errorf("%q is taken", row)
		}
	}
	never, err := Parse("0 0 30 2 *", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	err = (&Loop{Table: never}).Run(t.Context(), time.Time{}, nil)
	if !errors.Is(err, ErrExpired) {
		t.Errorf("30 February: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("0 3 * * 1")
	f.Add("@every 1h")
	f.Add("TZ=0")
	f.Fuzz(func(t *testing.T, spec string) {
		table, err := Parse(spec, "UTC")
		if err != nil {
			return
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if next, err := table.Next(now); err == nil && !next.After(now) {
			t.Errorf("%q: next is %v", spec, next)
		}
	})
}

// fakeClock sleeps in no time. jumps[i] is added at its i-th sleep.
type fakeClock struct {
	now   time.Time
	naps  int
	jumps map[int]time.Duration
}

func (c *fakeClock) Now() time.Time { return c.now }
func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d + c.jumps[c.naps])
	c.naps++
	return ctx.Err()
}

func TestLoop(t *testing.T) {
	const hour = time.Hour
	for _, row := range []struct {
		name  string
		last  string
		up    CatchUp
		jumps map[int]time.Duration
		work  time.Duration // that a call takes
		want  []string      // the first three times served
	}{
		{"plain", "", Skip, nil, 0, []string{"01:00", "02:00", "03:00"}},
		{"missed, skipped", "2025-12-31T20:00:00Z", Skip, nil, 0, []string{"01:00", "02:00", "03:00"}},
		{"missed, one", "2025-12-31T20:00:00Z", One, nil, 0, []string{"21:00", "01:00", "02:00"}},
		{"forward", "", Skip, map[int]time.Duration{5: 5 * hour}, 0, []string{"06:00", "07:00", "08:00"}},
		{"forward, one", "", One, map[int]time.Duration{5: 5 * hour}, 0, []string{"01:00", "06:00", "07:00"}},
		{"back", "", Skip, map[int]time.Duration{5: -3 * hour}, 0, []string{"22:00", "23:00", "00:00"}},
		{"served already", "2026-01-01T01:00:00Z", Skip, nil, 0, []string{"02:00", "03:00", "04:00"}},
		{"served while the clock was ahead", "2031-01-01T01:00:00Z", Skip, nil, 0, []string{"01:00", "02:00", "03:00"}},
		{"long calls", "", Skip, nil, 90 * time.Minute, []string{"01:00", "03:00", "05:00"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			table, err := Parse("0 * * * *", "UTC")
			if err != nil {
				t.Fatal(err)
			}
			clock := &fakeClock{now: at(t, "2026-01-01T00:30:00Z"), jumps: row.jumps}
			var last time.Time
			if row.last != "" {
				last = at(t, row.last)
			}
			var got []string
			enough := errors.New("enough")
			err = (&Loop{Table: table, CatchUp: row.up, Clock: clock}).Run(t.Context(), last, func(_ context.Context, due time.Time) error {
				got = append(got, due.Format("15:04"))
				clock.now = clock.now.Add(row.work)
				if len(got) == 3 {
					return enough
				}
				return nil
			})
			if !errors.Is(err, enough) || !slices.Equal(got, row.want) {
				t.Errorf("served %v, want %v (%v)", got, row.want, err)
			}
		})
	}
}

func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	r := Registry{Dir: filepath.Join(dir, "registry")}
	propose := func(text string, m Model) Entry {
		t.Helper()
		m.File = filepath.Join(dir, "new.onnx")
		if err := os.WriteFile(m.File, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		e, err := r.Propose(m, Limits{LatencyMS: 2, Memory: 100}, Entry{Time: at(t, "2026-01-01T00:00:00Z")})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, row := range []struct {
		text    string
		m       Model
		action  Action
		version int
		why     string
	}{
		{"z", Model{Top1: .9, LatencyMS: 3}, Kept, 0, "over the limit"},
		{"z", Model{Top1: .9, Memory: 101}, Kept, 0, "over the limit"},
		{"a", Model{Top1: .7, Images: 10, Data: "d"}, Promoted, 1, "first"},
		{"a", Model{Top1: .7, Images: 10, Data: "d"}, Kept, 0, "same file"},
		{"b", Model{Top1: .7, Images: 10, Data: "d"}, Kept, 0, "no more than"},
		{"b", Model{Top1: .9, Images: 10, Data: "e"}, Kept, 0, "other test images"},
		{"b", Model{Top1: .8, Images: 10, Data: "d"}, Promoted, 2, "beats"},
	} {
		e := propose(row.text, row.m)
		if e.Action != row.action || e.Version != row.version || !strings.Contains(e.Reason, row.why) {
			t.Errorf("%+v: %s, version %d, %q", row, e.Action, e.Version, e.Reason)
		}
	}
	if _, err := r.Rollback(7, time.Now()); err == nil {
		t.Error("version 7 is taken")
	}
	e, err := r.Rollback(0, time.Now())
	if err != nil || e.Version != 1 {
		t.Fatalf("%+v, %v", e, err)
	}
	if e := propose("c", Model{Top1: .75, Images: 10, Data: "d"}); e.Version != 3 {
		t.Errorf("after the rollback: %+v", e)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, "0002.onnx"), []byte("edited"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Rollback(2, time.Now()); err == nil {
		t.Error("a file edited by hand is taken")
	}
}

// TestRollbackGoesToWhatWasReplaced: not to a version that was itself rolled
// back, and not to none.
func TestRollbackGoesToWhatWasReplaced(t *testing.T) {
	dir := t.TempDir()
	r := Registry{Dir: filepath.Join(dir, "registry")}
	promote := func(top1 float64) {
		t.Helper()
		file := filepath.Join(dir, "new.onnx")
		if err := os.WriteFile(file, []byte(fmt.Sprint(top1)), 0o666); err != nil {
			t.Fatal(err)
		}
		if e, err := r.Propose(Model{File: file, Top1: top1, Images: 10, Data: "d"}, Limits{}, Entry{}); err != nil || e.Action != Promoted {
			t.Fatalf("%+v, %v", e, err)
		}
	}
	back := func(want int) {
		t.Helper()
		e, err := r.Rollback(0, time.Now())
		if want == 0 {
			if err == nil || !strings.Contains(err.Error(), "is the first") {
				t.Errorf("behind the first: %+v, %v", e, err)
			}
			return
		}
		if err != nil || e.Version != want {
			t.Errorf("version %d, want %d (%v)", e.Version, want, err)
		}
	}
	promote(.5)
	promote(.6)
	promote(.7)
	back(2)      // 3 is bad
	promote(.65) // 4, over 2
	back(2)
	back(1)
	back(0)
}

func TestHistoryAfterKill(t *testing.T) {
	r := Registry{Dir: t.TempDir()}
	file := filepath.Join(r.Dir, historyFile)
	if err := r.Append(Entry{Action: Idle, Reason: "one"}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(whole, whole[:10]...), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.Append(Entry{Action: Idle, Reason: "two"}); err != nil {
		t.Fatal(err)
	}
	got, err := r.History()
	if err != nil || len(got) != 2 || got[1].Reason != "two" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.WriteFile(file, append([]byte("{broken\n"), whole...), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.History(); err == nil {
		t.Error("a broken line is taken")
	}
}
