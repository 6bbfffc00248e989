package fauna

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/authstore/authstore/adapter"
)

// PrintSchema implements adapter.SchemaPrinter, by the queries with which ApplySchema makes
// collections that are not there.
func (s *store) PrintSchema(context.Context) ([]adapter.SchemaText, error) {
	var b strings.Builder
	for _, c := range s.schema() {
		definition, err := json.Marshal(map[string]any{"name": c.name, "indexes": definitions(c.indexes), "constraints": constraint(c.unique)})
		if err != nil {
			return nil, err
		}
		b.WriteString("Collection.create(" + string(definition) + ")\n")
	}
	return []adapter.SchemaText{{Name: "collections", Use: "queries in FQL, each of which makes a collection", Text: b.String()}}, nil
}
