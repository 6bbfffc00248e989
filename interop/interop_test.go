package interop

import "testing"

// TestInterop runs all cases on all stores.
func TestInterop(t *testing.T) {
	o := startOracle(t)
	t.Cleanup(func() { writeReport(t) })
	for _, s := range stores {
		for _, custom := range []bool{false, true} {
			s, name := s, s.name
			if s.custom = custom; custom {
				name += ", other names"
			}
			t.Run(name, func(t *testing.T) {
				p := s.openBoth(t, o, custom, true)
				for _, c := range cases() {
					if c.needs == nil || c.needs(&s) {
						try(t, name, c.direction, c.name, func(t *testing.T) { c.run(&scene{T: t, pair: p}) })
					}
				}
			})
		}
		t.Run(s.name, func(t *testing.T) {
			signInCases(t, s.openBoth(t, o, false, true))
			brokenCases(t, &s, o)
		})
	}
}
