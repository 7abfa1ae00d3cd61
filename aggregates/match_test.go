package aggregates

import (
	"fmt"
	"slices"
	"testing"
)

// goods are items by ref and name.
func goods(pairs ...string) *Matcher {
	var items []QuotedItem
	for n := 0; n < len(pairs); n += 2 {
		items = append(items, QuotedItem{PricedItem: PricedItem{ID: pairs[n], Name: pairs[n+1], Price: Price{Basis: "all", Confidence: None}}})
	}
	return NewMatcher(items)
}

func refsOf(items []*QuotedItem) []string {
	refs := []string{}
	for _, i := range items {
		refs = append(refs, i.ID)
	}
	return refs
}

func TestATextFindsTheItemThatItMeans(t *testing.T) {
	m := goods(
		"minecraft:diamond", "Diamond", "minecraft:diamond_sword", "Diamond Sword", "mod:ruby", "Ruby", "gems:ruby", "Ruby",
		"stick", "Stick", "minecraft:glass", "Glass", "minecraft:oak_log", "Oak Log", "music_disc_13", "Music Disc 13", "mod:ore", "Tin Ore", "other:ore", "Lead Ore",
		"i7", "Ölkännchen", "Torch", "torch", "torch", "Torch")
	for text, want := range map[string][]string{
		"minecraft:diamond":  {"minecraft:diamond"},
		"diamond":            {"minecraft:diamond"},
		"DIAMOND":            {"minecraft:diamond"},
		" Diamonds ":         {"minecraft:diamond"},
		"diamond_sword":      {"minecraft:diamond_sword"},
		"Diamond-Sword":      {"minecraft:diamond_sword"},
		"diamond   swords":   {"minecraft:diamond_sword"},
		"Minecraft:Oak-Logs": {"minecraft:oak_log"},
		"minecraft:stick":    {"stick"},
		"mod:diamond":        {},
		"ruby":               {"mod:ruby", "gems:ruby"},
		"rubys":              {"mod:ruby", "gems:ruby"},
		"gems:ruby":          {"gems:ruby"},
		"ore":                {"mod:ore", "other:ore"},
		"glass":              {"minecraft:glass"},
		"ÖLKÄNNCHEN":         {"i7"},
		"torch":              {"torch"},
		"TORCH":              {"Torch", "torch"},
		"":                   {}, "s": {}, "::": {}, "_": {}, "diamon": {},
	} {
		if got := refsOf(m.Find(text)); !slices.Equal(got, want) {
			t.Errorf("Find(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestAMistypedNameHasTheNearestNamesAsSuggestions(t *testing.T) {
	m := goods("minecraft:diamond", "Diamond", "minecraft:iron_ingot", "Iron Ingot", "minecraft:gold_ingot", "Gold Ingot", "minecraft:emerald", "Emerald", "x1", "Netherite Scrap")
	for text, want := range map[string]string{
		"dimond: 2": "minecraft:diamond", // what follows the colon is no name
		"dimond":    "minecraft:diamond", "diamnod": "minecraft:diamond", "iron ingt": "minecraft:iron_ingot", "mod:emeral": "minecraft:emerald", "netherit": "x1", "scrap netherite": "x1",
	} {
		if got := refsOf(m.Near(text, 3)); len(got) == 0 || len(got) > 3 || got[0] != want {
			t.Errorf("Near(%q) = %v, want %s first", text, got, want)
		}
	}
	for _, text := range []string{"", "zzzz", "   ", "💎💎💎"} {
		if got := m.Near(text, 3); len(got) > 0 {
			t.Errorf("Near(%q) = %v, want none", text, refsOf(got))
		}
	}
}

// Of names that all share their grams, only some are compared: those that share the
// rarest.
func TestANameIsFoundAmongManyThatAreAlike(t *testing.T) {
	var pairs []string
	for n := range 20_000 {
		pairs = append(pairs, fmt.Sprint("i", n), fmt.Sprint("Item ", n))
	}
	m := goods(pairs...)
	if got := refsOf(m.Near("Itm 17123", 3)); !slices.Contains(got, "i17123") {
		t.Errorf("Near among many alike = %v, want i17123", got)
	}
}
