package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"exchequer/ledger"
)

// settings is the page of what the economy is called, and of what was set at the start.
func (p *Pages) settings(context.Context, url.Values) ([]block, error) {
	s := p.Settings()
	economy := block{ID: "economy", Title: "The economy", Facts: []fact{
		{Name: "Name", Value: plain(s.Name)}, {Name: "Symbol of its money", Value: plain(s.Symbol)}, {Name: "Decimals", Value: plain(fmt.Sprint(s.Decimals))},
		{Name: "Time zone of its days", Value: text{Text: s.Zone().String(), Also: []text{code("exchequer repair --timezone ZONE")}}},
	}, Forms: []form{{Action: pathDo + "settings.economy", Title: "Change the name and the symbol", Button: "Change", Fields: []field{
		{Name: "name", Label: "Name", Value: s.Name, Most: 128, Needed: true}, {Name: "symbol", Label: "Symbol", Value: s.Symbol, Most: 16},
	}}}}
	start := block{ID: "start", Title: "Set at the start of the program", Columns: []string{"What", "Value", "Set by"},
		Text: said("These are the same in all processes, and are changed where the processes are started. Secrets are not shown.")}
	for _, c := range p.Configured {
		start.Rows = append(start.Rows, []text{plain(c.What), plain(cmp.Or(c.Value, "–")), code(c.Variable)})
	}
	return []block{economy, start}, nil
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
			return plan{}, mistake("It is called so already.")
		}
		pl := plan{target: "settings", detail: fmt.Sprintf("%q, %q; before: %q, %q", s.Name, s.Symbol, before.Name, before.Symbol), button: "Change",
			says: []string{"The economy is called " + quote(s.Name) + ", and the symbol of its money is " + quote(s.Symbol) + ".", "Every process shows it within 30 s."},
			within: func(ctx context.Context, note noting) error {
				return ledger.New(p.Owner).SetSettingsWith(ctx, s, note)
			}}
		return p.needing(ctx, pl, rightSettings, "UPDATE settings SET name = …, symbol = …, as the owner of the tables")
	}}}
}
