package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"exchequer/ledger"
	"exchequer/views"
)

// settings is the page of what the economy is called, and of what was set at the start.
func (p *Pages) settings(context.Context, url.Values) ([]block, error) {
	s := p.Settings()
	economy := block{ID: "economy", Title: "The economy", Half: true, Facts: []fact{
		{Name: "Name", Value: plain(s.Name)}, {Name: "Symbol of its money", Value: plain(s.Symbol)}, {Name: "Decimals", Value: plain(fmt.Sprint(s.Decimals))},
		{Name: "Time zone of its days", Value: text{Text: s.Zone().String(), Also: []text{code("exchequer repair --timezone ZONE")}}},
	}, Forms: []form{economyForm(url.Values{"name": {s.Name}, "symbol": {s.Symbol}})}}
	return []block{economy, p.privacy(), p.thresholds(), p.start()}, nil
}

// whoSees is who sees what in each mode of privacy.
var whoSees = map[string]string{
	"open":     "open: everybody sees everything.",
	"balances": "balances: everybody sees prices, sums and balances. Who dealt with whom is for viewers alone.",
	"closed":   "closed: only viewers see anything of the ledger.",
}

// atStart says where what is not changed here is.
const atStart = "It is not changed here: all processes have to agree, so it is set where they are started, and holds from then on."

// privacy is who sees what.
func (p *Pages) privacy() block {
	b := block{ID: "privacy", Title: "Who sees what", Half: true}
	for _, c := range p.Configured {
		if c.Variable == privacyVariable {
			b.Text = said(cmp.Or(whoSees[c.Value], c.Value), "Viewers are those who have signed in, and programs with a key of the scope read.", atStart)
			b.Facts = []fact{{Name: "Set by", Value: code(c.Variable + "=" + c.Value)}}
		}
	}
	return b
}

const privacyVariable = "EXCHEQUER_PRIVACY"

// thresholds are when a sign of health is shown as one to watch, and as bad.
func (p *Pages) thresholds() block {
	b := block{ID: "thresholds", Title: "Thresholds of the signs of health", Columns: []string{"Sign", "Name", "Thresholds", "From"},
		Text: []text{plain("A sign is good until its value passes the threshold from which it is watched."), {Text: atStart, Also: []text{code("EXCHEQUER_SIGNS=money=watch:-5%..5%,bad:-15%..15%")}}}}
	for _, s := range p.Thresholds.InForce() {
		from := "the program"
		if s.Configured {
			from = "EXCHEQUER_SIGNS"
		}
		b.Rows = append(b.Rows, []text{plain(s.Title), code(s.Name), plain(views.Thresholds(s.Sign)), plain(from)})
	}
	return b
}

// start is what was set when the program was started.
func (p *Pages) start() block {
	b := block{ID: "start", Title: "Set when the program is started", Columns: []string{"What", "Value", "Set by"},
		Text: said("Change these where the processes are started, in all of them alike. Secrets are not shown.")}
	for _, c := range p.Configured {
		b.Rows = append(b.Rows, []text{plain(c.What), plain(cmp.Or(c.Value, "–")), code(c.Variable)})
	}
	return b
}

func economyForm(in url.Values) form {
	return form{Action: pathDo + "settings.economy", Title: "Change the name and the symbol", Button: "Change", Fields: []field{
		{Name: "name", Label: "Name", Value: in.Get("name"), Most: 128, Needed: true}, {Name: "symbol", Label: "Symbol", Value: in.Get("symbol"), Most: 16},
	}}
}

func (p *Pages) settingsActions() []*action {
	return []*action{{"settings.economy", "Change the economy's name", pathSettings, []string{"name", "symbol"}, func(ctx context.Context, in url.Values) (plan, error) {
		name, err := needed(in, "name", "what the economy is called")
		if err != nil {
			return plan{}, err
		}
		s := p.Settings()
		before := s
		s.Name, s.Symbol = name, in.Get("symbol")
		if s.Name == before.Name && s.Symbol == before.Symbol {
			return plan{}, mistake("It has this name and this symbol already.")
		}
		pl := plan{target: "settings", detail: fmt.Sprintf("%q, %q; before: %q, %q", s.Name, s.Symbol, before.Name, before.Symbol), button: "Change",
			says: []string{"The economy is called " + quote(s.Name) + ", and the symbol of its money is " + quote(s.Symbol) + ".", "Every page shows it within 30 s."},
			within: func(ctx context.Context, note noting) error {
				return ledger.New(p.Owner).SetSettingsWith(ctx, s, note)
			}}
		return p.needing(ctx, pl, rightSettings, "UPDATE settings SET name = …, symbol = …, as the owner of the tables")
	}}}
}
