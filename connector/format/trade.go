package format

import (
	"errors"
	"regexp"
	"strings"
)

// A tradeDecoder reads trade.log of EssentialsX, which is not quite CSV: an end balance
// without a place is written right behind the empty field before it. Who pays depends on
// the kind of line.
type tradeDecoder struct{}

// Kinds of accounts beside the players'.
const (
	tradeServer = "essentials:server"
	tradeSigns  = "essentials:signs" // what trade signs hold
)

var tradeHeader = []string{"at", "source", "payer", "payer_kind", "payer_name", "payee", "payee_kind", "payee_name", "amount",
	"direction", "item", "quantity", "account", "account_name", "balance", "world", "x", "y", "z"}

func (tradeDecoder) header() []string { return tradeHeader }
func (tradeDecoder) quoted() byte     { return 0 }

// What is charged or paid: nothing, experience, items or money.
const tradePart = `("","",""|[^",]*,exp,""|[^",]*,[^",]*,[^",]*|)`

var tradeLine = regexp.MustCompile(`^([^,]*),([^,]*),([^,]*),"([^"]*)","([^"]*)",` + tradePart + `,"([^"]*)",` + tradePart +
	`(?:,"","","",""([^",]*),|,"([^"]*)",(-?\d+),(-?\d+),(-?\d+),([^",]*),)$`)

var errTrade = errors.New("the line is not one of trade.log")

// A tradePartOf is what was charged or paid.
type tradePartOf struct{ money, item, quantity string }

func parseTradePart(text string) (p tradePartOf) {
	fields := strings.Split(strings.ReplaceAll(text, `"`, ""), ",")
	if len(fields) != 3 {
		return p
	}
	switch fields[1] {
	case "money":
		p.money = Plain(fields[0])
	case "exp", "":
	default:
		p.item, p.quantity = fields[1], fields[0]
		if fields[2] != "" && fields[2] != "0" { // the durability of old versions
			p.item += ":" + fields[2]
		}
	}
	return p
}

// A tradeRow is a row by the names of its columns.
type tradeRow map[string]string

func (t tradeRow) party(role, name string) {
	kind, ref, shown := "personal", "player:"+name, name
	switch name {
	case tradeServer:
		kind, ref, shown = "system", name, "Server"
	case tradeSigns:
		kind, ref, shown = "business", name, "Trade signs"
	}
	t[role], t[role+"_kind"], t[role+"_name"] = ref, kind, shown
}

func (tradeDecoder) decode(line string) ([][]string, error) {
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	m := tradeLine.FindStringSubmatch(line)
	if m == nil {
		return nil, errTrade
	}
	kind, sub, event, sender, receiver := m[1], m[2], m[3], m[5], m[7]
	charge, pay := parseTradePart(m[6]), parseTradePart(m[8])
	at, err := parseWrittenDate(m[4])
	if err != nil {
		return nil, err
	}
	common := tradeRow{"at": at, "source": strings.ToLower(sub), "world": m[10], "x": m[11], "y": m[12], "z": m[13]}
	if kind == "API" {
		common["source"] = "plugin"
	}
	var rows []tradeRow
	transfer := func(from, to, amount string) tradeRow {
		row := tradeRow{"amount": amount}
		row.party("payer", from)
		row.party("payee", to)
		rows = append(rows, row)
		return row
	}
	// Whose balance the end balance is: of who acted.
	actor := receiver
	switch name := kind + "," + sub + "," + event; {
	case name == "Command,Pay,Player" && charge.money != "":
		actor = sender
		transfer(sender, receiver, charge.money)
	case name == "API,Add,API" && charge.money != "":
		transfer(tradeServer, sender, charge.money)
	case name == "API,Subtract,API" && charge.money != "":
		transfer(sender, tradeServer, charge.money)
	case kind == "API" || kind == "Update":
		// The others have the new balance, and not what changed it.
	case name == "Sign,Trade,Create":
		if charge.money != "" {
			transfer(sender, tradeSigns, charge.money)
		}
	case name == "Sign,Trade,Interact":
		// The column of the sender has the owner of the sign, and who pays is the receiver.
		if charge.money != "" {
			transfer(receiver, tradeSigns, charge.money)
		}
		if pay.money != "" {
			transfer(tradeSigns, receiver, pay.money)
		}
	case name == "Sign,Trade,Break":
		for _, stored := range []tradePartOf{charge, pay} {
			if stored.money != "" {
				transfer(tradeSigns, receiver, stored.money)
			}
		}
	case kind == "Sign" && sub == "Trade": // goods
	case charge.money != "" && pay.item != "":
		row := transfer(sender, tradeServer, charge.money)
		row["item"], row["quantity"], row["direction"] = pay.item, pay.quantity, "sale"
	case pay.money != "" && charge.item != "":
		row := transfer(tradeServer, receiver, pay.money)
		row["item"], row["quantity"], row["direction"] = charge.item, charge.quantity, "purchase"
	case charge.money != "":
		transfer(sender, tradeServer, charge.money)
	case pay.money != "" && kind == "Sign":
		// Signs that cost something have it in the column of what is paid out.
		transfer(receiver, tradeServer, pay.money)
	}
	if actor == "" {
		actor = sender
	}
	if balance := Plain(m[9] + m[14]); balance != "" && actor != "" {
		if len(rows) == 0 {
			rows = append(rows, tradeRow{})
		}
		last := rows[len(rows)-1]
		last["account"], last["account_name"], last["balance"] = "player:"+actor, actor, balance
	}
	all := make([][]string, len(rows))
	for i, row := range rows {
		all[i] = make([]string, len(tradeHeader))
		for j, name := range tradeHeader {
			all[i][j] = row[name]
			if all[i][j] == "" {
				all[i][j] = common[name]
			}
		}
	}
	return all, nil
}
