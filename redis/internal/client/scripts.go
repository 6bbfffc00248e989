package client

import (
	"context"
	"embed"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Script is a script in a folder lua. It is linked at its first use, so that a program that
// only imports a layout does not pay for it.
type Script struct {
	Lua  *embed.FS
	Name string // without .lua

	once   sync.Once
	linked *redis.Script
}

// Run runs the script by EVALSHA, and sends its text only to a server that does not have
// it.
func (s *Script) Run(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	return s.script().Run(ctx, c, keys, args...)
}

// EvalSha runs the script if the server has it.
func (s *Script) EvalSha(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	return s.script().EvalSha(ctx, c, keys, args...)
}

func (s *Script) script() *redis.Script {
	s.once.Do(func() { s.linked = linkScript(s.Lua, s.Name) })
	return s.linked
}

// linkScript returns a script with those functions of common.lua that it needs, since a
// server creates every function on every call. They come first. Functions that are needed
// only after the line "-- common.lua" come in its place, so that a call which ends before
// does without them. A first line with flags for Dragonfly stays the first.
func linkScript(lua *embed.FS, name string) *redis.Script {
	flags, text := "", source(lua, name)
	if strings.HasPrefix(text, "--!df ") {
		flags, text, _ = strings.Cut(text, "\n")
		flags += "\n"
	}
	head, tail, _ := strings.Cut(text, "-- common.lua\n")
	parts := strings.Split(source(lua, "common"), "\n\n")
	head, parts = include(parts, head)
	tail, _ = include(parts, tail)
	return redis.NewScript(flags + head + tail)
}

// include returns a piece of a script, preceded by those parts of common.lua that it needs,
// and the other parts. A part needs only parts before it.
func include(parts []string, text string) (string, []string) {
	var others []string
	for _, part := range slices.Backward(parts) {
		if name, ok := functionName(part); !ok || uses(text, name) {
			text = part + "\n" + text
		} else {
			others = append(others, part)
		}
	}
	slices.Reverse(others)
	return text, others
}

// functionName returns the name of the function that a part of common.lua defines, if it
// defines one.
func functionName(part string) (string, bool) {
	_, function, ok := strings.Cut("\n"+part, "\nlocal function ")
	name, _, _ := strings.Cut(function, "(")
	return name, ok
}

func uses(text, name string) bool { return strings.Contains(text, name+"(") }

func source(lua *embed.FS, name string) string {
	text, err := lua.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the program was built without it
	}
	return string(text)
}
