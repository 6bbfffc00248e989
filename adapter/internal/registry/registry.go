// Package registry holds the openers of stores by the scheme of their URLs, between package
// driver, where backends register them, and package adapter, where applications open stores.
package registry

import (
	"maps"
	"slices"
	"sync"
)

var openers = struct {
	sync.RWMutex
	byScheme map[string]any
}{byScheme: map[string]any{}}

// Add adds the opener of a scheme, and reports whether there was none.
func Add(scheme string, open any) bool {
	openers.Lock()
	defer openers.Unlock()
	if _, taken := openers.byScheme[scheme]; taken {
		return false
	}
	openers.byScheme[scheme] = open
	return true
}

// Find returns the opener of a scheme, or the schemes that there are.
func Find(scheme string) (open any, schemes []string) {
	openers.RLock()
	defer openers.RUnlock()
	if open, ok := openers.byScheme[scheme]; ok {
		return open, nil
	}
	return nil, slices.Sorted(maps.Keys(openers.byScheme))
}
