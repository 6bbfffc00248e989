package fauna

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// What is printed has all that CheckSchema compares.
func TestPrintedCollections(t *testing.T) {
	s := &store{names: Collections{Users: "People"}.withDefaults()}
	texts, err := s.PrintSchema(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	printed := map[string]map[string]any{}
	for line := range strings.Lines(texts[0].Text) {
		var definition map[string]any
		if err := json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(line, "Collection.create("), ")\n")), &definition); err != nil {
			t.Fatal(err)
		}
		for _, index := range definition["indexes"].(map[string]any) {
			index.(map[string]any)["queryable"] = true // as a server answers once it is built
		}
		for _, constraint := range definition["constraints"].([]any) {
			constraint.(map[string]any)["status"] = "active"
		}
		printed[definition["name"].(string)] = definition
	}
	if printed["People"] == nil || len(printed) != len(s.schema()) {
		t.Errorf("got %v", reflect.ValueOf(printed).MapKeys())
	}
	for _, c := range s.schema() {
		if d := c.compare(printed[c.name]); len(d.problems) > 0 {
			t.Errorf("%s: %+v", c.name, d.problems)
		}
	}
}
