package mongo_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/internal/measure"
	"github.com/authstore/authstore/mongo"
)

// After the primary has stepped down without waiting for the others, answered calls are
// still true: a user who signed up exists with the account, a deleted one does not. A
// failed call was applied as a whole or not at all.
func TestStepDowns(t *testing.T) {
	db := threeMembers.bare(t)
	store := open(t, db, mongo.Options{})
	const workers, signUps, stepDowns = 16, 150, 3
	people := make([]person, workers*signUps)
	done := make(chan struct{}, len(people))
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for i := range signUps {
				people[worker*signUps+i].live(t.Context(), store, fmt.Sprintf("person-%d-%d", worker, i))
				done <- struct{}{}
			}
		})
	}
	stepped := 0
	for range stepDowns {
		for range len(people) / (stepDowns + 1) {
			<-done
		}
		if stepDown(t, db.Client()) {
			stepped++
		}
	}
	running.Wait()
	if stepped == 0 {
		t.Fatal("no primary has stepped down")
	}
	failed := 0
	for i := range people {
		if err := cmp.Or(people[i].signedUp, people[i].deleted); err != nil {
			failed++
			if !errors.Is(err, adapter.ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", people[i].name, err)
			}
		}
		people[i].check(t, store)
	}
	t.Logf("%d of %d people met an error in %d step-downs", failed, len(people), stepped)
}

// stepDown makes the primary step down at once.
func stepDown(t *testing.T, client *driver.Client) bool {
	err := client.Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 0}, {Key: "force", Value: true},
	}).Err()
	if err != nil {
		t.Logf("replSetStepDown: %v", err)
	}
	return err == nil
}

// person signs up. Persons whose names have an even length are deleted.
type person struct {
	name              string
	id                string
	deletes           bool
	signedUp, deleted error
}

func (p *person) live(ctx context.Context, store adapter.Adapter, name string) {
	p.name = name
	u, _, err := store.CreateUserWithAccount(ctx, measure.TypicalUser(name), measure.TypicalAccount(name))
	p.id, p.signedUp = u.ID, err
	if p.deletes = err == nil && len(name)%2 == 0; p.deletes {
		p.deleted = store.DeleteUser(ctx, u.ID)
	}
}

func (p *person) check(t *testing.T, store adapter.Adapter) {
	t.Helper()
	user, byEmail := store.GetUserByEmail(t.Context(), measure.TypicalUser(p.name).Email)
	owner, byAccount := store.GetUserByAccount(t.Context(), measure.TypicalAccount(p.name).Key())
	for _, err := range []error{byEmail, byAccount} {
		if err != nil && !errors.Is(err, adapter.ErrNotFound) {
			t.Fatal(err)
		}
	}
	there := byEmail == nil
	switch {
	case there != (byAccount == nil) || user.ID != owner.ID:
		t.Errorf("%s is %q by e-mail and %q by account", p.name, user.ID, owner.ID)
	case p.deletes && p.deleted == nil && there:
		t.Errorf("%s was deleted, and is there", p.name)
	case !p.deletes && p.signedUp == nil && user.ID != p.id:
		t.Errorf("%s has signed up (%q), and is %q", p.name, p.id, user.ID)
	}
	if p.deletes && p.deleted == nil {
		accounts, err := store.ListAccounts(t.Context(), p.id)
		if err != nil || len(accounts) > 0 {
			t.Errorf("%s was deleted, and has %d accounts, %v", p.name, len(accounts), err)
		}
	}
}
