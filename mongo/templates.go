package mongo

import (
	"context"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/authstore/authstore/adapter"
)

// PrintSchema implements adapter.SchemaPrinter, by commands for mongosh. It looks up a
// mongodb+srv name, and nothing else.
func (s *store) PrintSchema(ctx context.Context) ([]adapter.SchemaText, error) {
	c, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	database := c.users.Database().Name()
	all := []adapter.SchemaText{
		{Name: "indexes", Use: "commands for mongosh, in the database " + database},
		{Name: "role", Use: "the role of the application, for mongosh in the database " + database},
		{Name: "schema-role", Use: "the role of who makes, checks and repairs the indexes, for mongosh in the database " + database},
	}
	for i, commands := range [][]bson.D{c.createIndexes(), {c.createRole("authstore", false)}, {c.createRole("authstoreSchema", true)}} {
		if all[i].Text, err = shell(commands); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// shell returns commands as lines for mongosh.
func shell(commands []bson.D) (string, error) {
	var b strings.Builder
	for _, command := range commands {
		text, err := bson.MarshalExtJSON(command, false, false)
		if err != nil {
			return "", err
		}
		b.WriteString("db.runCommand(" + string(text) + ")\n")
	}
	return b.String(), nil
}

// createIndexes returns a command for each collection.
func (c *collections) createIndexes() []bson.D {
	var commands []bson.D
	for _, coll := range c.all() {
		described := bson.A{}
		for _, i := range c.indexes() {
			if i.collection == coll {
				described = append(described, i.description())
			}
		}
		commands = append(commands, bson.D{{Key: "createIndexes", Value: coll.Name()}, {Key: "indexes", Value: described}})
	}
	return commands
}

// description is the index as the command createIndexes takes it.
func (i index) description() bson.D {
	d := bson.D{{Key: "key", Value: i.keys()}, {Key: "name", Value: strings.Join(i.fields, "_1_") + "_1"}}
	if i.unique {
		d = append(d, bson.E{Key: "unique", Value: true})
	}
	if i.texts {
		d = append(d, bson.E{Key: "partialFilterExpression", Value: i.partial()})
	}
	if i.ttl {
		d = append(d, bson.E{Key: "expireAfterSeconds", Value: 0})
	}
	return d
}

// The actions that an adapter needs on each of its collections, and what ApplySchema,
// CheckSchema and Repair need beside them.
var (
	collectionActions = bson.A{"find", "insert", "update", "remove", "listIndexes"}
	schemaActions     = bson.A{"createIndex", "createCollection"}
)

// createRole returns the command that makes a role with the least privileges.
func (c *collections) createRole(name string, withSchema bool) bson.D {
	privileges := bson.A{}
	allow := func(collection string, actions bson.A) {
		resource := bson.D{{Key: "db", Value: c.users.Database().Name()}, {Key: "collection", Value: collection}}
		privileges = append(privileges, bson.D{{Key: "resource", Value: resource}, {Key: "actions", Value: actions}})
	}
	actions := collectionActions
	if withSchema {
		actions = append(actions[:len(actions):len(actions)], schemaActions...)
		allow("", bson.A{"listCollections"})
	}
	for _, coll := range c.all() {
		allow(coll.Name(), actions)
	}
	return bson.D{{Key: "createRole", Value: name}, {Key: "privileges", Value: privileges}, {Key: "roles", Value: bson.A{}}}
}
