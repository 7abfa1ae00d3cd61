package aggregates

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Thresholds are those that are configured, by the name of the sign.
type Thresholds map[string]Threshold

// A Threshold is within what a sign is good, and beyond what it is bad.
type Threshold struct{ Watch, Bad Bounds }

// SignNames returns the names of all signs.
func SignNames() []string {
	var names []string
	for _, k := range signKinds() {
		names = append(names, k.name)
	}
	return names
}

// ParseThresholds reads thresholds by the name of a sign:
// "money=watch:-5%..8%,bad:-20%..20%;freshness=watch:..2h". A bound may be missing.
// What is not given stays as it is by default. The error says what to write.
func ParseThresholds(text string) (Thresholds, error) {
	all := Thresholds{}
	for entry := range strings.SplitSeq(text, ";") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		name, limits, ok := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(signKinds(), func(k signKind) bool { return k.name == name })
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("threshold %q: write it as sign=watch:low..high,bad:low..high, such as money=watch:-5%%..5%%", entry)
		case i < 0:
			return nil, fmt.Errorf("threshold %q: there is no sign %q: there are %s", entry, name, strings.Join(SignNames(), ", "))
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("threshold %q: %s has one already: write both its limits in one", entry, name)
		}
		t, err := signKinds()[i].parse(limits)
		if err != nil {
			return nil, fmt.Errorf("threshold %q: %w", entry, err)
		}
		all[name] = t
	}
	return all, nil
}

func (k signKind) parse(text string) (Threshold, error) {
	t := Threshold{k.watch, k.bad}
	seen := map[string]bool{}
	for limit := range strings.SplitSeq(text, ",") {
		name, bounds, _ := strings.Cut(strings.TrimSpace(limit), ":")
		to := map[string]*Bounds{"watch": &t.Watch, "bad": &t.Bad}[name]
		switch {
		case to == nil:
			return t, fmt.Errorf("there is no limit %q: there are watch and bad", name)
		case seen[name]:
			return t, fmt.Errorf("%s is set twice", name)
		}
		seen[name] = true
		low, high, ok := strings.Cut(bounds, "..")
		if !ok {
			return t, fmt.Errorf("%s: %q is not a range such as -5%%..5%% or ..6h", name, bounds)
		}
		*to = Bounds{}
		for _, side := range []struct {
			text string
			to   **float64
		}{{low, &to.Low}, {high, &to.High}} {
			if side.text == "" {
				continue
			}
			v, err := k.number(side.text)
			if err != nil {
				return t, fmt.Errorf("%s: %w", name, err)
			}
			*side.to = &v
		}
		if to.Low != nil && to.High != nil && *to.Low > *to.High {
			return t, fmt.Errorf("%s: %s is above %s", name, low, high)
		}
	}
	if t.Watch.Low != nil && !t.Bad.hold(*t.Watch.Low) || t.Watch.High != nil && !t.Bad.hold(*t.Watch.High) {
		return t, fmt.Errorf("the range of watch reaches beyond that of bad")
	}
	return t, nil
}

// number reads a bound: a duration where the sign is one, a number, or a percentage.
func (k signKind) number(text string) (v float64, err error) {
	if k.unit == SignSeconds {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 90m or 6h", text)
		}
		v = d.Seconds()
	} else {
		digits, percent := strings.CutSuffix(text, "%")
		if v, err = strconv.ParseFloat(digits, 64); err != nil {
			return 0, fmt.Errorf("%q is not a number such as 0.05 or 5%%", text)
		}
		if percent {
			v /= 100
		}
	}
	if !(v >= *k.limits.Low && v <= *k.limits.High) { // not a number is neither
		return 0, fmt.Errorf("%s is beyond %s..%s", text, k.write(*k.limits.Low), k.write(*k.limits.High))
	}
	return v, nil
}

// write is the reverse of number.
func (k signKind) write(v float64) string {
	if k.unit == SignSeconds {
		return (time.Duration(v) * time.Second).String()
	}
	return number(v)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// String returns the thresholds in the syntax of ParseThresholds, by name.
func (t Thresholds) String() string {
	var all []string
	for _, k := range signKinds() {
		if limits, ok := t[k.name]; ok {
			all = append(all, k.name+"=watch:"+k.rangeOf(limits.Watch)+",bad:"+k.rangeOf(limits.Bad))
		}
	}
	return strings.Join(all, ";")
}

func (k signKind) rangeOf(b Bounds) string {
	text := ".."
	if b.Low != nil {
		text = k.write(*b.Low) + text
	}
	if b.High != nil {
		text += k.write(*b.High)
	}
	return text
}

// A SignLimits is a sign of health with the thresholds that hold for it, and without a value.
type SignLimits struct {
	Sign
	Configured bool // they are not those of the program
}

// InForce returns the thresholds of all signs, in the order in which they are shown.
func (t Thresholds) InForce() []SignLimits {
	var all []SignLimits
	for _, k := range signKinds() {
		limits, configured := t[k.name]
		if !configured {
			limits = Threshold{k.watch, k.bad}
		}
		all = append(all, SignLimits{Sign{Name: k.name, Title: k.title, Unit: k.unit, By: k.by, Watch: limits.Watch, Bad: limits.Bad}, configured})
	}
	return all
}
