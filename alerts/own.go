package alerts

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/views"
)

// An Own keeps the rules of people who have signed in, and where their alerts go. It
// gives to nobody what is another's: each method is about one owner.
type Own struct {
	db       *pgxpool.Pool
	settings func() ledger.Settings
}

// NewOwn returns the rules of people in a database.
func NewOwn(db *pgxpool.Pool, settings func() ledger.Settings) *Own { return &Own{db, settings} }

// A RefusedError is why something was not done, for the person who wanted it.
type RefusedError struct {
	Text  string
	Field string // that is wrong, as forms call it: kind, thing, value or address; may be empty
}

func (e *RefusedError) Error() string { return e.Text }

func refuse(format string, args ...any) error { return refuseField("", format, args...) }

func refuseField(field, format string, args ...any) error {
	return &RefusedError{Text: fmt.Sprintf(format, args...), Field: field}
}

// one begins a transaction in which nobody else changes rules or receivers, so that the
// last place is given once.
func (o *Own) one(ctx context.Context, what string, f func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, o.db, func(tx pgx.Tx) error {
		if err := alone(ctx, tx); err != nil {
			return err
		}
		return f(tx)
	})
	if refused := (*RefusedError)(nil); err != nil && !errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// alone waits until no other transaction changes rules or receivers of people.
func alone(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('own alerts', `+ledger.LockSalt+`))`)
	return err
}

// room refuses what is one too many, of somebody or of all.
func room(ctx context.Context, tx pgx.Tx, table, owner string, most int, refusal string) error {
	var own, all int
	if err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE owner = $1), count(*) FROM `+table, owner).Scan(&own, &all); err != nil {
		return err
	}
	switch {
	case own >= most:
		return refuse("%s", refusal)
	case all >= mostOwn:
		return refuse("All %d places of this site are taken. Who runs it may know more.", mostOwn)
	}
	return nil
}

// AddRule makes a rule of the kind, the thing, the value and the receivers of r. Sees is
// how much of the ledger its owner may see.
func (o *Own) AddRule(ctx context.Context, r Rule, sees views.Level) error {
	if r.Owner == operators {
		return errNoOwner
	}
	s := o.settings()
	r = Rule{Owner: r.Owner, Name: "rule-" + strings.ToLower(rand.Text()[:8]), Kind: r.Kind, Of: r.Of, Value: written(r.Value, meanings[r.Kind].unit, s),
		Rearm: defaultRearm, Lasts: meanings[r.Kind].lasts, To: slices.Compact(slices.Sorted(slices.Values(r.To)))}
	if r.To == nil {
		r.To = []string{}
	}
	switch {
	case !ofPeople(r.Kind):
		return refuseField("kind", "Choose what is watched.")
	case slices.ContainsFunc(r.To, func(name string) bool { return !goodName(name) }):
		return errGone
	}
	if _, err := r.Limit(s); err != nil {
		return refuseField("value", "%s", wrongValue[meanings[r.Kind].unit])
	}
	if err := r.check(); err != nil {
		return refuseField("thing", "Name the %s that is watched.", meanings[r.Kind].of)
	}
	return o.one(ctx, "make a rule", func(tx pgx.Tx) error {
		if err := room(ctx, tx, "own_rules", r.Owner, MostRules, fmt.Sprintf("You have %d rules. Remove one first.", MostRules)); err != nil {
			return err
		}
		owned, err := readOwned(ctx, tx, []string{r.Owner}, []string{r.Of})
		if err != nil {
			return err
		}
		if why := r.barred(sees, owned); why != "" {
			return refuseField("thing", "%s", strings.ToUpper(why[:1])+why[1:]+".")
		}
		var known int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM own_receivers WHERE owner = $1 AND name = ANY($2)`, r.Owner, r.To).Scan(&known); err != nil {
			return err
		}
		if known != len(r.To) {
			return errGone
		}
		if err := note(ctx, tx, r.Owner, sees); err != nil {
			return err
		}
		definition, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO own_rules (owner, name, definition, made) VALUES ($1, $2, $3, now())`, r.Owner, r.Name, string(definition))
		return err
	})
}

// written returns a value as rules have it: people write "₤25" and "40", too.
func written(value string, u unit, s ledger.Settings) string {
	value = strings.TrimSpace(value)
	switch u {
	case noUnit:
		return "" // the form has a field for it whatever is watched
	case unitPrice, unitMoney:
		return strings.TrimSpace(strings.Replace(value, cmp.Or(s.Symbol, "\x00"), "", 1))
	case unitPercent:
		return strings.TrimSpace(strings.TrimSuffix(value, "%")) + "%"
	}
	return value
}

