package authjshttp

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/authstore/authstore/adapter/authjs"
)

// openAPIDocument is the document as a test reads it.
type openAPIDocument struct{ root object }

var document = func() (d openAPIDocument) {
	if err := json.Unmarshal(OpenAPI(), &d.root); err != nil {
		panic(err)
	}
	return d
}()

// at returns what is at a path of the document.
func (d openAPIDocument) at(path ...string) object {
	v := d.root
	for _, name := range path {
		v, _ = v[name].(object)
	}
	return v
}

func (d openAPIDocument) operation(method string) object { return d.at("paths", "/v1/"+method, "post") }

// checkCall checks a request and its answer.
func (d openAPIDocument) checkCall(t *testing.T, method string, args, answer any) {
	t.Helper()
	op := d.operation(method)
	request := op["requestBody"].(object)["content"].(object)["application/json"].(object)["schema"]
	d.check(t, method+" of", request.(object), args)
	response := op["responses"].(object)["200"].(object)["content"].(object)["application/json"].(object)["schema"]
	d.check(t, "the answer of "+method, response.(object), answer)
}

func (d openAPIDocument) check(t *testing.T, what string, schema object, v any) {
	t.Helper()
	if problem := d.mismatch(schema, v); problem != "" {
		t.Errorf("%s does not fit the OpenAPI document: %s", what, problem)
	}
}

// mismatch says how a value does not fit a schema, of the parts of JSON Schema that the document has.
func (d openAPIDocument) mismatch(schema object, v any) string {
	for keyword, want := range schema {
		problem := ""
		switch keyword {
		case "description", "format", "additionalProperties", "maxLength":
		case "$ref":
			problem = d.mismatch(d.at(strings.Split(strings.TrimPrefix(want.(string), "#/"), "/")...), v)
		case "oneOf":
			if !slices.ContainsFunc(want.([]any), func(one any) bool { return d.mismatch(one.(object), v) == "" }) {
				problem = fmt.Sprintf("%v is none of those", v)
			}
		case "type":
			problem = typeMismatch(want, v)
		case "enum":
			if !slices.Contains(want.([]any), v) {
				problem = fmt.Sprintf("%v is not one of %v", v, want)
			}
		case "properties", "required":
			o, _ := v.(object)
			problem = d.membersMismatch(schema, o)
		case "items":
			for _, e := range v.([]any) {
				problem += d.mismatch(want.(object), e)
			}
		case "prefixItems":
			for i, one := range want.([]any) {
				problem += d.mismatch(one.(object), v.([]any)[i])
			}
		case "minItems", "maxItems":
			if float64(len(v.([]any))) != want {
				problem = fmt.Sprintf("%d items", len(v.([]any)))
			}
		case "minimum", "maximum":
		default:
			problem = "the keyword " + keyword + " is not known to the test"
		}
		if problem != "" {
			return problem
		}
	}
	return ""
}

func (d openAPIDocument) membersMismatch(schema, o object) string {
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := o[name.(string)]; !ok {
			return fmt.Sprintf("%v is missing", name)
		}
	}
	properties, _ := schema["properties"].(object)
	for name, v := range o {
		if one, ok := properties[name].(object); ok {
			if problem := d.mismatch(one, v); problem != "" {
				return name + ": " + problem
			}
		} else if schema["additionalProperties"] == false {
			return name + " is not in it"
		}
	}
	return ""
}

func typeMismatch(want, v any) string {
	is := func(kind any) bool {
		switch v := v.(type) {
		case nil:
			return kind == "null"
		case string:
			return kind == "string"
		case bool:
			return kind == "boolean"
		case float64:
			return kind == "number" || kind == "integer" && v == math.Trunc(v)
		case []any:
			return kind == "array"
		}
		return kind == "object"
	}
	kinds, ok := want.([]any)
	if !ok {
		kinds = []any{want}
	}
	if !slices.ContainsFunc(kinds, is) {
		return fmt.Sprintf("%v is not %v", v, want)
	}
	return ""
}

// The document has the methods, parameters, fields and kinds of the code, and no others.
func TestOpenAPIIsThatOfTheCode(t *testing.T) {
	got := map[string]method{}
	for path, item := range document.at("paths") {
		name, ok := strings.CutPrefix(path, "/v1/")
		if !ok {
			continue
		}
		op := item.(object)["post"].(object)
		args := op["requestBody"].(object)["content"].(object)["application/json"].(object)["schema"].(object)["prefixItems"].([]any)
		got[name] = method{params: len(args), creating: op["parameters"] != nil}
		if op["operationId"] != name {
			t.Errorf("%s has the operationId %v", path, op["operationId"])
		}
	}
	for name, m := range methods {
		if of, ok := got[name]; !ok || of.params != m.params || of.creating != m.creating {
			t.Errorf("%s: the document has %+v, the code %+v", name, of, m)
		}
	}
	if len(got) != len(methods) {
		t.Errorf("the document has %d methods, the code %d", len(got), len(methods))
	}
	for record, names := range map[string][]string{
		"User": authjs.UserFields(), "Account": authjs.AccountFields(), "Session": authjs.SessionFields(),
		"VerificationToken": authjs.VerificationTokenFields(), "Authenticator": authjs.AuthenticatorFields(),
	} {
		properties := slices.Sorted(maps.Keys(document.at("components", "schemas", record, "properties")))
		if slices.Sort(names); !slices.Equal(properties, names) {
			t.Errorf("%s: the document has %q, the code %q", record, properties, names)
		}
	}
	kinds := slices.AppendSeq([]string{kindUnauthorized, kindMalformed, kindTooLarge, kindUnknownMethod}, maps.Keys(statuses))
	slices.Sort(kinds)
	documented := fmt.Sprint(document.at("components", "schemas", "Error", "properties", "kind")["enum"])
	if documented != fmt.Sprint(kinds) {
		t.Errorf("the document has the kinds %s, the code %s", documented, kinds)
	}
	if v := document.at("components", "headers", "Version", "schema")["const"]; v != Version {
		t.Errorf("the document has the version %v", v)
	}
}
