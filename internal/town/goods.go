package town

// A season of the town lasts four weeks, and a year two of them, so that the
// year turns within the history.
type season int8

const (
	evergreen season = iota
	summer           // plentiful in the first half of the year
	winter           // plentiful in the second half
)

// A good is one item of the market. Prices are minor units for a batch.
type good struct {
	name   string
	sort   string  // field, forest, mine, kitchen, smithy, workshop, arcane
	batch  int64   // pieces that are sold together
	price  float64 // what a batch costs where supply meets demand
	demand float64 // how often it is asked for, against the others
	season season
}

// groups are the names of the sorts, as the market shows them.
var groups = map[string]string{
	"field": "Farm goods", "forest": "Wood", "mine": "Stone and ores", "kitchen": "Food", "smithy": "Tools and arms",
	"workshop": "Household", "arcane": "Potions and magic",
}

func goods() []good {
	return []good{
		{"Wheat", "field", 64, 820, 5, summer},
		{"Carrot", "field", 32, 460, 3, summer},
		{"Potato", "field", 32, 430, 3, winter},
		{"Beetroot", "field", 32, 480, 1.5, winter},
		{"Pumpkin", "field", 8, 560, 1.5, winter},
		{"Melon", "field", 8, 520, 1.5, summer},
		{"Sugar cane", "field", 32, 540, 2, summer},
		{"Apple", "field", 16, 620, 2.5, summer},
		{"Wool", "field", 16, 780, 2.5, evergreen},
		{"Leather", "field", 8, 960, 2, evergreen},
		{"Egg", "field", 16, 380, 1.5, evergreen},
		{"Honeycomb", "field", 4, 880, 1, summer},
		{"Oak log", "forest", 64, 1450, 6, evergreen},
		{"Birch log", "forest", 64, 1380, 3.5, evergreen},
		{"Spruce log", "forest", 64, 1420, 3.5, winter},
		{"Dark oak log", "forest", 64, 1900, 2, evergreen},
		{"Charcoal", "forest", 32, 940, 2.5, winter},
		{"Sapling", "forest", 8, 420, 1, summer},
		{"Cobblestone", "mine", 64, 380, 6, evergreen},
		{"Stone", "mine", 64, 620, 4, evergreen},
		{"Sand", "mine", 64, 520, 3.5, evergreen},
		{"Gravel", "mine", 64, 440, 2, evergreen},
		{"Clay", "mine", 32, 720, 2, evergreen},
		{"Coal", "mine", 32, 1180, 5, winter},
		{"Copper ingot", "mine", 16, 1240, 3.5, evergreen},
		{"Iron ingot", "mine", 16, 1950, 6, evergreen},
		{"Gold ingot", "mine", 4, 2260, 3, evergreen},
		{"Redstone dust", "mine", 32, 1380, 3, evergreen},
		{"Lapis lazuli", "mine", 16, 1160, 2, evergreen},
		{"Quartz", "mine", 16, 1320, 2, evergreen},
		{"Diamond", "mine", 1, 4200, 5, evergreen},
		{"Emerald", "mine", 1, 2650, 2, evergreen},
		{"Obsidian", "mine", 4, 2100, 1.5, evergreen},
		{"Bread", "kitchen", 16, 640, 7, evergreen},
		{"Baked potato", "kitchen", 16, 560, 3, winter},
		{"Pumpkin pie", "kitchen", 8, 980, 2, winter},
		{"Cake", "kitchen", 1, 720, 1.5, evergreen},
		{"Cooked fish", "kitchen", 16, 890, 3, evergreen},
		{"Roast beef", "kitchen", 16, 1280, 4, evergreen},
		{"Mushroom stew", "kitchen", 4, 480, 1.5, winter},
		{"Golden apple", "kitchen", 1, 3400, 1, evergreen},
		{"Iron pickaxe", "smithy", 1, 1350, 4, evergreen},
		{"Iron sword", "smithy", 1, 1150, 2.5, evergreen},
		{"Diamond pickaxe", "smithy", 1, 15200, 1.2, evergreen},
		{"Iron armour", "smithy", 1, 5400, 1.2, evergreen},
		{"Shield", "smithy", 1, 980, 1.5, evergreen},
		{"Bucket", "smithy", 1, 680, 1.5, evergreen},
		{"Rail", "smithy", 16, 1760, 1.5, evergreen},
		{"Glass", "workshop", 32, 980, 4, evergreen},
		{"Brick", "workshop", 32, 1240, 3, evergreen},
		{"Lantern", "workshop", 8, 860, 2.5, winter},
		{"Bookshelf", "workshop", 4, 1680, 1.5, evergreen},
		{"Painting", "workshop", 1, 740, 1, evergreen},
		{"Carpet", "workshop", 16, 660, 1.5, evergreen},
		{"Bed", "workshop", 1, 920, 1, evergreen},
		{"Arrow", "workshop", 32, 760, 3, evergreen},
		{"Firework rocket", "arcane", 16, 1480, 2, evergreen},
		{"Healing potion", "arcane", 1, 1120, 2.5, evergreen},
		{"Swiftness potion", "arcane", 1, 1240, 1.5, evergreen},
		{"Ender pearl", "arcane", 4, 2400, 1.5, evergreen},
		{"Enchanted book", "arcane", 1, 8600, 1, evergreen},
	}
}