var wrongValue = map[unit]string{
	unitPrice:   "Write the price of a piece, more than 0, such as 12.50.",
	unitMoney:   "Write an amount, more than 0, such as 1000.00.",
	unitPercent: "Write a percentage, more than 0, such as 40%.",
}

// RemoveRule removes a rule.
func (o *Own) RemoveRule(ctx context.Context, owner, name string) error {
	if err := own(owner, name); err != nil {
		return err
	}
	return o.one(ctx, "remove a rule", func(tx pgx.Tx) error {
		_, err := removeRule(ctx, tx, owner, name)
		return err
	})
}

// removeRule removes a rule with all that is known of it, and reports whether it was there.
func removeRule(ctx context.Context, tx pgx.Tx, owner, name string) (is bool, err error) {
	tag, err := tx.Exec(ctx, `DELETE FROM own_rules WHERE owner = $1 AND name = $2`, owner, name)
	if err != nil {
		return false, err
	}
	for _, gone := range []string{`DELETE FROM alert_rules WHERE owner = $1 AND name = $2`, `DELETE FROM alert_states WHERE owner = $1 AND rule = $2`} {
		if _, err := tx.Exec(ctx, gone, owner, name); err != nil {
			return false, err
		}
	}
	return tag.RowsAffected() > 0, nil
}

// own returns why there can be no rule or receiver of an owner and a name.
func own(owner, name string) error {
	switch {
	case owner == operators:
		return errNoOwner
	case !goodName(name):
		return errGone
	}
	return nil
}

var errGone = refuse("This one is not there any more.")

// errNoOwner is that of what would change the operators' rules.
var errNoOwner = errors.New("nobody has signed in")

// AddReceiver makes a receiver of a form at an address. It returns its name, and the
// secret that signs what a webhook gets, which is not shown again.
func (o *Own) AddReceiver(ctx context.Context, owner string, form Form, address string) (name, secret string, err error) {
	address = strings.TrimSpace(address)
	r := Receiver{Owner: owner, Name: string(form) + "-" + strings.ToLower(rand.Text()[:4]), Form: form}
	switch form {
	case Webhook:
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		secret = secretPrefix + base64.StdEncoding.EncodeToString(key)
	case Discord, Slack:
	default:
		return "", "", refuseField("kind", "Choose what the address is of: a webhook, Discord or Slack.")
	}
	if owner == operators {
		return "", "", errNoOwner
	}
	if r.url, err = parseTarget(address, []string{"https", "https"}); err != nil || len(address) > 2000 || !utf8.ValidString(address) {
		return "", "", refuseField("address", "Write an address that begins with https:// and has neither a password nor a #.")
	}
	if ip, err := netip.ParseAddr(r.url.Hostname()); err == nil && !public(ip) {
		return "", "", refuseField("address", "Alerts go to public addresses only. This one is not.")
	}
	err = o.one(ctx, "make a receiver", func(tx pgx.Tx) error {
		if err := room(ctx, tx, "own_receivers", owner, MostReceivers, fmt.Sprintf("You have %d receivers. Remove one first.", MostReceivers)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO own_receivers (owner, name, kind, url, secret, made) VALUES ($1, $2, $3, $4, $5, now())`, owner, r.Name, form, address, secret); err != nil {
			return err
		}
		return r.register(ctx, tx, time.Now())
	})
	return r.Name, secret, err
}

// RemoveReceiver removes a receiver. Nothing that waits for it is sent, and rules no
// longer have it.
func (o *Own) RemoveReceiver(ctx context.Context, owner, name string) error {
	if err := own(owner, name); err != nil {
		return err
	}
	return o.one(ctx, "remove a receiver", func(tx pgx.Tx) error {
		for _, gone := range []string{
			`DELETE FROM own_receivers WHERE owner = $1 AND name = $2`, `DELETE FROM alert_receivers WHERE owner = $1 AND name = $2`,
			`UPDATE own_rules SET definition = jsonb_set(definition, '{to}', (definition->'to') - $2::text) WHERE owner = $1 AND definition->'to' ? $2::text`,
			`UPDATE alert_deliveries SET status = 'dropped', outcome = 'the receiver was removed' WHERE owner = $1 AND receiver = $2 AND status = 'pending'`,
		} {
			if _, err := tx.Exec(ctx, gone, owner, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// testKind is that of messages that try out a receiver.
const testKind Kind = "test"

// Test sends a test message to a receiver, soon.
func (o *Own) Test(ctx context.Context, owner, name string) error {
	if err := own(owner, name); err != nil {
		return err
	}
	return o.one(ctx, "test a receiver", func(tx pgx.Tx) error {
		var tests int
		var is, off bool
		const query = `
			SELECT (SELECT count(*) FROM alerts WHERE owner = $1 AND kind = $3 AND at > now() - interval '1 hour'),
				EXISTS (SELECT FROM own_receivers WHERE owner = $1 AND name = $2), EXISTS (SELECT FROM alert_receivers WHERE owner = $1 AND name = $2 AND off IS NOT NULL)`
		if err := tx.QueryRow(ctx, query, owner, name, testKind).Scan(&tests, &is, &off); err != nil {
			return err
		}
		switch {
		case !is:
			return errGone
		case off:
			return refuse("This receiver is off. Turn it on first.")
		case tests >= mostTests:
			return refuse("%d tests were sent in the last hour. Wait a while.", tests)
		}
		m := TestMessage(name, "", "", time.Now())
		const write = `
			INSERT INTO alerts (id, owner, rule, kind, subject, at, title, text, path, public, shows, accounts, covers)
			VALUES ($1, $2, $3, $4, '', $5, $6, $7, '/', false, $8, '{}', '{}')`
		id := rand.Text()
		if _, err := tx.Exec(ctx, write, id, owner, name, testKind, m.At, m.Title, m.Text, int16(views.ShowsNothing)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO alert_deliveries (alert, owner, receiver, status, created) VALUES ($1, $2, $3, 'pending', $4)`, id, owner, name, m.At)
		return err
	})
}

