package alerts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"exchequer/aggregates"
	"exchequer/ledger"
	"exchequer/ledger/importer"
)

// A Config is rules, and where their alerts are sent to.
type Config struct {
	Rules     []Rule
	Receivers []Receiver
}

// The most that a file has.
const (
	mostRules     = 500
	mostReceivers = 50
)

// file is a configuration as its TOML is written.
type file struct {
	Receivers []fileReceiver `toml:"receivers"`
	Rules     []fileRule     `toml:"rules"`
}

type fileRule struct {
	Name       string   `toml:"name"`
	When       string   `toml:"when"`
	Item       string   `toml:"item"`
	Account    string   `toml:"account"`
	Shop       string   `toml:"shop"`
	Indicator  string   `toml:"indicator"`
	Source     string   `toml:"source"`
	Value      string   `toml:"value"`
	Rearm      string   `toml:"rearm"`
	For        string   `toml:"for"`
	Confidence string   `toml:"confidence"`
	Recovery   bool     `toml:"recovery"`
	Public     bool     `toml:"public"`
	To         []string `toml:"to"`
}

// Load reads a file of rules and receivers. Secrets come from the files and the
// variables of the environment that it names.
func Load(name string) (*Config, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	c, err := Parse(text, os.Getenv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// Parse reads the text of a file of rules and receivers. The error has all that is wrong.
func Parse(text []byte, env func(string) string) (*Config, error) {
	var f file
	if err := importer.Decode(text, &f); err != nil {
		return nil, err
	}
	c := &Config{}
	var wrong []error
	names := map[string]bool{}
	named := func(what string, nr int, name string) error {
		switch {
		case !goodName(name):
			return fmt.Errorf("%s %d: name = %q: want letters, digits, dots, dashes and underscores, 64 at most", what, nr+1, name)
		case names[name]:
			return fmt.Errorf("%s %d: the name %q is taken", what, nr+1, name)
		}
		names[name] = true
		return nil
	}
	for i, r := range f.Receivers {
		receiver, err := r.receiver(env)
		if err != nil {
			err = fmt.Errorf("receiver %q: %w", r.Name, err)
		}
		wrong = append(wrong, named("receiver", i, r.Name), err)
		c.Receivers = append(c.Receivers, receiver)
	}
	for i, r := range f.Rules {
		rule, err := r.rule()
		for _, to := range rule.To {
			if err == nil && !slices.ContainsFunc(c.Receivers, func(r Receiver) bool { return r.Name == to }) {
				err = fmt.Errorf("there is no receiver %q", to)
			}
		}
		if err != nil {
			err = fmt.Errorf("rule %q: %w", r.Name, err)
		}
		wrong = append(wrong, named("rule", i, r.Name), err)
		c.Rules = append(c.Rules, rule)
	}
	switch {
	case len(f.Rules) == 0:
		wrong = append(wrong, errors.New("it has no [[rules]]"))
	case len(f.Rules) > mostRules || len(f.Receivers) > mostReceivers:
		wrong = append(wrong, fmt.Errorf("at most %d rules and %d receivers", mostRules, mostReceivers))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return c, nil
}

func goodName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
	})
}

func (f fileRule) rule() (Rule, error) {
	r := Rule{Name: f.Name, Kind: Kind(f.When), Value: strings.TrimSpace(f.Value), Rearm: defaultRearm, Lasts: meanings[Kind(f.When)].lasts,
		Confidence: aggregates.Confidence(f.Confidence), Recovery: f.Recovery, Public: f.Public, To: f.To}
	of := meanings[r.Kind].of
	for thing, ref := range map[Thing]string{Item: f.Item, Account: f.Account, Shop: f.Shop, Indicator: f.Indicator, Source: f.Source} {
		switch {
		case ref != "" && thing != of && meanings[r.Kind] != (meaning{}):
			return r, fmt.Errorf("%s is not about one %s: leave it out", r.Kind, thing)
		case thing == of:
			r.Of = ref
		}
	}
	var err error
	if f.Rearm != "" {
		if r.Rearm, err = percent(f.Rearm); err != nil {
			return r, fmt.Errorf("rearm = %w", err)
		}
	}
	if f.For != "" {
		if r.Lasts, err = time.ParseDuration(f.For); err != nil {
			return r, fmt.Errorf("for = %q: want a duration such as \"10m\"", f.For)
		}
	}
	return r, r.check()
}

// Check returns what is wrong with the rules for a ledger: things that it does not know,
// and amounts with more decimals than it has.
func (c *Config) Check(ctx context.Context, known aggregates.Known, s ledger.Settings) error {
	var wrong []error
	for _, r := range c.Rules {
		problem, err := r.unknown(ctx, known)
		if err != nil {
			return err
		}
		if problem == "" {
			if _, err := r.Limit(s); err != nil {
				problem = err.Error()
			}
		}
		if problem != "" {
			wrong = append(wrong, fmt.Errorf("rule %q: %s", r.Name, problem))
		}
	}
	return errors.Join(wrong...)
}

// unknown returns why the ledger does not know the thing that the rule is about.
func (r Rule) unknown(ctx context.Context, known aggregates.Known) (string, error) {
	thing, one := r.Thing()
	refs := map[Thing]*aggregates.Exists{Item: known.Items, Account: known.Accounts, Shop: known.Shops}[thing]
	if !one || refs == nil {
		return "", nil
	}
	if is, err := refs.Has(ctx, r.Of); err != nil || is {
		return "", err
	}
	if thing == Account {
		return fmt.Sprintf("there is no account %q, or its holder is hidden", r.Of), nil
	}
	return fmt.Sprintf("there is no %s %q: name it by its ref, as its page's address has it", thing, r.Of), nil
}

// ReceiversOf returns the receivers of a rule, or the receiver, of a name.
func (c *Config) ReceiversOf(name string) []Receiver {
	to := []string{name}
	for _, r := range c.Rules {
		if r.Name == name {
			to = r.To
		}
	}
	var all []Receiver
	for _, r := range c.Receivers {
		if slices.Contains(to, r.Name) {
			all = append(all, r)
		}
	}
	return all
}
