package client

import (
	"context"
	"embed"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Script is a script of a folder lua. It is linked at its first use, so that a program
// which only imports a layout does not pay for it.
type Script struct {
	Lua  *embed.FS
	Name string // without .lua

	once   sync.Once
	linked *redis.Script
}

// Run runs the script. EVALSHA comes first; the text is sent only to a server that does not
// have it.
func (s *Script) Run(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	return s.script().Run(ctx, c, keys, args...)
}

// EvalSha runs the script if the server has it.
func (s *Script) EvalSha(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd {
	return s.script().EvalSha(ctx, c, keys, args...)
}

func (s *Script) script() *redis.Script {
	s.once.Do(func() { s.linked = link(s.Lua, s.Name) })
	return s.linked
}

// link returns a script with those parts of common.lua that it needs: a server makes every
// function anew on every call. They come first, or, if they are needed only after the line
// that stands for them, in its place: a call that ends before does without. A first line
// with flags for Dragonfly stays the first. It reads no file: the scripts are in the program.
func link(lua *embed.FS, name string) *redis.Script {
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

// include returns a piece of a script after those parts of common.lua that it needs, and
// the other parts. A part needs only those before it.
func include(parts []string, text string) (string, []string) {
	var others []string
	for _, part := range slices.Backward(parts) {
		if name, ok := defines(part); !ok || uses(text, name) {
			text = part + "\n" + text
		} else {
			others = append(others, part)
		}
	}
	slices.Reverse(others)
	return text, others
}

// defines returns the name of the function that a part of common.lua defines, if it does.
func defines(part string) (string, bool) {
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