// TurnOn turns a receiver on again that was turned off.
func (o *Own) TurnOn(ctx context.Context, owner, name string) error {
	if err := own(owner, name); err != nil {
		return err
	}
	const write = `
		UPDATE alert_receivers SET off = NULL, failures = 0, failing_since = NULL, problem = '', retry_at = now()
		WHERE owner = $1 AND name = $2 AND off IS NOT NULL`
	if _, err := o.db.Exec(ctx, write, owner, name); err != nil {
		return fmt.Errorf("turn a receiver on: %w", err)
	}
	return nil
}

// note writes down what somebody may see of the ledger.
func note(ctx context.Context, tx pgx.Tx, owner string, sees views.Level) error {
	const write = `
		INSERT INTO own_people (owner, sees, seen) VALUES ($1, $2, now())
		ON CONFLICT (owner) DO UPDATE SET sees = excluded.sees, seen = excluded.seen`
	_, err := tx.Exec(ctx, write, owner, int16(sees))
	return err
}

// Seen writes down that somebody who has rules was here, and what they may see.
func (o *Own) Seen(ctx context.Context, owner string, sees views.Level) error {
	const write = `UPDATE own_people SET sees = $2, seen = now() WHERE owner = $1 AND (sees <> $2 OR seen < now() - interval '1 hour')`
	if _, err := o.db.Exec(ctx, write, owner, int16(sees)); err != nil {
		return fmt.Errorf("note what somebody sees: %w", err)
	}
	return nil
}

