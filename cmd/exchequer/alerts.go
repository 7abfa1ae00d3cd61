package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"exchequer/aggregates"
	"exchequer/alerts"
	"exchequer/ledger"
)

// alertsCommand is what an operator does about alerts.
type alertsCommand struct {
	Check      alertsCheckCommand      `cmd:"" help:"Check a file of rules, against the ledger too."`
	Test       alertsTestCommand       `cmd:"" help:"Send a test message."`
	List       alertsListCommand       `cmd:"" help:"List rules and receivers, and how they stand."`
	Deliveries alertsDeliveriesCommand `cmd:"" help:"List the latest messages, and how sending them went."`
	Enable     alertsEnableCommand     `cmd:"" help:"Turn a receiver on again that was turned off after repeated failures."`
}

// alertsFlags are how alerts are sent.
type alertsFlags struct {
	Allow []netip.Prefix `name:"alerts-allow" env:"EXCHEQUER_ALERTS_ALLOW" placeholder:"CIDR" group:"serving" help:"Networks that alerts may be sent to although they are not public, such as 10.0.0.0/8."`
}

type alertsCheckCommand struct {
	databaseFlags
	File string `arg:"" type:"path" help:"TOML file of rules and receivers (docs/alerts.md)."`
}

func (c alertsCheckCommand) Run(ctx context.Context, s streams) error {
	config, err := alerts.Load(c.File)
	if err != nil {
		return err
	}
	return c.with(ctx, s, func(db *database) error {
		settings, err := ledger.New(db.Pool).Settings(ctx)
		if err != nil {
			return err
		}
		if err := config.Check(ctx, aggregates.NewKnown(db.Pool), settings); err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		fmt.Fprintf(s.out, "%s is right: %s, %s\n", c.File, count(len(config.Rules), "rule"), count(len(config.Receivers), "receiver"))
		return nil
	})
}

type alertsTestCommand struct {
	alertsFlags
	File string  `name:"alerts" required:"" type:"path" env:"EXCHEQUER_ALERTS" placeholder:"FILE" group:"operators" help:"TOML file of rules and receivers."`
	URL  baseURL `env:"EXCHEQUER_URL" placeholder:"URL" group:"operators" help:"How visitors reach the site, for a link in the message."`
	Name string  `arg:"" help:"A rule, to all of whose receivers it is sent, or a receiver."`
}

func (c alertsTestCommand) Run(ctx context.Context, s streams) error {
	config, err := alerts.Load(c.File)
	if err != nil {
		return err
	}
	to := config.ReceiversOf(c.Name)
	if len(to) == 0 {
		return fmt.Errorf("%s has neither a rule with receivers nor a receiver called %q", c.File, c.Name)
	}
	sender := alerts.NewSender(c.Allow, version)
	message := alerts.TestMessage(c.Name, "Exchequer", string(c.URL), time.Now())
	var failures []error
	for _, receiver := range to {
		outcome, err := sender.Send(ctx, receiver, message)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", receiver.Name, err))
			continue
		}
		fmt.Fprintf(s.out, "%s: sent, %s\n", receiver.Name, outcome)
	}
	return errors.Join(failures...)
}

type alertsListCommand struct{ databaseFlags }

func (c alertsListCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		status, err := alerts.ReadStatus(ctx, db.Pool)
		if err != nil {
			return err
		}
		fmt.Fprintln(s.out, "evaluated:", moment(status.Evaluated, "never; set EXCHEQUER_ALERTS for exchequer serve"))
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "\nRULE\tWHEN\tSTATE\tLAST ALERT\tTO\tPROBLEM")
		for _, r := range status.Rules {
			state := "armed"
			switch {
			case status.Evaluated != nil && r.Evaluated.Before(status.Evaluated.Add(-time.Hour)):
				state = "gone since " + moment(&r.Evaluated, "")
			case len(r.Firing) > 0:
				state = r.Holds()
			}
			to := strings.Join(r.Rule.To, ", ")
			if r.Rule.Public {
				to = strings.TrimPrefix(to+", feed", ", ")
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Rule.Name, r.Rule, state, moment(r.Fired, "never"), to, r.Problem)
		}
		fmt.Fprintln(table, "\nRECEIVER\tKIND\tSTATE\tWAITING\tLAST SENT\tPROBLEM")
		for _, r := range status.Receivers {
			state := "on"
			switch {
			case r.Off != nil:
				state = "off since " + moment(r.Off, "") + ": exchequer alerts enable " + r.Name
			case r.Failures > 0:
				state = "failing since " + moment(r.FailingSince, "")
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", r.Name, r.Kind, state, r.Pending, moment(r.Sent, "never"), r.Problem)
		}
		return table.Flush()
	})
}

