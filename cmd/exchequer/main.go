// Command exchequer is the explorer, its importer and its tools in one binary.
// It reads flags and the environment once, here, and wires the packages together.
// No package reads them by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

// commands are the commands of the binary, one file each.
type commands struct {
	Serve       serveCommand       `cmd:"" help:"Serve the explorer over a ledger."`
	Demo        demoCommand        `cmd:"" help:"Serve a simulated town, to look around."`
	Import      importCommand      `cmd:"" help:"Read CSV files, mapped or native, into the ledger."`
	Export      exportCommand      `cmd:"" help:"Write the whole ledger as native CSV files."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database's schema up to date."`
	Warm        warmCommand        `cmd:"" help:"Bring a running server's cache up to date; the same as cache warm."`
	Cache       cacheCommand       `cmd:"" help:"Inspect and control the cache of a running server."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is ready; for container probes."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Under nohup a hangup stays ignored.
	if !signal.Ignored(syscall.SIGHUP) {
		// A closed terminal may send several, so a second hangup is ignored too.
		var forget context.CancelFunc
		ctx, forget = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer forget()
	}
	// The first signal begins a clean shutdown; the second one ends at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program without the process around it. It returns the exit code:
// 0, 1 for a failure, 2 for a wrong command line, 130 if interrupted.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("exchequer"),
		kong.Description("An explorer for the economy of anything that keeps a double-entry ledger."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{out: stdout, err: stderr}),
		kong.Exit(func(code int) { panic(exit(code)) }),
	)
	if err != nil {
		fmt.Fprintln(stderr, "exchequer:", err)
		return 2
	}
	return parseAndRun(ctx, parser, args, stderr)
}

// exit is what run panics with when kong wants to exit, as after --help.
type exit int

func parseAndRun(ctx context.Context, parser *kong.Kong, args []string, stderr io.Writer) (code int) {
	defer func() {
		switch ended := recover().(type) {
		case nil:
		case exit:
			code = int(ended)
		default:
			panic(ended)
		}
	}()
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "exchequer: %v (try --help)\n", err)
		return 2
	}
	switch err := parsed.Run(); {
	case err == nil:
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "exchequer: interrupted")
		return interrupted
	default:
		fmt.Fprintln(stderr, "exchequer:", err)
		return 1
	}
}

// interrupted is the exit code after a signal has ended a command early.
const interrupted = 130

// streams are where a command prints: results to out, progress to err.
type streams struct{ out, err io.Writer }

type versionCommand struct{}

func (versionCommand) Run(s streams) error {
	fmt.Fprintln(s.out, version)
	return nil
}
