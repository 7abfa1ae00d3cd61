package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/views"
)

// What people may have.
const (
	MostRules     = 20   // of one person
	MostReceivers = 3    // likewise
	MostADay      = 100  // alerts of one person; more are counted and not sent
	mostTests     = 5    // of one person in an hour
	mostOwn       = 2000 // rules of all, and receivers of all
)

// seesFor is for how long it holds what somebody may see of the ledger after they were
// last on their page.
const seesFor = 30 * 24 * time.Hour

// ofPeople reports whether rules of people may watch a kind: those about the whole
// ledger's books and sources are the operators'.
func ofPeople(k Kind) bool {
	switch meanings[k].of {
	case Item, Account, Shop, Indicator:
		return true
	}
	return false
}

// AnyOwn reports whether anybody who signs in has a rule.
func AnyOwn(ctx context.Context, db *pgxpool.Pool) (any bool, err error) {
	if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM own_rules)`).Scan(&any); err != nil {
		return false, fmt.Errorf("see whether people have rules of alerts: %w", err)
	}
	return any, nil
}

// ownRules are the rules of people, and how much of the ledger each of these may see.
type ownRules struct {
	rules []Rule
	sees  map[string]views.Level // by owner
}

// A queryer is a pool or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ownRules reads the rules of people.
func (e *Evaluator) ownRules(ctx context.Context, db queryer) (own ownRules, err error) {
	own.sees = map[string]views.Level{}
	if !e.Viewers {
		return own, nil
	}
	const query = `
		SELECT r.owner, r.name, definition, CASE WHEN p.seen > $1 THEN p.sees ELSE 0 END
		FROM own_rules r JOIN own_people p USING (owner) ORDER BY r.owner, r.name LIMIT $2`
	rows, _ := db.Query(ctx, query, e.Now().Add(-seesFor), mostOwn)
	var k key
	var definition []byte
	var sees int16
	_, err = pgx.ForEachRow(rows, []any{&k.owner, &k.name, &definition, &sees}, func() error {
		var r Rule
		if json.Unmarshal(definition, &r) != nil {
			return nil // of another version of the program; it is not ours to change
		}
		r.Owner, r.Name, r.Public = k.owner, k.name, false
		own.rules = append(own.rules, r)
		own.sees[k.owner] = max(views.Level(sees), e.Shows)
		return nil
	})
	if err != nil {
		return own, fmt.Errorf("rules of people: %w", err)
	}
	return own, nil
}

// loadOwn leaves of the rules of people those that still are, and reads what belongs to
// these people.
func (v *evaluation) loadOwn(ctx context.Context) error {
	read := map[key]bool{}
	for _, r := range v.own.rules {
		read[r.key()] = true
	}
	now, err := v.ownRules(ctx, v.tx)
	if err != nil {
		return err
	}
	v.own = ownRules{sees: now.sees}
	var owners, shops []string
	for _, r := range now.rules {
		if !read[r.key()] {
			continue // the next window has it
		}
		v.own.rules = append(v.own.rules, r)
		switch meanings[r.Kind].of {
		case Account:
			owners = append(owners, r.Owner)
		case Shop:
			owners, shops = append(owners, r.Owner), append(shops, r.Of)
		}
	}
	v.owned, err = readOwned(ctx, v.tx, owners, shops)
	return err
}

// An ownedThing is an account or a shop of somebody.
type ownedThing struct {
	owner string
	thing Thing
	ref   string
}

// readOwned returns what belongs to people: the accounts to which they have proven
// claims, those that are merged into these, and of some shops the ones of these accounts.
// What is hidden belongs to nobody.
func readOwned(ctx context.Context, db queryer, owners, shops []string) (map[ownedThing]bool, error) {
	owned := map[ownedThing]bool{}
	if len(owners) == 0 {
		return owned, nil
	}
	rows, _ := db.Query(ctx, `
		WITH `+theirs+`
		SELECT owner, 'account', ref FROM theirs
		UNION ALL SELECT t.owner, 'shop', s.ref FROM shops s JOIN theirs t ON t.id = s.owner WHERE s.ref = ANY($2)`, owners, shops)
	var o ownedThing
	if _, err := pgx.ForEachRow(rows, []any{&o.owner, &o.thing, &o.ref}, func() error { owned[o] = true; return nil }); err != nil {
		return nil, fmt.Errorf("what belongs to people: %w", err)
	}
	return owned, nil
}

// theirs are the accounts of the people $1.
const theirs = `
	claimed AS (SELECT c.subject AS owner, a.id FROM claims c JOIN accounts a ON a.ref = c.account WHERE c.proven IS NOT NULL AND c.subject = ANY($1)),
	theirs AS (
		SELECT x.owner, a.id, a.ref FROM (SELECT owner, id FROM claimed UNION SELECT c.owner, m.account FROM claimed c JOIN merges m ON m.target = c.id) AS x
		JOIN accounts a ON a.id = x.id LEFT JOIN merges m ON m.account = a.id LEFT JOIN accounts t ON t.id = m.target
		WHERE NOT EXISTS (SELECT FROM holders WHERE hidden AND ref IN (a.holder, t.holder)))`

// barred returns why a rule may not be evaluated now; operators' rules always may.
func (v *evaluation) barred(r Rule) string {
	if r.Owner == operators {
		return ""
	}
	return r.barred(v.own.sees[r.Owner], v.owned)
}

// barred returns why a rule of somebody may not watch what it does.
func (r Rule) barred(sees views.Level, owned map[ownedThing]bool) string {
	thing := meanings[r.Kind].of
	switch {
	case !ofPeople(r.Kind):
		return "only the operators may watch this"
	case thing == Account && !owned[ownedThing{r.Owner, thing, r.Of}]:
		return "this account is not proven to be yours, or its holder is hidden"
	case thing == Shop && !owned[ownedThing{r.Owner, thing, r.Of}]:
		return "this shop belongs to none of the accounts that are proven to be yours"
	case (thing == Item || thing == Indicator) && sees < meanings[r.Kind].shows:
		return "this is shown to viewers only; open this page as one at least every 30 days"
	}
	return ""
}

// toldTo returns how many alerts somebody has had in the last day.
func (v *evaluation) toldTo(ctx context.Context, owner string) (int, error) {
	told, known := v.told[owner]
	if known {
		return told, nil
	}
	const query = `SELECT count(*) FROM alerts WHERE owner = $1 AND at > $2 AND kind <> $3`
	if err := v.tx.QueryRow(ctx, query, owner, v.now.Add(-24*time.Hour), testKind).Scan(&told); err != nil {
		return 0, fmt.Errorf("count alerts: %w", err)
	}
	v.told[owner] = told
	return told, nil
}

// A PersonsRule is a rule of somebody who has signed in, as operators see it.
type PersonsRule struct {
	Rule    Rule // without a kind if it is of another version of the program
	Fired   *time.Time
	Problem string // why it could not be evaluated
}

// PersonsRules returns the rules of people after one of them, by owner and name.
func PersonsRules(ctx context.Context, db queryer, owner, name string, limit int) (all []PersonsRule, err error) {
	const query = `
		SELECT o.owner, o.name, o.definition, r.fired, coalesce(r.problem, '')
		FROM own_rules o LEFT JOIN alert_rules r USING (owner, name) WHERE (o.owner, o.name) > ($1, $2) ORDER BY o.owner, o.name LIMIT $3`
	rows, _ := db.Query(ctx, query, owner, name, limit)
	var k key
	var definition []byte
	var fired *time.Time
	var problem string
	_, err = pgx.ForEachRow(rows, []any{&k.owner, &k.name, &definition, &fired, &problem}, func() error {
		var r Rule
		if json.Unmarshal(definition, &r) != nil {
			r = Rule{}
		}
		r.Owner, r.Name = k.owner, k.name
		all = append(all, PersonsRule{r, fired, problem})
		fired = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rules of people: %w", err)
	}
	return all, nil
}

// RemovePersonsRule removes a rule of somebody, and reports whether it was there.
func RemovePersonsRule(ctx context.Context, tx pgx.Tx, owner, name string) (bool, error) {
	if err := own(owner, name); err != nil {
		return false, err
	}
	if err := alone(ctx, tx); err != nil {
		return false, fmt.Errorf("remove a rule: %w", err)
	}
	is, err := removeRule(ctx, tx, owner, name)
	if err != nil {
		return false, fmt.Errorf("remove a rule: %w", err)
	}
	return is, nil
}