type alertsDeliveriesCommand struct {
	databaseFlags
	Limit int `default:"50" group:"operators" help:"How many, the latest."`
}

func (c alertsDeliveriesCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		all, err := alerts.Deliveries(ctx, db.Pool, c.Limit)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "AT\tID\tRULE\tRECEIVER\tSTATUS\tATTEMPTS\tOUTCOME\tTITLE")
		for _, d := range all {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", moment(&d.Created, ""), d.Alert, d.Rule, d.Receiver, d.Status, d.Attempts, cmp.Or(d.Outcome, "–"), d.Title)
		}
		return table.Flush()
	})
}

type alertsEnableCommand struct {
	databaseFlags
	Receiver string `arg:"" help:"Name of the receiver."`
}

func (c alertsEnableCommand) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(db *database) error {
		is, err := alerts.TurnOn(ctx, db.Pool, c.Receiver)
		if err == nil && !is {
			err = fmt.Errorf("there is no receiver %q: exchequer alerts list has all", c.Receiver)
		}
		if err == nil {
			fmt.Fprintln(s.out, c.Receiver, "is on")
		}
		return err
	})
}

// serveAlertsFlags are those of a server.
type serveAlertsFlags struct {
	Alerts string `name:"alerts" env:"EXCHEQUER_ALERTS" type:"path" placeholder:"FILE" group:"serving" help:"TOML file of rules, and of where alerts are sent to (docs/alerts.md). One process of the fleet evaluates them."`
	alertsFlags
}

// load reads the file, nil if none is named.
func (f serveAlertsFlags) load() (*alerts.Config, error) {
	if f.Alerts == "" {
		return nil, nil
	}
	config, err := alerts.Load(f.Alerts)
	if err != nil {
		return nil, fmt.Errorf("EXCHEQUER_ALERTS: %w", err)
	}
	return config, nil
}

// An alerting is what evaluates rules and sends what they say.
type alerting struct {
	config    *alerts.Config
	known     aggregates.Known
	settings  *settings
	evaluator *alerts.Evaluator
	deliverer *alerts.Deliverer
	metrics   *alerts.Metrics
}

// alerting returns what evaluates the rules over the memos of the pages: those of the
// operators, if there are any, and those of people, if they can sign in.
func (f serverFlags) alerting(p *parts) alerting {
	metrics := alerts.NewMetrics(p.registry)
	known := aggregates.Known{Items: p.api.Items, Accounts: p.api.Accounts, Shops: p.api.Trade.Refs}
	config := p.rules
	if config == nil { // people alone have rules
		config = &alerts.Config{}
	}
	var peoples *alerts.Sender
	if p.own != nil {
		peoples = alerts.NewPeoplesSender(version)
	}
	return alerting{
		config: config, known: known, settings: p.settings,
		evaluator: alerts.NewEvaluator(alerts.EvaluatorDeps{
			DB: p.db.Pool, Config: config, Settings: p.settings.get, Now: p.memos.Now, Log: p.log, Metrics: metrics,
			Known: known, Viewers: p.own != nil, Shows: f.Privacy.Everybody(),
			Memos: alerts.Memos{Items: p.api.ItemList, Soundness: p.soundness.Soundness, Followed: p.soundness.Followed},
		}),
		deliverer: alerts.NewDeliverer(alerts.DelivererDeps{
			DB: p.db.Pool, Receivers: config.Receivers, Sender: alerts.NewSender(f.Allow, version), Peoples: peoples, Settings: p.settings.get, BaseURL: p.url(f.URL),
			Now: p.memos.Now, Log: p.log, Metrics: metrics,
		}),
		metrics: metrics,
	}
}

// run runs it until ctx ends.
func (a alerting) run(ctx context.Context, r server) {
	// A ledger that is new may come to know them.
	if err := a.config.Check(ctx, a.known, a.settings.get()); err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "some rules of alerts cannot be evaluated yet", "error", err)
	}
	var work sync.WaitGroup
	work.Go(func() { a.evaluator.Run(ctx) })
	work.Go(func() { a.deliverer.Run(ctx) })
	work.Go(func() { a.metrics.Keep(ctx, r.db.Pool, r.log) })
	work.Wait()
}