// NewFeed returns the token of the address of somebody's feed: another one than before,
// which is no longer good. It is not kept, and not shown again.
func (o *Own) NewFeed(ctx context.Context, owner string, sees views.Level) (token string, err error) {
	if owner == operators {
		return "", errNoOwner
	}
	token = rand.Text() // 130 bits
	err = o.one(ctx, "make a feed", func(tx pgx.Tx) error {
		if err := note(ctx, tx, owner, sees); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE own_people SET feed = $2, feed_made = now() WHERE owner = $1`, owner, hashed(token))
		return err
	})
	return token, err
}

func hashed(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// Feed returns the latest alerts of whose feed has a token, newest first, and whether
// there is such a feed. What they may not see now is left out.
func (o *Own) Feed(ctx context.Context, token string, shows views.Level) (all []SentAlert, is bool, err error) {
	var owner string
	var sees int16
	err = o.db.QueryRow(ctx, `SELECT owner, CASE WHEN seen > $2 THEN sees ELSE 0 END FROM own_people WHERE feed = $1`, hashed(token), time.Now().Add(-seesFor)).Scan(&owner, &sees)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find a feed: %w", err)
	}
	all, err = o.told(ctx, owner, max(views.Level(sees), shows))
	return all, true, err
}

// told returns the latest alerts of somebody that they may see.
func (o *Own) told(ctx context.Context, owner string, sees views.Level) (all []SentAlert, err error) {
	const query = `SELECT id, at, title, text, path, kind, subject FROM alerts s WHERE owner = $1 AND kind <> $2 AND NOT ` + namesHidden + ` ORDER BY at DESC, id DESC LIMIT $3`
	rows, _ := o.db.Query(ctx, query, owner, testKind, mostSent)
	var a SentAlert
	var of []Rule
	var kind Kind
	var subject string
	var shops []string
	_, err = pgx.ForEachRow(rows, []any{&a.ID, &a.At, &a.Title, &a.Text, &a.Path, &kind, &subject}, func() error {
		all, of, shops = append(all, a), append(of, Rule{Owner: owner, Kind: kind, Of: subject}), append(shops, subject)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("alerts of somebody: %w", err)
	}
	owned, err := readOwned(ctx, o.db, []string{owner}, shops)
	if err != nil {
		return nil, err
	}
	may := all[:0]
	for i, a := range all {
		if of[i].barred(sees, owned) == "" {
			may = append(may, a)
		}
	}
	return may, nil
}

// Shops returns the shops of somebody's accounts, at most 200.
func (o *Own) Shops(ctx context.Context, owner string) ([]aggregates.ShopStock, error) {
	rows, _ := o.db.Query(ctx, `WITH `+theirs+` SELECT s.ref, s.place, t.ref, '', 0::bigint, 0::bigint FROM shops s JOIN theirs t ON t.id = s.owner ORDER BY s.place, s.ref LIMIT 200`, []string{owner})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[aggregates.ShopStock])
	if err != nil {
		return nil, fmt.Errorf("shops of somebody: %w", err)
	}
	return all, nil
}

// mostShown is how many deliveries somebody sees.
const mostShown = 20

// Read returns the rules of somebody, and how they and their receivers stand.
func (o *Own) Read(ctx context.Context, owner string) (m views.MyAlerts, err error) {
	err = pgx.BeginTxFunc(ctx, o.db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		const rules = `
			SELECT o.name, o.definition, r.evaluated, r.fired, coalesce(r.problem, ''), coalesce(r.unsent, 0),
				EXISTS (SELECT FROM alert_states s WHERE s.owner = o.owner AND s.rule = o.name AND s.state = 'firing')
			FROM own_rules o LEFT JOIN alert_rules r USING (owner, name) WHERE o.owner = $1 ORDER BY o.made, o.name`
		rows, _ := tx.Query(ctx, rules, owner)
		var r views.MyRule
		var definition []byte
		_, err := pgx.ForEachRow(rows, []any{&r.Name, &definition, &r.Evaluated, &r.Fired, &r.Problem, &r.Unsent, &r.Holds}, func() error {
			var d Rule
			if json.Unmarshal(definition, &d) != nil {
				r.Problem = "this version of the site does not know it"
			}
			r.Kind, r.Of, r.Value, r.To = string(d.Kind), d.Of, d.Value, d.To
			m.Rules = append(m.Rules, r)
			r.Evaluated, r.Fired = nil, nil
			return nil
		})
		if err != nil {
			return err
		}
		const receivers = `
			SELECT o.name, o.kind, split_part(split_part(o.url, '/', 3), '?', 1), coalesce(r.failures, 0), r.off, coalesce(r.problem, '')
			FROM own_receivers o LEFT JOIN alert_receivers r USING (owner, name) WHERE o.owner = $1 ORDER BY o.made, o.name`
		rows, _ = tx.Query(ctx, receivers, owner)
		if m.Receivers, err = pgx.CollectRows(rows, pgx.RowToStructByPos[views.MyReceiver]); err != nil {
			return err
		}
		const deliveries = `
			SELECT d.created, a.title, d.receiver, d.status, d.attempts, d.outcome
			FROM alert_deliveries d JOIN alerts a ON a.id = d.alert
			WHERE d.owner = $1 AND NOT EXISTS (SELECT FROM alerts s WHERE s.id = a.id AND ` + namesHidden + `) ORDER BY d.created DESC, d.alert, d.receiver LIMIT $2`
		rows, _ = tx.Query(ctx, deliveries, owner, mostShown)
		if m.Deliveries, err = pgx.CollectRows(rows, pgx.RowToStructByPos[views.MyDelivery]); err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT feed_made FROM own_people WHERE owner = $1`, owner).Scan(&m.Feed)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("read alerts of somebody: %w", err)
	}
	return m, nil
}
