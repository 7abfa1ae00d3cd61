// Command exchequer is the explorer, its importer and its tools in one binary.
// It reads flags and the environment once, here, and wires the packages together.
// No package reads them by itself.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker; see the Makefile.
var version = "unknown"

// commands are the commands of the binary, one file each.
type commands struct {
	Demo        demoCommand        `cmd:"" group:"serving" help:"Serve a simulated town, to look around."`
	Serve       serveCommand       `cmd:"" group:"serving" help:"Serve the explorer over a ledger."`
	Mapping     mappingCommand     `cmd:"" group:"data" help:"Draft a mapping for a CSV file of your own."`
	Import      importCommand      `cmd:"" group:"data" help:"Read CSV files, mapped or native, into the ledger."`
	Sync        syncCommand        `cmd:"" group:"data" help:"Follow another program's database, and keep the ledger in step with it."`
	Export      exportCommand      `cmd:"" group:"data" help:"Write the whole ledger as native CSV files."`
	Dump        dumpCommand        `cmd:"" group:"data" help:"Publish finished months and the tables of names as Parquet and CSV."`
	Archive     archiveCommand     `cmd:"" group:"data" help:"Move old months of the record into files, and bring them back."`
	Verify      verifyCommand      `cmd:"" group:"data" help:"Compare balances and rollups with the record."`
	Repair      repairCommand      `cmd:"" group:"data" help:"Make balances and rollups anew from the record."`
	Migrate     migrateCommand     `cmd:"" group:"data" help:"Bring the database's schema up to date."`
	Offsetting  offsettingCommand  `cmd:"" group:"data" help:"Say which offsetting trade is not to be marked."`
	Keys        keysCommand        `cmd:"" group:"operators" help:"Manage the keys of programs that write."`
	Password    passwordCommand    `cmd:"" group:"operators" help:"Hash a password for the local admin."`
	Claims      claimsCommand      `cmd:"" group:"operators" help:"Manage which accounts belong to whom of those who sign in."`
	Alerts      alertsCommand      `cmd:"" group:"operators" help:"Check, try and watch the rules by which alerts are sent."`
	Cache       cacheCommand       `cmd:"" group:"operators" help:"Inspect and control the cache of a running server."`
	Warm        warmCommand        `cmd:"" group:"operators" help:"Bring a running server's cache up to date; the same as cache warm."`
	Healthcheck healthcheckCommand `cmd:"" group:"operators" help:"Ask a running server whether it is ready; for container probes."`
	Version     versionCommand     `cmd:"" group:"operators" help:"Print the version."`
}

// groups are the groups of commands and flags in the help, in their order.
var groups = []kong.Group{
	{Key: "serving", Title: "Serving:"},
	{Key: "town", Title: "Town:"},
	{Key: "import", Title: "Import:"},
	{Key: "sync", Title: "Sync:"},
	{Key: "data", Title: "Data:"},
	{Key: "redis", Title: "Redis:"},
	{Key: "cache", Title: "Cache:"},
	{Key: "sign-in", Title: "Sign-in:"},
	{Key: "operators", Title: "Operators:"},
}

// orderFlags puts the flags of each command in the order of the groups.
func orderFlags(k *kong.Kong) error {
	place := func(f *kong.Flag) int {
		return slices.IndexFunc(groups, func(g kong.Group) bool { return f.Group != nil && f.Group.Key == g.Key })
	}
	return kong.Visit(k.Model, func(visited kong.Visitable, next kong.Next) error {
		if command, is := visited.(*kong.Command); is {
			slices.SortStableFunc(command.Flags, func(a, b *kong.Flag) int { return cmp.Compare(place(a), place(b)) })
		}
		return next(nil)
	})
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
	parser, err := newParser(ctx, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "exchequer:", err)
		return 2
	}
	return parseAndRun(ctx, parser, args, stderr)
}

// newParser returns the command line.
func newParser(ctx context.Context, stdout, stderr io.Writer) (*kong.Kong, error) {
	var cli commands
	return kong.New(&cli,
		kong.Name("exchequer"),
		kong.Description("An explorer for the economy of anything that keeps a double-entry ledger."),
		kong.Writers(stdout, stderr),
		kong.Vars{"listen": defaultListen},
		kong.ExplicitGroups(groups),
		kong.PostBuild(orderFlags),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{out: stdout, err: stderr}),
		kong.Exit(func(code int) { panic(exit(code)) }),
	)
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
