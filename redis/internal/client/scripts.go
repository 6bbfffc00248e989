package client

import (
	"embed"
	"regexp"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Script returns a script of a folder lua with those parts of common.lua that it needs: a
// server makes every function anew on every call. They come first, or, if they are needed
// only after the line that stands for them, in its place: a call that ends before does
// without. A first line with flags for Dragonfly stays the first. It reads no file: the
// scripts are in the program.
func Script(lua embed.FS, name string) *redis.Script {
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
		if defines := definition.FindStringSubmatch(part); defines == nil || uses(text, defines[1]) {
			text = part + "\n" + text
		} else {
			others = append(others, part)
		}
	}
	slices.Reverse(others)
	return text, others
}

// definition finds the name that a part of common.lua defines, if it is a function.
var definition = regexp.MustCompile(`(?m)^local function (\w+)`)

func uses(text, name string) bool { return strings.Contains(text, name+"(") }

func source(lua embed.FS, name string) string {
	text, err := lua.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(err) // the program was built without it
	}
	return string(text)
}
