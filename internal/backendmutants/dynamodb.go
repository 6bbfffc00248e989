package backendmutants

const repairOfDynamoDB = "TestRepair|TestADeletedUserIsNotPutBack|TestAUser|TestTheGuardOfAGhost"

var dynamoDBMutants = []Mutant{
	// Guards.
	{
		Breaks: "an address stays taken by who has given it up", File: "dynamodb/claims.go",
		Old: "if err == nil && text(u[userEmail]) == c.email {", New: "if err == nil {", Run: "TestAnAddressWhoseGuardWasLeftIsFree",
	},
	{
		Breaks: "what belongs to a deleted user stays taken", File: "dynamodb/claims.go",
		Old: "	case user == nil:\n		return leftover{orphan: k}, nil\n", New: "", Run: "TestTheDeadHoldNothing",
	},
	{
		Breaks: "an expired session keeps its token until the service removes it", File: "dynamodb/claims.go",
		Old: "	case expired:\n		return leftover{expired: record}, nil\n", New: "", Run: `TestConformance$/LIM-007`,
	},
	{
		Breaks: "an expired verification token is in the way until the service removes it", File: "dynamodb/verificationtokens.go",
		Old: "hasExpired(s.options.Now())); err == nil {", New: "hasExpired(s.options.Now())); err != nil {", Run: `TestConformance$/VER-018`,
	},
	{
		Breaks: "an expired verification token that somebody has deleted is a conflict", File: "dynamodb/verificationtokens.go",
		Old: "		if _, _, err = s.take(ctx, tokenKey(t.Identifier, t.Token), hasExpired(s.options.Now())); err == nil {",
		New: "		var gone bool\n		if _, gone, err = s.take(ctx, tokenKey(t.Identifier, t.Token), hasExpired(s.options.Now())); gone {", Run: `TestConformance$/HLD-010`,
	},
	{
		Breaks: "an expired session is taken without another look whether it was extended", File: "dynamodb/claims.go",
		Old: "		steps = append(steps, c.s.removeRead(c.expired).otherwise(c.forget))\n", New: "", Run: "TestAnExtendedSessionKeepsItsToken",
	},
	{
		Breaks: "a record is evicted without another look whose it is", File: "dynamodb/claims.go",
		Old: "steps = append(steps, c.s.absent(userKey(partitionUser(c.orphan))).otherwise(c.forget), c.s.remove(c.orphan))", New: "steps = append(steps, c.s.remove(c.orphan))", Run: "TestWhatIsTakenIsLookedAtAgain",
	},
	{
		Breaks: "a guard is taken without another look whether its record is missing", File: "dynamodb/claims.go",
		Old: "		steps = append(steps, c.s.absent(c.missing).otherwise(c.forget))\n", New: "", Run: "TestWhatIsTakenIsLookedAtAgain",
	},
	{
		Breaks: "a guard is taken over that is another's by now", File: "dynamodb/transact.go",
		Old: "	condition, names, values := s.asRead(read)\n	return step{write: types.TransactWriteItem{Put", New: "	condition, names, values := s.asRead(nil)\n	if read != nil {\n		condition = isThere\n	}\n	return step{write: types.TransactWriteItem{Put", Run: "TestWhatIsTakenIsLookedAtAgain",
	},
	{
		Breaks: "a guard is released that is another's by now", File: "dynamodb/transact.go",
		Old: `"attribute_not_exists(#pk) OR #u=:u"`, New: `"attribute_not_exists(#pk) OR #u=:u OR #u<>:u"`, Run: `TestConformance$/(HLD|LIM-007)`,
	},
	{
		Breaks: "the body of a request is closed before net/http has seen its end", File: "dynamodb/calls.go",
		Old: "inMemory{r.connections.client(o.HTTPClient)}", New: "r.connections.client(o.HTTPClient)", Run: "TestAnEarlyReplyIsRead",
	},
	{
		Breaks: "a guard is released without another look whether its record is missing", File: "dynamodb/owned.go",
		Old: "return append(guard, w.s.absent(w.key).otherwise(w.turn)), nil", New: "return guard, nil", Run: `TestConformance$/HLD-007`,
	},
	{
		Breaks: "an address that is given up stays in the table", File: "dynamodb/users.go",
		Old: `if old != "" {`, New: `if old == "" {`, Run: `TestConformance$/(LIM-008|CAS-007)`,
	},
	{
		Breaks: "a token that names its user stays taken", File: "dynamodb/sessions.go",
		Old: "	c.guard = nil\n	return s.transact(ctx, c.write)\n", New: "	return adapter.Conflict(c.field)\n", Run: `TestConformance$/LIM-009`,
	},
	{
		Breaks: "an update of an account that is linked again meanwhile is told that it is taken", File: "dynamodb/accounts.go",
		Old: "if !errors.Is(err, adapter.ErrConflict) {", New: "if !errors.Is(err, errChanged) {", Run: `TestConformance$/HLD-007`,
	},
	{
		Breaks: "the guard of a session is left behind", File: "dynamodb/sessions.go",
		Old: "	it, ok, err := s.take(ctx, k, isUnguarded)\n", New: "	it, ok, err := s.take(ctx, k, is(fieldType, item{fieldType: str(typeSession)}))\n", Run: `TestConformance$/LIM-008`,
	},
	{
		Breaks: "the end of a session is sent again if its reply was lost", File: "dynamodb/sessions.go",
		Old: "	if err != nil || ok || len(it) == 0 {\n		return ok, err", New: "	if lost(err) {\n		_, _, err = s.take(ctx, k, isUnguarded)\n	}\n	if err != nil || ok || len(it) == 0 {\n		return ok, err", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a deletion of many is sent again by the SDK if its reply was lost", File: "dynamodb/items.go",
		Old: "BatchWriteItemInput{RequestItems: requests}, once)", New: "BatchWriteItemInput{RequestItems: requests})", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "a deletion of many is sent again if its reply was lost", File: "dynamodb/items.go",
		Old: "if err := s.batchWrite(ctx, map[string][]types.WriteRequest{s.options.Table: requests}); err != nil {",
		New: "send := func() error {\n			return s.batchWrite(ctx, map[string][]types.WriteRequest{s.options.Table: requests})\n		}\n		if err := send(); err != nil && !(lost(err) && send() == nil) {", Run: "TestCutsOnTheWire",
	},
	{
		Breaks: "the end of a session is done if it is gone and its request still under way", File: "dynamodb/sessions.go",
		Old: "	if err != nil || ok || len(it) == 0 {\n		return ok, err", New: "	if _, missing := s.get(ctx, k); lost(err) && errors.Is(missing, adapter.ErrNotFound) {\n		return false, nil\n	}\n	if err != nil || ok || len(it) == 0 {\n		return ok, err", Run: "TestALateDeletionTakesNothingNewer",
	},
	{
		Breaks: "the guards of a user's sessions are left behind", File: "dynamodb/sessions.go",
		Old: "		if it[fieldGuard] != nil {\n", New: "		if it[fieldGuard] == nil {\n", Run: `TestConformance$/(LIM-008|CAS)`,
	},
	{
		Breaks: "the guard of an extended session goes before it", File: "dynamodb/sessions.go",
		Old: `return e.name(fieldExpires) + "<" + e.value(until)`, New: `return e.name(fieldExpires) + ">" + e.value(until)`, Run: "TestAGuardLivesAsLongAsItsSession",
	},

	// Repetition.
	{
		Breaks: "a transaction that is tried again is another one", File: "dynamodb/transact.go",
		Old: "if !reflect.DeepEqual(in.TransactItems, writes) {", New: "if reflect.DeepEqual(writes, writes) {", Run: "TestALostReplyIsSuccessWhateverFollowed",
	},
	{
		Breaks: "a transaction does not know its own writes", File: "dynamodb/transact.go",
		Old: `if stamp := steps[i].stamp; stamp != "" && stampOf(reason.Item) == stamp {`, New: `if stamp := steps[i].stamp; stamp != "" && stampOf(reason.Item) == "" {`, Run: "TestATransactionIsKnownByItsStampsToo",
	},
	{
		Breaks: "the client repeats single writes", File: "dynamodb/calls.go",
		Old: "sparing{o.Retryer, lost}", New: "sparing{o.Retryer, busy}", Run: "TestAWriteIsNotMadeTwice",
	},
	{
		Breaks: "the client repeats the use of a one-time token", File: "dynamodb/verificationtokens.go",
		Old: "		}, once)\n", New: "		})\n", Run: "TestAOneTimeTokenIsTakenOnce",
	},
	{
		Breaks: "a write takes for its own what another one wrote", File: "dynamodb/items.go",
		Old: "return it, err == nil && stampOf(it) == stamp", New: "return it, err == nil", Run: "TestAWriteIsNotMadeTwice",
	},
	{
		Breaks: "a change of address does not look whether the user is as it was read", File: "dynamodb/transact.go",
		Old: "	condition, names, values := s.stillStamped(stampOf(read))\n	e := expression", New: "	condition, names, values := isThere, maps.Clone(s.pkNames), item(nil)\n	e := expression", Run: `TestConformance$/(HLD-00[35]|RAC-02)`,
	},
	{
		Breaks: "a look-up is not consistent", File: "dynamodb/open.go",
		Old: "s.newLookup(true), s.newLookup(false)", New: "s.newLookup(false), s.newLookup(false)", Run: "TestReadsAreConsistent",
	},
	{
		Breaks: "a list is not consistent", File: "dynamodb/items.go",
		Old: "TableName: s.table, ConsistentRead: aws.Bool(true), KeyConditionExpression", New: "TableName: s.table, ConsistentRead: aws.Bool(false), KeyConditionExpression", Run: "TestReadsAreConsistent",
	},

	// Shared requests.
	{
		Breaks: "reads at the same time get each other's items", File: "dynamodb/batch.go",
		Old: "f.items[i] = items[k]", New: "f.items[i] = items[wants[0][i]]", Run: "TestReadsShareRequests",
	},
	{
		Breaks: "what a request has left unprocessed is not there", File: "dynamodb/batch.go",
		Old: "			if left[k] {\n", New: "			if left[k] && ctx == nil {\n", Run: "TestUnprocessedKeysAreAskedForAgain",
	},
	{
		Breaks: "what was read before a part was left unprocessed is forgotten", File: "dynamodb/batch.go",
		Old: "				if it != nil {\n", New: "				if it != nil || got.left == (want{}) {\n", Run: "TestUnprocessedKeysAreAskedForAgain",
	},
	{
		Breaks: "all is asked for again if a part was left unprocessed", File: "dynamodb/batch.go",
		Old: "f.left[i] = k", New: "f.left = w", Run: "TestUnprocessedKeysAreAskedForAgain",
	},
	{
		Breaks: "a key of two reads is asked for twice", File: "dynamodb/batch.go",
		Old: "			if !seen[k] {\n", New: "			if k != (key{}) {\n", Run: "TestReadsShareRequests",
	},
	{
		Breaks: "a request has more keys than the service takes", File: "dynamodb/batch.go",
		Old: "maxBatchSize    = 50", New: "maxBatchSize    = 55", Run: "TestReadsShareRequests",
	},
	{
		Breaks: "a request of many waits for a part of the service that is busy", File: "dynamodb/batch.go",
		Old: "sparing{o.Retryer, busy}", New: "sparing{o.Retryer, lost}", Run: "TestAThrottledPartHarmsNobodyElse",
	},
	{
		Breaks: "a session that may be stale shares a request with reads that may not", File: "dynamodb/sessions.go",
		Old: "lookup = s.eventual", New: "lookup = s.lookup", Run: "TestConsistentReadsShareNoRequestWithOthers",
	},
	{
		Breaks: "a read that hangs in a shared request is not made once more", File: "dynamodb/batch.go",
		Old: "return inTime(ctx, l.s.client, func(ctx context.Context) (found, error) {", New: "return try(ctx, func() (found, error) {", Run: "TestAHangingRequestHoldsUpNobodyForLong",
	},
	{
		Breaks: "reads that wait when the adapter is closed wait on", File: "dynamodb/open.go",
		Old: "	s.lookup.close()\n", New: "", Run: "TestCloseWhileReadsWait",
	},
	{
		Breaks: "a read joins one of the same key that is on its way", File: "internal/batch/batch.go",
		Old: "		delete(g.byKey, c.key)\n", New: "", Run: `TestConformance$/BAT-005`,
	},
	{
		Breaks: "a caller who leaves ends the request of all", File: "internal/batch/batch.go",
		Old: "if c.in.wanted--; c.in.wanted == 0 {", New: "if c.in.wanted--; c.in.wanted >= 0 {", Run: "TestWhoLeavesASharedRequestEndsAlone",
	},

	// Deletion.
	{
		Breaks: "what belonged to a deleted user goes although its ID has a user again", File: "dynamodb/cascade.go",
		Old: "w.removeOwned([]step{w.s.stillDeleted(w.id)})", New: "w.removeOwned(nil)", Run: "TestADeletionEndsWithItsTombstone",
	},
	{
		Breaks: "a sweep goes on although the ID has a user again", File: "dynamodb/cascade.go",
		Old: "if _, err := s.get(ctx, tombstoneKey(id)); err != nil {", New: "if _, err := s.get(ctx, tombstoneKey(id)); absence(err) != nil {", Run: "TestAnIDStartsWithNothing|TestADeletionEndsWithItsTombstone",
		Harmless: "each step that deletes accounts and credentials looks for the tombstone itself, and nobody gets a token of a session twice",
	},
	{
		Breaks: "a new user does not look whether the ID was deleted once more", File: "dynamodb/users.go",
		Old: `aws.String("#s=:s")`, New: `aws.String("#s=:s OR #s<>:s")`, Run: `TestConformance$/HLD-006`,
	},
	{
		Breaks: "a new user is made without a sweep", File: "dynamodb/users.go",
		Old: "	return w.s.sweep(ctx, w.id, nil)\n", New: "	return nil\n", Run: `TestConformance$/CUT-110`,
	},
	{
		Breaks: "a deletion does not look whether the address is as it was read", File: "dynamodb/cascade.go",
		Old: `condition := *isThere + " AND " + is(userEmail, user)(&e)`, New: `condition := *isThere + " AND (attribute_exists(#pk) OR " + is(userEmail, user)(&e) + ")"`, Run: "TestADeletionTakesTheNewAddressAlong",
	},
	{
		Breaks: "deleted IDs are remembered for ever", File: "dynamodb/cascade.go",
		Old: "	w.item[fieldExpires] = number(seconds(s.options.Now().Add(tombstoneLife)))\n", New: "	_ = tombstoneLife\n", Run: "TestTombstonesLast",
	},

	// Sessions, counters, schema.
	{
		Breaks: "a session is extended at the moment that it ends", File: "dynamodb/sessions.go",
		Old: `") OR " + ms + ">" + e.value(number(now.UnixMilli())) + ")"`, New: `") OR " + ms + ">=" + e.value(number(now.UnixMilli())) + ")"`, Run: `TestConformance$/(SES-008|LIM-003|SES-004)`,
	},
	{
		Breaks: "a counter that stays is taken", File: "dynamodb/authenticators.go",
		Old: "max(int64(*w.counter)-1, 0)", New: "int64(*w.counter)", Run: `TestConformance$/PKY-007`,
	},
	{
		Breaks: "a counter of another program that stays is taken", File: "dynamodb/authenticators.go",
		Old: "!driver.CounterGrows(a.Counter, *w.counter) {", New: "*w.counter != a.Counter && !driver.CounterGrows(a.Counter, *w.counter) {", Run: `TestConformance$/(PKY-007|FOR-019)`,
	},
	{
		Breaks: "the table has no attribute of expiry", File: "dynamodb/schema.go",
		Old: "for _, more := range []func(context.Context) ([]problem, error){s.ttlProblems, s.backupProblems} {", New: "for _, more := range []func(context.Context) ([]problem, error){s.backupProblems} {", Run: "TestSchemaIsApplied|TestTablesThatWereMadeOtherwise",
	},

	// Repair.
	{
		Breaks: "Repair deletes a record whose user is there by now", File: "dynamodb/repair.go",
		Old: "steps := []step{s.absent(userKey(id)), s.removeRead(it)}", New: "steps := []step{s.removeRead(it)}", Run: repairOfDynamoDB,
	},
	{
		Breaks: "Repair deletes a guard that has changed", File: "dynamodb/repair.go",
		Old: "	condition, names, values := s.stillStamped(g.Ref)\n", New: "	condition, names, values := isThere, s.pkNames, item(nil)\n", Run: "TestRepairLooksAtGuardsAgain",
	},
	{
		Breaks: "Repair deletes a guard that leads somewhere by now", File: "dynamodb/repair.go",
		Old: "}}, failed: changed}, gone}, nil\n", New: "}}, failed: changed}}, nil\n", Run: repairOfDynamoDB,
	},
	{
		Breaks: "Repair deletes a user who has changed", File: "dynamodb/transact.go",
		Old: "	condition, names, values := s.asRead(it)\n	return step{write: types.TransactWriteItem{Delete", New: "	condition, names, values := isThere, s.pkNames, item(nil)\n	return step{write: types.TransactWriteItem{Delete", Run: repairOfDynamoDB,
	},
	{
		Breaks: "Repair deletes a user although the one who stays has another address by now", File: "dynamodb/repair.go",
		Old: "append(checks, s.removeRead(all[0]))", New: "append(checks[:0], s.removeRead(all[0]))", Run: repairOfDynamoDB,
	},
	{
		Breaks: "Repair puts a user back whom somebody has deleted", File: "dynamodb/repair.go",
		Old: "[]step{s.create(user, nil, changed), check}", New: "[]step{s.create(user, nil, changed)}", Run: repairOfDynamoDB,
	},
	{
		Breaks: "Repair makes a guard for a record that is gone", File: "dynamodb/repair.go",
		Old: "append(claimed.steps(), s.check(at, isThere, s.pkNames, nil))", New: "claimed.steps()", Run: "TestRepairLooksAtGuardsAgain",
	},
}
