package alerts

import (
	"context"
	"fmt"
	"time"
)

// write writes what was found: one statement for all rules, one for all states, and the
// alerts together.
func (v *evaluation) write(ctx context.Context) error {
	var owners, names []string
	for _, k := range v.begun {
		owners, names = append(owners, k.owner), append(names, k.name)
	}
	if len(v.begun) > 0 {
		const forget = `DELETE FROM alert_states WHERE (owner, rule) IN (SELECT * FROM unnest($1::text[], $2::text[]))`
		if _, err := v.tx.Exec(ctx, forget, owners, names); err != nil {
			return fmt.Errorf("forget states: %w", err)
		}
	}
	if err := v.writeRules(ctx); err != nil {
		return err
	}
	if err := v.writeStates(ctx); err != nil {
		return err
	}
	if v.alerts.Len() == 0 {
		return nil
	}
	if err := v.tx.SendBatch(ctx, &v.alerts).Close(); err != nil {
		return fmt.Errorf("write alerts: %w", err)
	}
	return nil
}

func (v *evaluation) writeRules(ctx context.Context) error {
	var owners, names, definitions, problems []string
	var sinceIDs []int64
	var fired []*time.Time
	var unsent []int32
	for _, r := range v.rows {
		owners, names, definitions, problems = append(owners, r.owner), append(names, r.name), append(definitions, r.definition), append(problems, r.problem)
		sinceIDs, fired, unsent = append(sinceIDs, r.sinceID), append(fired, r.fired), append(unsent, int32(r.unsent))
	}
	const write = `
		INSERT INTO alert_rules AS was (owner, name, definition, problem, since_id, fired, unsent, evaluated)
		SELECT owner, name, definition::jsonb, problem, since_id, fired, unsent, $8
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::int[]) AS r (owner, name, definition, problem, since_id, fired, unsent)
		ON CONFLICT (owner, name) DO UPDATE SET definition = excluded.definition, problem = excluded.problem, since_id = excluded.since_id,
			fired = coalesce(excluded.fired, was.fired), unsent = excluded.unsent, evaluated = excluded.evaluated`
	if _, err := v.tx.Exec(ctx, write, owners, names, definitions, problems, sinceIDs, fired, unsent, v.now); err != nil {
		return fmt.Errorf("write rules: %w", err)
	}
	return nil
}

func (v *evaluation) writeStates(ctx context.Context) error {
	var owners, rules, subjects, states, candidates []string
	var since, asOf []time.Time
	var candidateSince []*time.Time
	for k, s := range v.steps {
		owners, rules, subjects, states, candidates = append(owners, k.owner), append(rules, k.name), append(subjects, k.subject), append(states, s.State), append(candidates, s.Candidate)
		since, asOf, candidateSince = append(since, s.Since), append(asOf, s.AsOf), append(candidateSince, s.CandidateSince)
	}
	const write = `
		INSERT INTO alert_states (owner, rule, subject, state, candidate, since, as_of, candidate_since)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
		ON CONFLICT (owner, rule, subject) DO UPDATE SET state = excluded.state, candidate = excluded.candidate, since = excluded.since,
			as_of = excluded.as_of, candidate_since = excluded.candidate_since`
	if _, err := v.tx.Exec(ctx, write, owners, rules, subjects, states, candidates, since, asOf, candidateSince); err != nil {
		return fmt.Errorf("write states: %w", err)
	}
	return nil
}

// sweep deletes what is old, once an hour.
func (v *evaluation) sweep(ctx context.Context) error {
	if v.now.Sub(v.marks.swept) < time.Hour {
		return nil
	}
	for _, old := range []string{
		`DELETE FROM alert_deliveries WHERE created < $1`, `DELETE FROM alerts WHERE at < $1`,
		`DELETE FROM alert_states s WHERE EXISTS (SELECT FROM alert_rules r WHERE r.owner = s.owner AND r.name = s.rule AND r.evaluated < $1)`,
		`DELETE FROM alert_rules WHERE evaluated < $1`,
		`DELETE FROM own_people p WHERE seen < $1 AND feed IS NULL AND NOT EXISTS (SELECT FROM own_rules r WHERE r.owner = p.owner)`,
	} {
		if _, err := v.tx.Exec(ctx, old, v.now.Add(-keepFor)); err != nil {
			return fmt.Errorf("delete old alerts: %w", err)
		}
	}
	var names []string
	for _, r := range v.Config.Receivers {
		names = append(names, r.Name)
	}
	const gone = `
		DELETE FROM alert_receivers r WHERE owner = $1 AND NOT name = ANY($2)
			AND NOT EXISTS (SELECT FROM alert_deliveries d WHERE d.owner = r.owner AND d.receiver = r.name)`
	if _, err := v.tx.Exec(ctx, gone, operators, names); err != nil {
		return fmt.Errorf("delete old receivers: %w", err)
	}
	_, err := v.tx.Exec(ctx, `UPDATE alert_evaluation SET swept = $1 WHERE id = 1`, v.now)
	return err
}
