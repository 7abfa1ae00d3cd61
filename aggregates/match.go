package aggregates

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// A Matcher finds the items that people mean. It is made once for a value of prices,
// and never changed.
//
// A text means the item with this ref. Otherwise case does not matter, and "_", "-"
// and spaces are alike; then a text means, in this order, the items with this ref or
// name; without a namespace those that have it in any, "diamond" being
// "minecraft:diamond", and with one those that have none; and those that differ by an
// s at the end.
type Matcher struct {
	items []QuotedItem
	refs  map[string]int32
	named map[string][]int32 // by folded refs and names
	local map[string][]int32 // by folded refs without their namespace
	plain map[string][]int32 // by all of these, without an s at the end

	spelled []spelling
	grams   map[nameGram][]int32 // of the spellings that have it
}

// A spelling is a folded name or ref of an item.
type spelling struct {
	item  int32
	grams int32 // different ones
}

// A nameGram is three characters.
type nameGram [3]rune

// The limits of a search for similar names, which bound its cost whatever is
// searched for.
const (
	mostCompared = 4000 // spellings that have a gram, added up over the grams
	mostSpelled  = 48   // characters of a name
	leastAlike   = 0.3  // of two names: 0 is nothing, 1 all
)

// NewMatcher returns the matcher of these items.
func NewMatcher(items []QuotedItem) *Matcher {
	m := &Matcher{
		items: items, refs: make(map[string]int32, len(items)), named: make(map[string][]int32, 2*len(items)),
		local: map[string][]int32{}, plain: make(map[string][]int32, 2*len(items)), grams: map[nameGram][]int32{},
	}
	for n := range items {
		i := int32(n)
		ref, name := foldName(items[n].ID), foldName(items[n].Name)
		m.refs[items[n].ID] = i
		addItem(m.named, ref, i)
		addItem(m.named, name, i)
		addItem(m.plain, withoutS(ref), i)
		addItem(m.plain, withoutS(name), i)
		m.spell(name, i)
		if space, rest, found := strings.Cut(items[n].ID, ":"); found && space != "" {
			ref = foldName(rest)
			addItem(m.local, ref, i)
			addItem(m.plain, withoutS(ref), i)
		}
		if ref != name {
			m.spell(ref, i)
		}
	}
	return m
}

// addItem adds an item to those of a key, once.
func addItem(to map[string][]int32, key string, item int32) {
	if of := to[key]; key != "" && (len(of) == 0 || of[len(of)-1] != item) {
		to[key] = append(of, item)
	}
}

// spell adds a spelling of an item.
func (m *Matcher) spell(folded string, item int32) {
	grams := gramsOf(folded)
	for _, g := range grams {
		m.grams[g] = append(m.grams[g], int32(len(m.spelled)))
	}
	m.spelled = append(m.spelled, spelling{item, int32(len(grams))})
}

// foldName returns a text in small letters, its words separated by single spaces.
func foldName(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	spaced := false
	for _, r := range text {
		switch {
		case r == '_' || r == '-' || unicode.IsSpace(r):
			spaced = true
			continue
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar:
			continue
		}
		if spaced && b.Len() > 0 {
			b.WriteByte(' ')
		}
		spaced = false
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// withoutS returns a folded text without an s at its end.
func withoutS(folded string) string {
	if len(folded) > 2 {
		return strings.TrimSuffix(folded, "s")
	}
	return folded
}

// gramsOf returns the different grams of a folded text, which begins as if after two
// spaces and ends before one.
func gramsOf(folded string) []nameGram {
	runes := []rune(folded)
	runes = append(append([]rune("  "), runes[:min(len(runes), mostSpelled)]...), ' ')
	var grams []nameGram
	for n := 3; n <= len(runes); n++ {
		grams = append(grams, nameGram(runes[n-3:n]))
	}
	slices.SortFunc(grams, func(a, b nameGram) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(grams)
}

// Find returns the items that a text means: none, one, or several if it is not
// clear which.
func (m *Matcher) Find(text string) []*QuotedItem {
	if i, ok := m.refs[text]; ok {
		return []*QuotedItem{&m.items[i]}
	}
	folded := foldName(text)
	if of := m.named[folded]; len(of) > 0 {
		return m.of(of)
	}
	space, rest, spaced := strings.Cut(folded, ":")
	if spaced && space != "" {
		bare := slices.DeleteFunc(m.of(m.named[strings.TrimSpace(rest)]), func(i *QuotedItem) bool { return strings.Contains(i.ID, ":") })
		if len(bare) > 0 {
			return bare
		}
	} else if of := m.local[folded]; len(of) > 0 {
		return m.of(of)
	}
	return m.of(m.plain[withoutS(folded)])
}

func (m *Matcher) of(items []int32) []*QuotedItem {
	var all []*QuotedItem
	for _, i := range items {
		all = append(all, &m.items[i])
	}
	return all
}

// Near returns the items with names or refs most similar to a text, the nearest
// first, at most so many. Two are similar by Dice's coefficient of their grams. Of a
// text with a colon the second part is compared, and the first one if that is similar
// to nothing.
func (m *Matcher) Near(text string, most int) []*QuotedItem {
	folded := foldName(text)
	first, rest, parted := strings.Cut(folded, ":")
	if !parted {
		return m.near(folded, most)
	}
	if found := m.near(strings.TrimSpace(rest), most); len(found) > 0 {
		return found
	}
	return m.near(strings.TrimSpace(first), most)
}

func (m *Matcher) near(folded string, most int) []*QuotedItem {
	grams := gramsOf(folded)
	// The rarest say most, and cost least.
	slices.SortStableFunc(grams, func(a, b nameGram) int { return cmp.Compare(len(m.grams[a]), len(m.grams[b])) })
	shared := make([]uint8, len(m.spelled))
	var met []int32
	left := mostCompared
	for _, g := range grams {
		of := m.grams[g]
		of = of[:min(len(of), left)]
		left -= len(of)
		for _, s := range of {
			if shared[s] == 0 {
				met = append(met, s)
			}
			shared[s]++
		}
	}
	type near struct {
		item  int32
		alike float64
	}
	nearer := func(a, b near) int { return cmp.Or(cmp.Compare(b.alike, a.alike), cmp.Compare(a.item, b.item)) }
	var best []near // in order; twice as many as items, which have two spellings at most
	for _, s := range met {
		n := near{m.spelled[s].item, 2 * float64(shared[s]) / float64(len(grams)+int(m.spelled[s].grams))}
		if n.alike < leastAlike || len(best) == 2*most && nearer(n, best[len(best)-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, n, nearer)
		best = slices.Insert(best, at, n)
		best = best[:min(len(best), 2*most)]
	}
	var items []*QuotedItem
	for _, n := range best {
		if i := &m.items[n.item]; len(items) < most && !slices.Contains(items, i) {
			items = append(items, i)
		}
	}
	return items
}
