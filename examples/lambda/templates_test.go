package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authstore/authstore/adapter"
	"github.com/authstore/authstore/dynamodb"
)

// table is the one that the templates make: without the index, which only the published adapter
// of Auth.js needs.
var table = dynamodb.Options{Table: "authstore", NoIndex: true}

// read returns a template, or what package dynamodb prints.
func read(t *testing.T, text []byte, err error) (document any) {
	t.Helper()
	check(t, err)
	check(t, json.Unmarshal(text, &document))
	return document
}

func file(t *testing.T, name string) any {
	t.Helper()
	text, err := os.ReadFile(name)
	return read(t, text, err)
}

// at returns the part of a document on a path.
func at(t *testing.T, document any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, _ := document.(map[string]any)
		if document = object[name]; document == nil {
			t.Fatalf("nothing is at %s of %s", name, strings.Join(path, "."))
		}
	}
	return document
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// The table and the policy of the CloudFormation template are those that package dynamodb prints.
func TestCloudFormation(t *testing.T) {
	template := file(t, "template.json")
	text, err := dynamodb.CloudFormation(table)
	same(t, "the table", at(t, template, "Resources", "Authstore"), at(t, read(t, text, err), "Resources", "Authstore"))

	const arn = "ARN"
	text, err = dynamodb.Policy(table, arn, false)
	text = bytes.ReplaceAll(text, []byte(`"`+arn+`"`), []byte(`{"Fn::GetAtt": ["Authstore", "Arn"]}`))
	policies, _ := at(t, template, "Resources", "Role", "Properties", "Policies").([]any)
	if len(policies) != 1 {
		t.Fatalf("got %d policies, want one", len(policies))
	}
	same(t, "the policy", at(t, policies[0], "PolicyDocument"), read(t, text, err))

	for _, name := range []string{"Adapter", "Session"} {
		function := at(t, template, "Resources", name, "Properties")
		inTime(t, at(t, function, "Timeout"))
		opens(t, at(t, function, "Environment", "Variables", "AUTHSTORE_URL", "Fn::Sub").(string), "${Authstore}")
		same(t, "AUTHSTORE_FUNCTION", at(t, function, "Environment", "Variables", "AUTHSTORE_FUNCTION"), any(strings.ToLower(name)))
		same(t, "the mode of lambdaurl", at(t, template, "Resources", name+"Url", "Properties", "InvokeMode"), any("RESPONSE_STREAM"))
	}
}

// inTime checks that a function has time left when a call has ended.
func inTime(t *testing.T, seconds any) {
	t.Helper()
	if timeout := time.Duration(seconds.(float64)) * time.Second; timeout <= callTimeout {
		t.Errorf("functions end after %s, and calls after %s", timeout, callTimeout)
	}
}

// opens checks that a URL is one of the table, which it refers to, and that it has no index.
func opens(t *testing.T, url, reference string) {
	t.Helper()
	if !strings.Contains(url, reference) || !strings.Contains(url, "no_index=true") {
		t.Errorf("got %s, want the table %s without an index", url, reference)
	}
	t.Setenv("AWS_REGION", "eu-central-1") // as Lambda does
	store, err := adapter.Open(t.Context(), strings.ReplaceAll(url, reference, table.Table))
	check(t, err)
	check(t, store.Close())
}

// cfn-lint knows what CloudFormation takes. make setup installs it.
func TestCloudFormationLint(t *testing.T) {
	installed, err := filepath.Abs("../../build/cfn-lint")
	check(t, err)
	run := func(argument string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "python3", "-c", "import sys; from cfnlint.runner import main; sys.exit(main())", argument)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+installed)
		return cmd.CombinedOutput()
	}
	if out, err := run("--version"); err != nil {
		end := t.Skipf
		if os.Getenv("CI") != "" {
			end = t.Fatalf
		}
		end("no cfn-lint, which make setup installs: %v\n%s", err, out)
	}
	if out, err := run("template.json"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// reference is what a Terraform expression takes from elsewhere in the configuration.
var reference = regexp.MustCompile(`\b(var\.\w+|aws_\w+\.\w+)`)

// The table and the policy of the Terraform configuration are those that package dynamodb prints,
// and all that it refers to is there.
func TestTerraform(t *testing.T) {
	configuration := file(t, "main.tf.json")
	resources := at(t, configuration, "resource")
	text, err := dynamodb.Terraform(table)
	same(t, "the table", at(t, resources, "aws_dynamodb_table"), at(t, read(t, text, err), "resource", "aws_dynamodb_table"))

	text, err = dynamodb.Policy(table, "${aws_dynamodb_table.authstore.arn}", false)
	policy := at(t, resources, "aws_iam_role_policy", "authstore", "policy").(string)
	same(t, "the policy", read(t, []byte(policy), nil), read(t, text, err))

	function := at(t, resources, "aws_lambda_function", "authstore")
	inTime(t, at(t, function, "timeout"))
	variables := at(t, function, "environment", "variables").(string)
	_, url, _ := strings.Cut(variables, `AUTHSTORE_URL = "`)
	url, _, _ = strings.Cut(url, `"`)
	opens(t, url, "${aws_dynamodb_table.authstore.name}")
	same(t, "the mode of lambdaurl", at(t, resources, "aws_lambda_function_url", "authstore", "invoke_mode"), any("RESPONSE_STREAM"))

	all, err := os.ReadFile("main.tf.json")
	check(t, err)
	found := reference.FindAllString(string(all), -1)
	if len(found) < 10 {
		t.Errorf("got %d references", len(found))
	}
	for _, name := range found {
		path := strings.Split(name, ".")
		if path[0] == "var" {
			at(t, configuration, "variable", path[1])
			continue
		}
		at(t, resources, path...)
	}
}

// Both templates give each variable that the program needs, and the permissions that a Function
// URL for everybody needs.
func TestTemplatesAgree(t *testing.T) {
	for _, name := range []string{"template.json", "main.tf.json"} {
		text, err := os.ReadFile(name)
		check(t, err)
		for _, part := range []string{
			"AUTHSTORE_URL", "AUTHSTORE_FUNCTION", "AUTHSTORE_SECRET", "provided.al2023", `"bootstrap"`, "lambda:InvokeFunctionUrl", `"lambda:InvokeFunction"`,
		} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
	}
}
