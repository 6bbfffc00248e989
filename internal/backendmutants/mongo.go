package backendmutants

var mongoMutants = []Mutant{
	// Sign-ups and deletions that others meet.
	{
		Breaks: "a sign-up takes a user for its own whom another one made with the ID", File: "mongo/signup.go",
		Old: "case !isThere || isAsWritten(stored, user):", New: "case true:", Run: `TestConformance$/HLD-001`,
	},
	{
		Breaks: "what a sign-up brought stays with another one's user", File: "mongo/signup.go",
		Old: "case !s.isAnothers(stored, user):", New: "case true:", Run: "TestASignUpLeavesAnothersUserAlone",
	},
	{
		Breaks: "a deletion of many whose reply was lost takes what somebody has made since", File: "mongo/calls.go",
		Old: "coll.DeleteMany(ctx, found)", New: "coll.DeleteMany(ctx, found[:len(found)-1])", Run: `TestConformance$/REP-003`,
	},
	{
		Breaks: "a sign-up is committed although the account may be another user's", File: "mongo/signup.go",
		Old: "has(ctx, u.credentials.collection, u.asBrought())", New: "has(ctx, u.credentials.collection, u.credentials.same(u.credential))", Run: "TestASignUpWhoseAccountIsAnothers",
	},
	{
		Breaks: "an account is unlinked amid its sign-up as if nobody had it", File: "mongo/signup.go",
		Old: "if owner := credentials.owner(gone); err != nil || owner.IsZero() {", New: "if owner := credentials.owner(gone); err != nil || !owner.IsZero() {", Run: `TestConformance$/HLD-008`,
	},
	{
		Breaks: "who is removed as unfinished has become a user meanwhile", File: "mongo/signup.go",
		Old: "	_, err := c.users.DeleteOne(ctx, unfinished(u.id, u.nonce))\n", New: "	_, err := c.users.DeleteOne(ctx, byID(u.id))\n", Run: "TestWhoHasBecomeAUserStays",
	},
	{
		Breaks: "the last step of a sign-up takes any mark away", File: "mongo/signup.go",
		Old: "commitOne(ctx, users, unfinished(id, nonce))", New: "commitOne(ctx, users, byID(id))", Run: "TestTheLastStepOfASignUpLeavesADeletionAlone",
	},
	{
		Breaks: "the last step of a deletion removes the next user of the ID", File: "mongo/users.go",
		Old: "	_, err = deleteDead(ctx, c.soon, unfinished(id, nonce))\n", New: "	_, err = deleteDead(ctx, c.soon, byID(id))\n", Run: `TestConformance$/(HLD|RAC-040)`,
		Harmless: "the user goes as if the deletion, which is under way, had begun after the user was made",
	},
	{
		Breaks: "the account of a sign-up is written again after it was unlinked", File: "mongo/signup.go",
		Old: "u.credential, insertOnce)", New: "u.credential, insertRepeatably(s.writeConcern))", Run: `TestConformance$/REP-00[47]`,
	},
	{
		Breaks: "a sign-up is committed whose account has never arrived", File: "mongo/signup.go",
		Old: "	return there && err == nil\n}\n\n// commit", New: "	return there || err == nil\n}\n\n// commit", Run: `TestConformance$/CUT-`,
	},
	{
		Breaks: "a user who is being deleted is updated", File: "mongo/users.go",
		Old: "filter := append(byID(stored), bson.E{Key: stateField, Value: nil}) // nil: the field is missing", New: "filter := byID(stored)", Run: "TestReadersFinishASignUp",
	},
	{
		Breaks: "a record that gives way is another user's by now", File: "mongo/claims.go",
		Old: `append(byID(doc.Lookup("_id")), u.ownedAs(doc), bson.E{`, New: `append(byID(doc.Lookup("_id")), bson.E{`, Run: "TestWhatGivesWayIsLookedAtAgain",
	},
	{
		Breaks: "what is left of a user is deleted although the user is back", File: "mongo/claims.go",
		Old: "	return s.deleteRemains(ctx, c, u, holder)", New: "	return deleteAsSeen(ctx, u, holder)", Run: `TestConformance$/HLD-001`,
	},
	{
		Breaks: "who stood still deletes what a user who is back has adopted", File: "mongo/claims.go",
		Old: `u.ownedAs(doc), bson.E{Key: adoptedField, Value: adopted})`, New: `u.ownedAs(doc), bson.E{Key: adoptedField + "Not", Value: adopted})`, Run: `TestConformance$/HLD-001`,
	},
	{
		Breaks: "a user is not made again while somebody deletes what is left", File: "mongo/claims.go",
		Old: "return s.endEviction(ctx, c, r, holder)", New: "return adapter.Conflict(conflict)", Run: `TestConformance$/HLD-001`,
	},
	{
		Breaks: "an expired session keeps its token until the server removes it", File: "mongo/claims.go",
		Old: "case isVisible(user) && !(u.collection == c.sessions && s.hasExpired(holder)):", New: "case isVisible(user):", Run: `TestConformance$/LIM-007`,
	},
	{
		Breaks: "an expired verification token is in the way until the server removes it", File: "mongo/verificationtokens.go",
		Old: "if _, err = deleteDead(ctx, c.tokens, expired); err == nil {", New: "if _, err = deleteDead(ctx, c.tokens, expired); err != nil {", Run: `TestConformance$/VER-018`,
	},
	{
		Breaks: "an expired verification token that somebody has deleted is a conflict", File: "mongo/verificationtokens.go",
		Old: "if _, err = deleteDead(ctx, c.tokens, expired); err == nil {", New: "if n, failed := deleteDead(ctx, c.tokens, expired); failed != nil || n > 0 {", Run: `TestConformance$/HLD-010`,
	},
	{
		Breaks: "a user of a sign-up that is not finished keeps the address", File: "mongo/claims.go",
		Old: "		case isSigningUp(holder):\n			return s.resolve(ctx, c, r, holder)\n		case isEvicting", New: "		case isEvicting", Run: "TestWhoeverMeetsASignUpWithoutItsAccount",
	},

	// What is asked of the server.
	{
		Breaks: "the read preference is that of the client", File: "mongo/connections.go",
		Old: "	o := options.Collection().SetReadPreference(readpref.Primary()).SetReadConcern", New: "	_ = readpref.Primary\n	o := options.Collection().SetReadConcern", Run: "TestTheClientsConcernsAreNotUsed",
	},
	{
		Breaks: "the read concern is that of the client", File: "mongo/connections.go",
		Old: ".SetReadConcern(s.readConcern).", New: ".", Run: "TestTheClientsConcernsAreNotUsed",
	},
	{
		Breaks: "the write concern is that of the client", File: "mongo/connections.go",
		Old: ".SetReadConcern(s.readConcern).SetWriteConcern(s.writeConcern)", New: ".SetReadConcern(s.readConcern)", Run: "TestTheClientsConcernsAreNotUsed",
	},
	{
		Breaks: "a write that the majority did not confirm in time is not ErrUnavailable", File: "mongo/errors.go",
		Old: "	64, // applied, but not confirmed by the majority in time\n", New: "", Run: "TestAWriteConcernThatTimesOutIsUnavailable",
	},
	{
		Breaks: "calls take part in a transaction of the caller's", File: "mongo/calls.go",
		Old: "		ctx = mongo.NewSessionContext(ctx, nil)\n", New: "		_ = ctx\n", Run: "TestCallsTakeNoPartInATransaction",
	},
	{
		Breaks: "expired sessions stay", File: "mongo/schema.go",
		Old: "		{collection: c.sessions, fields: []string{\"expires\"}, ttl: true},\n", New: "", Run: "TestTheServerRemovesWhatHasExpired|TestCheckSchema",
	},
	{
		Breaks: "expired one-time tokens stay", File: "mongo/schema.go",
		Old: "		{collection: c.tokens, fields: []string{\"expires\"}, ttl: true},\n", New: "", Run: "TestTheServerRemovesWhatHasExpired|TestCheckSchema",
	},
	{
		Breaks: "an index that hides documents is good enough", File: "mongo/schema.go",
		Old: "case s.Hidden || s.Collation != nil ||", New: "case s.Collation != nil ||", Run: "TestCheckSchema|TestIndexesThatDoAsMuch",
	},

	// Deletes and updates.
	{
		Breaks: "what the server refused is executed when its first attempt arrives", File: "mongo/calls.go",
		Old: "if !nothing {", New: "if !nothing || err != nil {", Run: `TestARefusedWriteIsNotExecutedLate`,
	},
	{
		Breaks: "a write that is refused is the error of all who share it", File: "mongo/batch.go",
		Old: "		return true, nil\n", New: "		return true, err\n", Run: `TestConformance$/BAT-008`,
	},
	{
		Breaks: "a shared insert is executed late of which something was refused", File: "mongo/batch.go",
		Old: "		return true, nil\n", New: "		return false, nil\n", Run: "TestASharedWriteIsNotExecutedLate",
	},
	{
		Breaks: "a shared deletion is executed late that has found nothing", File: "mongo/batch.go",
		Old: "return err == nil && result.DeletedCount < int64(len(tokens)), err", New: "_ = result\n		return false, err", Run: "TestASharedWriteIsNotExecutedLate",
	},
	{
		Breaks: "a call makes its requests in its caller's goroutine", File: "mongo/calls.go",
		Old: "	r, err := do(sharing{ctx})\n", New: "	r, err := do(ctx)\n", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "a caller waits for the last step of somebody's sign-up", File: "mongo/signup.go",
		Old: "if err := beside(ctx); err != nil {", New: "if err := beside(ctx); false {", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "a caller waits for a user with an ID in another form", File: "mongo/owned.go",
		Old: "if err := beside(ctx); err != nil {", New: "if err := beside(ctx); false {", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "a caller waits for whether a user is shadowed", File: "mongo/ids.go",
		Old: "if err := beside(ctx); err != nil {", New: "if err := beside(ctx); false {", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "a caller waits for the first look at the database", File: "mongo/open.go",
		Old: "if err := beside(ctx); err != nil {", New: "if err := beside(ctx); false {", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "a caller waits for a document that is asked for alone", File: "mongo/batch.go",
		Old: "case got.apart && stays != nil:", New: "case false:", Run: "TestWhoHasToAskForMoreLeavesInTime",
	},
	{
		Breaks: "of writes that share a request the errors are lost", File: "mongo/batch.go",
		Old: "	return cmp.Or(err, refused)\n", New: "	_ = cmp.Or(err, refused)\n	return err\n", Run: `TestConformance$/(SES|VER)`,
	},
	{
		Breaks: "a deletion of many that arrives late takes what was written since", File: "mongo/calls.go",
		Old: `append(slices.Clone(filter), bson.E{Key: "_id", Value: bson.D{{Key: "$in", Value: ids[:n]}}})`, New: `slices.Clone(filter)`, Run: `TestALateDeletionTakesNothingNewer`,
	},
	{
		Breaks: "only the first 10,000 of many records are deleted", File: "mongo/calls.go",
		Old: "(first || len(ids) > 0); first = false {", New: "first; first = false {", Run: `TestALateDeletionTakesNothingNewer|TestManyRecordsAreDeleted`,
	},
	{
		Breaks: "a session is ended by its ID for another user", File: "mongo/sessions.go",
		Old: `deleteOne(ctx, c.sessions, append(s.byUser(c.sessions, userID), bson.E{Key: c.sessions.in("sessionToken"), Value: sessionID}))`, New: `deleteOne(ctx, c.sessions, bson.D{{Key: c.sessions.in("sessionToken"), Value: sessionID}})`, Run: `TestConformance$/SES-013`,
	},
	{
		Breaks: "a session that was found by its ID is ended without another look whose it is", File: "mongo/sessions.go",
		Old: `append(s.byUser(c.sessions, userID), bson.E{Key: "_id", Value: id})`, New: `byID(id)`, Run: `TestConformance$/(SES|FOR-006)`,
		Harmless: "no session gets another user: who takes its token makes another document",
	},
	{
		Breaks: "a session is extended at the moment that it ends", File: "mongo/sessions.go",
		Old: `dateCondition(c.sessions.in("expires"), "$gt", bson`, New: `dateCondition(c.sessions.in("expires"), "$gte", bson`, Run: `TestConformance$/(SES-008|LIM-003|SES-004)`,
	},
	{
		Breaks: "a counter that stays is taken", File: "mongo/authenticators.go",
		Old: `lower := bson.E{Key: "$lt", Value: int64(counter)}`, New: `lower := bson.E{Key: "$lte", Value: int64(counter)}`, Run: `TestConformance$/PKY-007`,
	},
	{
		Breaks: "a record of another program is changed without another look what it is", File: "mongo/changes.go",
		Old: "	for _, field := range w.needs {\n		same = append(same, bson.E{Key: field, Value: asItIs(doc, field)})\n	}\n", New: "", Run: "TestAnOddCounterIsLookedAtAgain",
	},
	{
		Breaks: "a purge takes what another program keeps", File: "mongo/purge.go",
		Old: `append(coll.recordFilter(), bson.E{Key: coll.in("expires"), Value: past})`, New: `bson.D{{Key: coll.in("expires"), Value: past}}`, Run: "TestAPurgeLeavesOthersDocuments",
	},

	// Repair.
	{
		Breaks: "Repair deletes what is another user's by now", File: "mongo/repair.go",
		Old: `of.DeleteOne(ctx, append(byID(doc.Lookup("_id")), of.ownedAs(doc)))`, New: `of.DeleteOne(ctx, byID(doc.Lookup("_id")))`, Run: "TestRepairLooksAgain",
	},
	{
		Breaks: "Repair deletes what belongs to a user who is there by now", File: "mongo/repair.go",
		Old: "	if err != nil || leads {\n", New: "	if _ = leads; err != nil {\n", Run: "TestRepairLooksAgain",
	},
	{
		Breaks: "Repair writes an address that was changed meanwhile", File: "mongo/repair.go",
		Old: "c.users.UpdateOne(ctx, c.users.withEmail(id, email),", New: "c.users.UpdateOne(ctx, byID(id),", Run: "TestRepairLooksAgain",
	},
	{
		Breaks: "Repair does not look whether the twin who stays is there", File: "mongo/repair.go",
		Old: "	stands, err := has(ctx, from, stays)\n", New: "	stands, err := true, error(nil)\n", Run: "TestRepairIsRaced",
	},
	{
		Breaks: "Repair does not look whether something belongs to the twin who goes", File: "mongo/repair.go",
		Old: "stands, err = !used && !from.hasMore(doc), failed", New: "stands, err = used || !from.hasMore(doc), failed", Run: "TestRepairIsRaced",
	},
	{
		Breaks: "Repair takes a sign-up for cut that is under way", File: "mongo/survey.go",
		Old: "time.Now().Add(-aMinute)", New: "time.Now().Add(aMinute)", Run: "TestRepairWhatWasCut",
	},
}
