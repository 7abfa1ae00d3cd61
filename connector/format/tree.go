package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A tree is a document of maps, lists and texts.
type tree = any

// treeRows turns trees into rows, by paths such as data.transaction.id.
type treeRows struct {
	each  []string
	paths [][]string // of the columns
}

// keyName as a column is the key of a row that is an entry of a map.
const keyName = "@key"

func newTreeRows(each string, columns []string) *treeRows {
	t := &treeRows{}
	if each != "" {
		t.each = strings.Split(each, ".")
	}
	for _, c := range columns {
		t.paths = append(t.paths, strings.Split(c, "."))
	}
	return t
}

func (t *treeRows) of(text []byte, parse func([]byte) (tree, error), row func(fields []string) error) error {
	doc, err := parse(text)
	if err != nil {
		return err
	}
	return t.rows(doc, row)
}

// rows calls row for each element at the path of each. A list on the way is gone through;
// * is all entries of a map.
func (t *treeRows) rows(doc tree, row func(fields []string) error) error {
	return t.walk([]tree{doc}, t.each, "", row)
}

func (t *treeRows) walk(scopes []tree, each []string, key string, row func(fields []string) error) error {
	inner := scopes[len(scopes)-1]
	if list, is := inner.([]any); is {
		for _, element := range list {
			if err := t.walk(append(scopes[:len(scopes)-1:len(scopes)-1], element), each, key, row); err != nil {
				return err
			}
		}
		return nil
	}
	if len(each) == 0 {
		if inner == nil {
			return nil
		}
		return row(t.fields(scopes, key))
	}
	m, _ := inner.(map[string]any)
	if each[0] == "*" {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if err := t.walk(append(scopes[:len(scopes):len(scopes)], m[k]), each[1:], k, row); err != nil {
				return err
			}
		}
		return nil
	}
	return t.walk(append(scopes[:len(scopes):len(scopes)], m[each[0]]), each[1:], key, row)
}

// fields returns the values of the columns: each of the innermost scope that has the first
// key of its path.
func (t *treeRows) fields(scopes []tree, key string) []string {
	fields := make([]string, len(t.paths))
	for i, path := range t.paths {
		if path[0] == keyName {
			fields[i] = key
			continue
		}
		for _, scope := range slices.Backward(scopes) {
			m, _ := scope.(map[string]any)
			if v, has := m[path[0]]; has {
				fields[i] = lookup(v, path[1:])
				break
			}
		}
	}
	return fields
}

// lookup returns the text at a path; none if a list or a map is there.
func lookup(v tree, path []string) string {
	for _, key := range path {
		switch of := v.(type) {
		case map[string]any:
			v = of[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(of) {
				return ""
			}
			v = of[i]
		default:
			return ""
		}
	}
	switch of := v.(type) {
	case string:
		return of
	case json.Number:
		return Plain(of.String())
	case bool:
		return strconv.FormatBool(of)
	}
	return ""
}

// Plain returns a number without an exponent, as long as that is not too long.
func Plain(number string) string {
	_, exponent, has := strings.Cut(strings.ToLower(number), "e")
	if n, err := strconv.Atoi(exponent); !has || err != nil || n < -40 || n > 40 {
		return number
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return number
	}
	digits, _ := r.FloatPrec()
	return r.FloatString(digits)
}

func parseJSON(text []byte) (tree, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc tree
	if err := dec.Decode(&doc); err != nil {
		return nil, errors.New("it is not JSON: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is not JSON: text comes after its end")
	}
	return doc, nil
}

// An ndjsonDecoder reads a JSON document a line.
type ndjsonDecoder struct{ *treeRows }

func (d ndjsonDecoder) header() []string { return nil }
func (d ndjsonDecoder) quoted() byte     { return 0 }

func (d ndjsonDecoder) decode(line string) (rows [][]string, err error) {
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	err = d.of([]byte(line), parseJSON, func(fields []string) error {
		rows = append(rows, fields)
		return nil
	})
	return rows, err
}

const (
	maxNodes = 1 << 20 // of a YAML document, with what its aliases stand for
	maxDepth = 200
)

func parseYAML(text []byte) (tree, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, errors.New("it is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: "))
	}
	nodes := 0
	return yamlTree(&root, 0, &nodes)
}

// yamlTree returns a node with its scalars as they are written.
func yamlTree(n *yaml.Node, depth int, nodes *int) (tree, error) {
	if *nodes++; *nodes > maxNodes || depth > maxDepth {
		return nil, errors.New("the YAML is too large or too deep")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return yamlTree(n.Content[0], depth+1, nodes)
	case yaml.AliasNode:
		return yamlTree(n.Alias, depth+1, nodes)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := yamlTree(c, depth+1, nodes)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			v, err := yamlTree(n.Content[i+1], depth+1, nodes)
			if err != nil {
				return nil, err
			}
			m[n.Content[i].Value] = v
		}
		return m, nil
	}
	if n.Tag == "!!null" {
		return nil, nil
	}
	return n.Value, nil
}
