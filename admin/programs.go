package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/keys"
	"exchequer/views"
)

// programs is the page of the keys of programs.
func (p *Pages) programs(ctx context.Context, q url.Values) ([]block, error) {
	list, err := keys.Page(ctx, p.DB, pick(q, "older", 16), rowsShown+1)
	if err != nil {
		return nil, err
	}
	b := block{ID: "keys", Title: "Keys of programs", Columns: []string{"Key", "For", "State", "Do", "Scopes", "Made", "Last used"}, Empty: "There are none."}
	for i, k := range list {
		if i == rowsShown {
			b.More = append(b.More, link("older", address(pathKeys, "older", list[i-1].ID)))
			break
		}
		row := []text{code(k.ID), plain(k.Name), p.keyStanding(k), plain(""), plain(scopesOf(k)), p.at(&k.Created, ""), p.at(k.Used, "never")}
		if k.Revoked == nil {
			row[3] = doing("Revoke", "key.revoke", "id", k.ID)
		}
		b.Rows = append(b.Rows, row)
	}
	b.Forms = []form{keyForm(url.Values{})}
	return []block{b}, nil
}

// keyForm returns the form that makes a key. Each has an id of its own, so that one that is
// sent twice makes one key.
func keyForm(in url.Values) form {
	f := form{Action: pathDo + "key.create", Title: "Make a key", Button: "Make a key", Fields: []field{
		{Kind: "hidden", Name: "id", Value: cmp.Or(in.Get("id"), keys.NewID())},
		{Name: "name", Label: "What it is for", Value: in.Get("name"), Most: 64, Needed: true},
	}}
	for _, s := range keys.Scopes() {
		f.Fields = append(f.Fields, field{Kind: "check", Name: "scopes", Legend: "What it may write (read: it sees what viewers see)", Label: string(s), Value: string(s), Checked: slices.Contains(in["scopes"], string(s))})
	}
	f.Fields = append(f.Fields, field{Name: "days", Label: "Days until it ends", Value: in.Get("days"), Most: 5, Help: "empty: when it is revoked"})
	return f
}

func scopesOf(k keys.Key) string {
	var all []string
	for _, s := range k.Scopes {
		all = append(all, string(s))
	}
	return strings.Join(all, ", ")
}

func (p *Pages) keyStanding(k keys.Key) text {
	switch {
	case k.Revoked != nil:
		return plain("revoked " + views.Moment(*k.Revoked, p.Settings()))
	case k.Expires == nil:
		return state("good", "in force")
	case k.Expires.Before(time.Now()):
		return plain("expired " + views.Moment(*k.Expires, p.Settings()))
	}
	return state("good", "until "+views.Moment(*k.Expires, p.Settings()))
}

// The rights that the owner's connection needs, as queries.
const (
	rightKeys     = `has_table_privilege('keys', 'INSERT') AND has_table_privilege('keys', 'UPDATE')`
	rightSettings = `has_table_privilege('settings', 'UPDATE')`

	howOwner = "The database role of this process may not do this. Name one that may (EXCHEQUER_ADMIN_DATABASE_URL), or run: "
)

// longestDays is how long a key may serve, in days.
const longestDays = 3650

func (p *Pages) keyActions() []*action {
	return []*action{
		{"key.create", "Make a key", pathKeys, []string{"id", "name", "scopes", "days"}, func(ctx context.Context, in url.Values) (plan, error) {
			var scopes []keys.Scope
			for _, s := range in["scopes"] {
				scopes = append(scopes, keys.Scope(s))
			}
			var until *time.Time
			lasts := "until it is revoked"
			if days := in.Get("days"); days != "" {
				n, err := strconv.Atoi(days)
				if err != nil || n < 1 || n > longestDays {
					return plan{}, fieldMistake{mistake("Write the days until it ends as a number from 1 to " + strconv.Itoa(longestDays) + "."), "days"}
				}
				at := time.Now().AddDate(0, 0, n)
				until, lasts = &at, "for "+views.Plural(int64(n), "day", "days")
			}
			name, id := in.Get("name"), in.Get("id")
			if name == "" {
				return plan{}, fieldMistake{"Say what the key is for.", "name"}
			}
			if len(scopes) == 0 {
				return plan{}, fieldMistake{"Choose at least one thing that it may do.", "scopes"}
			}
			if err := keys.Check(name, scopes, until); err != nil {
				return plan{}, mistake(reason(err))
			}
			var secret string
			allows := scopesOf(keys.Key{Scopes: scopes})
			pl := plan{target: id, detail: name + ": " + allows + ", " + lasts, button: "Make the key", secret: &secret,
				says: []string{"Makes a key for " + quote(name) + " that allows " + allows + ", " + lasts + ".", "The key is shown once, on the next page. Keep it then: nobody can read it again."},
				within: within(p.Owner, func(ctx context.Context, tx pgx.Tx) (err error) {
					secret, err = keys.CreateAs(ctx, tx, id, name, scopes, until)
					return err
				})}
			return p.needing(ctx, pl, rightKeys, "exchequer keys create --name NAME --scopes "+strings.ReplaceAll(allows, " ", ""))
		}},
		{"key.revoke", "Revoke a key", pathKeys, []string{"id"}, func(ctx context.Context, in url.Values) (plan, error) {
			k, known, err := keys.Find(ctx, p.DB, in.Get("id"))
			if err != nil {
				return plan{}, err
			}
			if !known {
				return plan{}, mistake("There is no key with this id.")
			}
			pl := plan{target: k.ID, detail: k.Name, button: "Revoke", danger: true,
				says: []string{"Ends the key of " + quote(k.Name) + " (" + k.ID + "), for good. After five seconds no process accepts it."},
				within: within(p.Owner, func(ctx context.Context, tx pgx.Tx) error {
					_, err := keys.Revoke(ctx, tx, k.ID)
					return err
				})}
			return p.needing(ctx, pl, rightKeys, "exchequer keys revoke "+k.ID)
		}},
	}
}

// needing returns a plan that says which command to run if the role of the owner's connection
// may not do it.
func (p *Pages) needing(ctx context.Context, pl plan, right, command string) (plan, error) {
	var may bool
	if err := p.Owner.QueryRow(ctx, `SELECT `+right).Scan(&may); err != nil {
		return plan{}, fmt.Errorf("read what the role may do: %w", err)
	}
	if !may {
		pl.missing = howOwner + command
	}
	return pl, nil
}
