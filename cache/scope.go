package cache

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
)

// A Scope is a set of values to invalidate. See Key, Name, Pattern, Tag, Touched,
// Tenant and All.
type Scope struct{ kind, name, params string }

// Key returns the scope of one value: a memo's for the parameters whose Key is
// params.
func Key(memo, params string) Scope { return Scope{"key", memo, params} }

// Name returns the scope of all values of the memo with this name.
func Name(memo string) Scope { return Scope{"memo", memo, ""} }

// Pattern returns the scope of the memos whose names match, as in [path.Match]:
// "economy.*".
func Pattern(pattern string) Scope { return Scope{"pattern", pattern, ""} }

// Tag returns the scope of the memos that carry the tag.
func Tag(tag string) Scope { return Scope{"tag", tag, ""} }

// Touched is Tag for a write: it is no error when no memo carries the tag.
func Touched(tag string) Scope { return Scope{"touched", tag, ""} }

// Tenant returns the scope of all values of the cache's space.
func Tenant() Scope { return Scope{"tenant", "", ""} }

// All returns the scope of all values in the store, those of other tenants
// included.
func All() Scope { return Scope{"all", "", ""} }

// The names of scopes in the store.
const scopeAll = "all"

func scopeTenant(space string) string       { return "tenant:" + space }
func scopeMemo(space, memo string) string   { return "memo:" + space + ":" + memo }
func scopeTag(space, tag string) string     { return "tag:" + space + ":" + tag }
func scopeKey(space, memo, p string) string { return "key:" + space + ":" + memo + ":" + p }

// An UnknownMemoError reports that no memo has a name or matches a pattern.
type UnknownMemoError struct {
	Name  string
	Known []string // the names that there are
}

func (e *UnknownMemoError) Error() string {
	return fmt.Sprintf("there is no memo %q (there are %s)", e.Name, strings.Join(e.Known, ", "))
}

// An UnknownTagError reports that no memo has a tag.
type UnknownTagError struct {
	Name  string
	Known []string // the names that there are
}

func (e *UnknownTagError) Error() string {
	return fmt.Sprintf("no memo has the tag %q (there are %s)", e.Name, strings.Join(e.Known, ", "))
}

// A MalformedError reports a key or a pattern that cannot match anything.
type MalformedError struct {
	What string // as in "key stats:personal"
	Why  string
}

func (e *MalformedError) Error() string { return fmt.Sprintf("the %s is malformed: %s", e.What, e.Why) }

// String returns the scope as operators read it: "memo economy.overview".
func (s Scope) String() string {
	switch s.kind {
	case "key":
		return "key " + keyName(s.name, s.params)
	case "touched":
		return "tag " + s.name
	case "tenant", "all":
		return s.kind
	default:
		return s.kind + " " + s.name
	}
}

// resolve returns the names of the scopes in the store. A scope that matches
// nothing is an error: it is a mistake, and must not look like a success.
func (c *Cache) resolve(scopes []Scope) (names []string, err error) {
	for _, s := range scopes {
		switch s.kind {
		case "key":
			names = append(names, scopeKey(c.space, s.name, s.params))
			if _, err = c.named(s.name); err == nil {
				err = checkParams(s.name, s.params)
			}
		case "memo":
			names = append(names, scopeMemo(c.space, s.name))
			_, err = c.named(s.name)
		case "tag":
			names = append(names, scopeTag(c.space, s.name))
			err = c.checkTag(s.name)
		case "touched":
			names = append(names, scopeTag(c.space, s.name))
		case "tenant":
			names = append(names, scopeTenant(c.space))
		case "all":
			names = append(names, scopeAll)
		case "pattern":
			var matched []string
			matched, err = c.matching(s.name)
			for _, memo := range matched {
				names = append(names, scopeMemo(c.space, memo))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// checkParams returns a *MalformedError for parameters that no key can have. A
// line break would end the scope in a message.
func checkParams(memo, params string) error {
	if strings.ContainsFunc(params, unicode.IsControl) {
		return &MalformedError{What: fmt.Sprintf("key %q", keyName(memo, params)), Why: "it has control characters"}
	}
	return nil
}

// checkTag returns an *UnknownTagError unless a memo carries the tag.
func (c *Cache) checkTag(tag string) error {
	var known []string
	for _, m := range c.all() {
		known = append(known, m.spec.Tags...)
	}
	slices.Sort(known)
	if known = slices.Compact(known); !slices.Contains(known, tag) {
		return &UnknownTagError{tag, known}
	}
	return nil
}

// named returns the memo with a name, or an *UnknownMemoError.
func (c *Cache) named(name string) (*memo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m, ok := c.memos[name]; ok {
		return m, nil
	}
	return nil, &UnknownMemoError{name, slices.Sorted(maps.Keys(c.memos))}
}

// matching returns the names of the memos that a pattern matches. The error is a
// *MalformedError, or an *UnknownMemoError when there are none.
func (c *Cache) matching(pattern string) ([]string, error) {
	var names, known []string
	for _, m := range c.all() {
		known = append(known, m.spec.Name)
		ok, err := path.Match(pattern, m.spec.Name)
		if err != nil {
			return nil, &MalformedError{What: fmt.Sprintf("pattern %q", pattern), Why: "write it as economy.*"}
		}
		if ok {
			names = append(names, m.spec.Name)
		}
	}
	if len(names) == 0 {
		return nil, &UnknownMemoError{pattern, known}
	}
	return names, nil
}
