package conformance

import "slices"

// Tests returns the suite, in the order of its IDs' families.
func Tests() []Test {
	return slices.Concat(
		userTests,
		accountTests,
		sessionTests,
		verificationTokenTests,
		authenticatorTests,
		attributeTests,
		timeTests,
		validationTests,
		valueTests,
		callTests,
		optionalTests,
		enumerationTests,
		needing(Live, needing(Digests, importTests)),
		needing(Live, needing(ByURL, openingTests)),
		needing(Live, needing(Restart, restartTests)),
		needing(Live, raceTests),
		needing(Live, batchTests),
		cutTests,
		needing(Live, repetitionTests),
		needing(Live, heldUpTests),
		cascadeTests,
		hostileTests,
		needing(Live, limitTests),
		needing(Foreign, foreignTests),
		roundTripTests,
	)
}

// needing returns tests that need a feature more.
func needing(f Feature, tests []Test) []Test {
	all := slices.Clone(tests)
	for i := range all {
		all[i].Needs = append([]Feature{f}, all[i].Needs...)
	}
	return all
}
