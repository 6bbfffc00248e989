package main

import (
	"cmp"
	"strings"
)

// sign is a part of a User-Agent header that gives a program away.
type sign struct{ part, name string }

// Each browser claims to be those beneath it too, so the order matters.
var (
	browsers = []sign{
		{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"},
		{"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems = []sign{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// browserName returns what a person would call their browser: "Firefox on Windows".
// It is for reading only, since anybody can send any User-Agent header. What is
// not known is left out, so that no text of the visitor's is stored.
func browserName(userAgent string) string {
	browser := cmp.Or(first(browsers, userAgent), "Unknown browser")
	if system := first(systems, userAgent); system != "" {
		return browser + " on " + system
	}
	return browser
}

func first(signs []sign, userAgent string) string {
	for _, s := range signs {
		if strings.Contains(userAgent, s.part) {
			return s.name
		}
	}
	return ""
}
