package views

import "exchequer/aggregates"

// Overview shows the four tiles of the money, and an alarm if the books do not
// balance.
func Overview(p Page, o *aggregates.Overview) Content {
	c := Content{Body: tiles(overviewTiles(o, p.Settings))}
	c.Sub = Plural(o.Holders, "holder", "holders") + " · created " + moneyTile(o.Created, p.Settings) +
		", destroyed " + moneyTile(o.Destroyed, p.Settings) + " · "
	if o.Balanced {
		c.Sub += "books balance"
	} else {
		c.Alarm = "books do not balance"
	}
	return c
}
