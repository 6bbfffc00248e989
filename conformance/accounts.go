package conformance

var accountTests = []Test{}
