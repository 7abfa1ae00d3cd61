package views

import "exchequer/aggregates"

// Overview shows the four tiles of the money, and an alarm if the books do not
// balance.
func Overview(p Page, o *aggregates.Overview) Content {
	c := Content{Body: tiles(overviewTiles(o, p.Settings)), Says: sayMoney(o, p.Settings), Example: overviewExample(o, p.Settings)}
	c.Sub = Plural(o.Holders, "holder", "holders") + " · " + moneyTile(o.Created, p.Settings) + " created, " +
		moneyTile(o.Destroyed, p.Settings) + " destroyed · "
	if o.Balanced {
		c.Sub += "the books balance"
	} else {
		c.Alarm = "the books do not balance"
	}
	return c
}
