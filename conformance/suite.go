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
		raceTests,
		cutTests,
		cascadeTests,
		hostileTests,
		roundTripTests,
	)
}
