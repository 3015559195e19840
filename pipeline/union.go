package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Member is a table of stages that is to have a run folder of its own.
type Member struct {
	Name   string // of the member, for people
	Stages []Stage
}

// Union is one graph of several tables, in which a stage that members have alike
// (name, version, settings, and all that it is made from) is there once.
//
//	u, err := pipeline.Join(members)
//	sum, err := (&pipeline.Runner{Dir: dir, Stages: u.Stages(), KeepGoing: true}).Run(ctx)
//	err = u.Extract(dir, 0, folder) // the run folder of the first member
//
// The artifacts lie in dag/STAGE_ID/, where ID is the hash of what makes a stage
// one: members that come or go leave the others fresh.
type Union struct {
	stages  []Stage
	members []Member
	at      [][]int // the stage of the graph, by member and stage of its table
	users   [][]int // members, by stage of the graph
}

// graft says how a stage of a table lies in a graph.
type graft struct {
	origin *Stage
	prefix string            // of the artifacts that it makes
	needs  map[string]string // its name of an artifact -> the graph's
}

// unionFolder holds the artifacts of a Union.
const unionFolder = "dag/"

// Join makes the graph. Every table must be valid by itself.
func Join(members []Member) (*Union, error) {
	u := &Union{members: slices.Clone(members)}
	known := map[string]int{} // by identity
	for m := range u.members {
		member := &u.members[m]
		member.Stages = slices.Clone(member.Stages)
		if err := Validate(member.Stages); err != nil {
			return nil, fmt.Errorf("pipeline: join: %s: %w", member.Name, err)
		}
		sequence, err := order(member.Stages)
		if err != nil {
			return nil, err
		}
		maker := map[string]int{} // its artifact -> stage of the graph
		at := make([]int, len(member.Stages))
		for _, i := range sequence {
			s := &member.Stages[i]
			id, err := u.identity(s, maker)
			if err != nil {
				return nil, fmt.Errorf("pipeline: join: %s: %w", member.Name, err)
			}
			k, there := known[id]
			if !there {
				k = len(u.stages)
				known[id] = k
				u.stages, u.users = append(u.stages, u.plant(s, id, maker)), append(u.users, nil)
			}
			s.Run = nil
			u.users[k] = append(u.users[k], m)
			at[i] = k
			for _, name := range s.Makes {
				maker[name] = k
			}
		}
		u.at = append(u.at, at)
	}
	return u, nil
}

// identity is the hash of all that makes a stage's answer, as far as it is known
// before anything runs.
func (u *Union) identity(s *Stage, maker map[string]int) (string, error) {
	from := map[string]string{}
	for _, name := range s.Needs {
		from[name] = u.stages[maker[name]].Name
	}
	id, err := actionID(s, from)
	return string(id), err
}

// plant is a stage of a table as a stage of the graph. What its function holds on
// to, such as images, is let go once it has done its work.
func (u *Union) plant(s *Stage, id string, maker map[string]int) Stage {
	name := s.Name + "_" + id[:12]
	g := &graft{origin: s, prefix: unionFolder + name + "/", needs: map[string]string{}}
	out := *s
	out.Name, out.graft, out.Needs, out.Makes = name, g, nil, nil
	for _, need := range s.Needs {
		g.needs[need] = u.stages[maker[need]].graft.prefix + need
		out.Needs = append(out.Needs, g.needs[need])
	}
	for _, artifact := range s.Makes {
		out.Makes = append(out.Makes, g.prefix+artifact)
	}
	run := s.Run
	out.Run = func(ctx context.Context, p *Pass) error {
		err := run(ctx, p)
		if err == nil {
			run = nil
		}
		return err
	}
	return out
}

// Stages is the table of the graph.
func (u *Union) Stages() []Stage { return u.stages }

// Own is the name that a stage of the graph has in its members' tables, and who
// these are.
func (u *Union) Own(stage string) (name string, members []string) {
	for k, s := range u.stages {
		if s.Name == stage {
			for _, m := range u.users[k] {
				members = append(members, u.members[m].Name)
			}
			return s.graft.origin.Name, members
		}
	}
	return stage, nil
}

