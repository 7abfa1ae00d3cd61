package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"exchequer/cache"
	"exchequer/web"
)

// warmCommand makes a running server bring its cache up to date.
type warmCommand struct {
	operatorFlags
	Memos []string `arg:"" optional:"" name:"memo" help:"Names of memos; all without any."`
}

// warmTimeout is longer than a server may take.
const warmTimeout = 20 * time.Minute

// Run prints each key when it is done. A key that fails does not end the warming,
// but makes the command fail.
func (c warmCommand) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, warmTimeout)
	defer cancel()
	began := time.Now()
	answer, err := c.send(ctx, "POST", "warm", nil, map[string]any{"memos": append([]string{}, c.Memos...)})
	if err != nil {
		return err
	}
	defer answer.Close()
	lines := bufio.NewScanner(answer)
	of := 0
	for lines.Scan() {
		var line web.WarmLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("warm: read the answer of %s: %w", c.Server, err)
		}
		if c.JSON {
			fmt.Fprintf(s.out, "%s\n", lines.Bytes())
		}
		switch {
		case line.Finished == nil && !c.JSON:
			of = line.Of
			outcome := "up to date"
			if line.Error != "" {
				outcome = line.Error
			}
			fmt.Fprintf(s.out, "%d/%d  %s: %s\n", line.Done, line.Of, line.Key, outcome)
		case line.Finished == nil:
			of = line.Of
		case !*line.Finished:
			return fmt.Errorf("warm: %s did not finish: %s", c.Server, line.Error)
		case line.Failed != nil && *line.Failed > 0:
			return fmt.Errorf("warm: %d of %d keys are not up to date", *line.Failed, of)
		default:
			if !c.JSON {
				fmt.Fprintf(s.out, "%d keys are up to date after %s\n", of, formatSeconds(cache.SecondsOf(time.Since(began))))
			}
			return nil
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("warm: %s stopped answering: %w", c.Server, err)
	}
	return errors.New("warm: " + c.Server + " stopped answering before it was done")
}
