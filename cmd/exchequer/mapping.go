package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"exchequer/ledger/importer"
)

// mappingCommand drafts a mapping.
type mappingCommand struct {
	Data string `arg:"" help:"A CSV file, plain, gzip or zstd, with a header. Its first rows are read."`
}

// Run prints the draft to out, and to err what is to be looked at and done next.
func (c mappingCommand) Run(ctx context.Context, s streams) error {
	guess, err := importer.GuessMapping(c.Data)
	if err != nil {
		return err
	}
	fmt.Fprint(s.out, guess.Mapping)
	fmt.Fprintf(s.err, "%s: drafted from %s\n", c.Data, count(guess.Rows, "row"))
	for _, what := range guess.Unsure {
		fmt.Fprintln(s.err, "  unsure:", what)
	}
	if len(guess.Missing) > 0 {
		for _, what := range guess.Missing {
			fmt.Fprintln(s.err, "  fill in", what)
		}
		return errors.New(`the draft is not complete: write the headers of the columns where it has "?" (docs/import.md begins with a mapping of 12 lines)`)
	}
	c.check(ctx, s, guess)
	return nil
}

// check tries the draft on the first rows of a file. What it finds is no failure of
// the command: the draft is there to be edited.
func (c mappingCommand) check(ctx context.Context, s streams, guess importer.Guess) {
	if info, err := os.Stat(c.Data); err != nil || !info.Mode().IsRegular() {
		return
	}
	mapping, err := importer.Parse([]byte(guess.Mapping))
	if err == nil {
		_, err = mapping.CheckFiles(ctx, []string{c.Data}, checkedRows)
	}
	if err != nil {
		fmt.Fprintln(s.err, "  to be mended:", err)
	}
	fmt.Fprintf(s.err, "next: look at the draft, then exchequer import --mapping DRAFT --check %s\n", c.Data)
}