// Steps are the stages of the graph that a member has, in its table's order.
func (u *Union) Steps(member int) []string {
	var out []string
	for _, k := range u.at[member] {
		out = append(out, u.stages[k].Name)
	}
	return out
}

// Extract makes a member's run folder of a graph that ran in dir: its artifacts
// under their own names, as links where the file system has them, and a manifest
// that says how they were made. Stages that have not finished are left out. What
// is there already stays.
func (u *Union) Extract(dir string, member int, to string) error {
	fail := func(err error) error {
		return fmt.Errorf("pipeline: extract %s: %w", u.members[member].Name, err)
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return fail(err)
	}
	release, err := lock(to)
	if err != nil {
		return err
	}
	defer release()
	all, err := ReadManifest(dir)
	if err != nil {
		return err
	}
	own, err := ReadManifest(to)
	if err != nil {
		return err
	}
	for _, k := range u.at[member] {
		s := &u.stages[k]
		r := all.Stages[s.Name]
		if r == nil {
			continue
		}
		if err := own.adopt(r.local(s), filepath.Join(dir, filepath.FromSlash(s.graft.prefix)), to, s.graft.origin); err != nil {
			return fail(err)
		}
	}
	sweepAll(to)
	return own.write(to)
}

// adopt takes a stage's artifacts, which lie in from, into the run folder to.
func (m *Manifest) adopt(r *Record, from, to string, s *Stage) error {
	there := m.Stages[s.Name]
	if there != nil && there.Action == r.Action {
		v := verdict{stamps: map[string]string{}}
		if !slices.ContainsFunc(s.Makes, func(name string) bool {
			return there.Artifacts[name].Hash != r.Artifacts[name].Hash || v.compare(to, name, there.Artifacts[name]) != ""
		}) {
			return nil
		}
	}
	work := filepath.Join(to, workFolder, s.Name+"-view")
	defer os.RemoveAll(work)
	if err := prepare(work, s.Makes); err != nil {
		return err
	}
	for _, name := range s.Makes {
		out := filepath.Join(work, outputs, filepath.FromSlash(name))
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		source := filepath.Join(from, filepath.FromSlash(name))
		if err := linkTree(source, out); err != nil {
			return err
		}
	}
	artifacts, err := commit(to, work, s.Makes)
	if err != nil {
		return err
	}
	for name, a := range artifacts {
		if a.Hash != r.Artifacts[name].Hash {
			return fmt.Errorf("artifact %s is damaged: its content is not what was recorded (the same command makes it anew)", name)
		}
	}
	r.Artifacts = artifacts
	m.Stages[s.Name] = r
	return nil
}

// linkTree is copyTree, by hard links where that can be.
func linkTree(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() && os.Link(from, to) == nil {
		return nil
	}
	return copyTree(from, to)
}

// local is a record under the names that the stage's own table has.
func (r *Record) local(s *Stage) *Record {
	if s.graft == nil {
		return r
	}
	out := *r
	out.Artifacts, out.Inputs = map[string]Artifact{}, s.localInputs(r.Inputs)
	for name, a := range r.Artifacts {
		out.Artifacts[strings.TrimPrefix(name, s.graft.prefix)] = a
	}
	return &out
}

// localInputs are hashes by the names that the stage's own table has.
func (s *Stage) localInputs(inputs map[string]string) map[string]string {
	if s.graft == nil {
		return inputs
	}
	out := map[string]string{}
	for own, name := range s.graft.needs {
		if hash, ok := inputs[name]; ok {
			out[own] = hash
		}
	}
	return out
}

// own is the stage as its own table has it, and where in a folder its artifacts
// lie under their own names.
func (s *Stage) own() (*Stage, string) {
	if s.graft == nil {
		return s, ""
	}
	return s.graft.origin, filepath.FromSlash(s.graft.prefix)
}
