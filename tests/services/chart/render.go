// Renders templates as Helm does: Go's text/template with the few functions that the chart uses.
// Reads {"values", "namespace", "files", "templates"} as JSON and writes the rendered text of each template by name.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
)

type files map[string]string

// Get is what templates call for a file of the chart.
func (f files) Get(name string) string { return f[name] }

func toJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

func orDefault(fallback, value any) any {
	if value == nil || value == "" {
		return fallback
	}
	return value
}

func omit(from map[string]any, names ...string) map[string]any {
	left := map[string]any{}
	for name, value := range from {
		left[name] = value
	}
	for _, name := range names {
		delete(left, name)
	}
	return left
}

func main() {
	var input struct {
		Values    map[string]any
		Namespace string
		Files     files
		Templates map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		fail("the input", err)
	}
	functions := template.FuncMap{"toJson": toJSON, "default": orDefault, "omit": omit}
	context := map[string]any{"Values": input.Values, "Files": input.Files, "Release": map[string]any{"Namespace": input.Namespace, "Name": "nodeagent"}}
	rendered := map[string]string{}
	for name, text := range input.Templates {
		parsed, err := template.New(name).Funcs(functions).Option("missingkey=error").Parse(text)
		if err != nil {
			fail(name, err)
		}
		var out strings.Builder
		if err := parsed.Execute(&out, context); err != nil {
			fail(name, err)
		}
		rendered[name] = out.String()
	}
	if err := json.NewEncoder(os.Stdout).Encode(rendered); err != nil {
		fail("the output", err)
	}
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}
