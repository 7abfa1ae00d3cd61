package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"exchequer/aggregates"
	"exchequer/internal/telemetry"
)

// offsettingCommand is what an operator does about sales that offset each other.
type offsettingCommand struct {
	Clear   offsettingClearCommand   `cmd:"" help:"Never mark the trade of two accounts in an item as offsetting."`
	Unclear offsettingUnclearCommand `cmd:"" help:"Undo clear."`
	List    offsettingListCommand    `cmd:"" help:"List what was cleared."`
}

// tradeArgs are the trade of two accounts in an item.
type tradeArgs struct {
	Item string `arg:"" help:"Ref of the item."`
	A    string `arg:"" help:"Ref of an account."`
	B    string `arg:"" help:"Ref of the other account, or the same one."`
}

type offsettingClearCommand struct {
	databaseFlags
	tradeArgs
}

func (c offsettingClearCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := aggregates.ClearOffsetting(ctx, db.Pool, c.Item, c.A, c.B); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "trade of %s between %s and %s is not marked; pages show it within two minutes\n", c.Item, c.A, c.B)
	return nil
}

type offsettingUnclearCommand struct {
	databaseFlags
	tradeArgs
}

func (c offsettingUnclearCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true, noTimeout: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := aggregates.UnclearOffsetting(ctx, db.Pool, c.Item, c.A, c.B); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "trade of %s between %s and %s is marked where it offsets; pages show it within two minutes\n", c.Item, c.A, c.B)
	return nil
}

type offsettingListCommand struct{ databaseFlags }

func (c offsettingListCommand) Run(ctx context.Context, s streams) (err error) {
	db, err := c.open(ctx, telemetry.NewLogger(s.err, 0, true), access{share: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	cleared, err := aggregates.ClearedOffsetting(ctx, db.Pool)
	if err != nil {
		return err
	}
	for _, p := range cleared {
		fmt.Fprintf(s.out, "%s\t%s\t%s\n", p.Item, p.A, p.B)
	}
	return nil
}

// judgeOffsetting marks sales that offset each other, of those that are new.
func judgeOffsetting(ctx context.Context, db *database, log *slog.Logger) {
	judged, err := aggregates.UpdateOffsetting(ctx, db.Pool)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.ErrorContext(ctx, "judging sales failed", "error", err)
	case judged > 0:
		log.DebugContext(ctx, "sales judged", "sales", judged)
	}
}
