package format

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A linesDecoder reads lines that match a pattern.
type linesDecoder struct {
	pattern, ignore *regexp.Regexp // ignore may be nil
	names           []string
	groups          [][]int // of each name; of several the one that matches
}

func newLinesDecoder(pattern, ignore string) (*linesDecoder, error) {
	d := &linesDecoder{}
	var err error
	if d.pattern, err = regexp.Compile(pattern); err != nil {
		return nil, fmt.Errorf("pattern: %w", err)
	}
	if ignore != "" {
		if d.ignore, err = regexp.Compile(ignore); err != nil {
			return nil, fmt.Errorf("ignore: %w", err)
		}
	}
	at := map[string]int{}
	for i, name := range d.pattern.SubexpNames() {
		if name == "" {
			continue
		}
		if _, known := at[name]; !known {
			at[name] = len(d.names)
			d.names, d.groups = append(d.names, name), append(d.groups, nil)
		}
		d.groups[at[name]] = append(d.groups[at[name]], i)
	}
	if len(d.names) == 0 {
		return nil, errors.New("the pattern has no named group, (?P<name>…): its columns")
	}
	return d, nil
}

func (d *linesDecoder) header() []string { return d.names }
func (d *linesDecoder) quoted() byte     { return 0 }

var errNoMatch = errors.New("the line does not match the pattern")

func (d *linesDecoder) decode(line string) ([][]string, error) {
	match := d.pattern.FindStringSubmatch(line)
	if match == nil {
		if strings.TrimSpace(line) == "" || d.ignore != nil && d.ignore.MatchString(line) {
			return nil, nil
		}
		return nil, errNoMatch
	}
	fields := make([]string, len(d.names))
	for i, groups := range d.groups {
		for _, g := range groups {
			if match[g] != "" {
				fields[i] = match[g]
			}
		}
	}
	return [][]string{fields}, nil
}
