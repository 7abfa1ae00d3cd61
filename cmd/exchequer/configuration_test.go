package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

// The document of all settings is written by this test, from the program's own flags.
func TestTheConfigurationIsDocumented(t *testing.T) {
	parser, err := newParser(t.Context(), io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("# Configuration\n\nAll settings, as flags or in the environment; a flag wins. Made from the program's flags by `go test ./cmd/exchequer -run Configuration -update`. What stands behind them is in [operations.md](operations.md).\n\n" +
		"Secrets belong into the environment, or into a file that `…_FILE` names: everybody on the machine sees a program's flags. Flags of several values take them separated by commas, or the flag several times.\n")
	known := map[string]bool{} // by what serve has
	for _, command := range servingFirst(parser.Model.Leaves(true)) {
		describe(&text, command, known)
	}
	path := filepath.Join(root, "docs", "configuration.md")
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if readFile(t, "docs/configuration.md") != text.String() {
		t.Error("docs/configuration.md is not what the flags say: go test ./cmd/exchequer -run Configuration -update")
	}
}

func servingFirst(commands []*kong.Node) []*kong.Node {
	var first, others []*kong.Node
	for _, c := range commands {
		if c.Name == "serve" {
			first = append(first, c)
		} else {
			others = append(others, c)
		}
	}
	return append(first, others...)
}

// describe writes the flags of a command by group, without those that are known.
func describe(text *strings.Builder, command *kong.Node, known map[string]bool) {
	type group struct {
		title string
		flags []*kong.Flag
	}
	var by []group
	shared := false
	for _, f := range command.Flags {
		if f.Hidden || f.Name == "help" {
			continue
		}
		if said := f.Name + strings.Join(f.Envs, " ") + f.Default + f.Help; known[said] {
			shared = true
			continue
		} else if command.Name == "serve" {
			known[said] = true
		}
		title := ""
		if f.Group != nil {
			title = strings.TrimSuffix(f.Group.Title, ":")
		}
		if len(by) == 0 || by[len(by)-1].title != title {
			by = append(by, group{title: title})
		}
		by[len(by)-1].flags = append(by[len(by)-1].flags, f)
	}
	fmt.Fprintf(text, "\n## exchequer %s\n%s", strings.TrimPrefix(command.Path(), "exchequer "), command.Help)
	if shared {
		text.WriteString(" It also takes flags of `serve` that are not repeated here; `--help` lists them.")
	}
	text.WriteString("\n")
	for _, g := range by {
		fmt.Fprintf(text, "\n| %s | environment | default | |\n|---|---|---|---|\n", cell(g.title))
		for _, f := range g.flags {
			var envs []string
			for _, e := range f.Envs {
				envs = append(envs, "`"+e+"`")
			}
			flag, byDefault := "--"+f.Name, f.Default
			if !f.IsBool() {
				flag += "=" + f.FormatPlaceHolder()
			}
			if byDefault != "" {
				byDefault = "`" + byDefault + "`"
			}
			fmt.Fprintf(text, "| `%s` | %s | %s | %s |\n", cell(flag), strings.Join(envs, " "), cell(byDefault), cell(f.Help))
		}
	}
}

func cell(text string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(text) }
