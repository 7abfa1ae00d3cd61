package main

import (
	"strings"
	"testing"
)

func TestHelpIsGroupedAndBeginsWithWhatIsNeededFirst(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		order []string
	}{
		"all":    {[]string{"--help"}, []string{"Serving:", "  demo ", "  serve ", "Data:", "  mapping ", "  import ", "Operators:", "  cache stats "}},
		"serve":  {[]string{"serve", "--help"}, []string{"Serving:", "--listen", "Data:", "--database-url=", "Redis:", "--redis-url=", "Cache:", "--policy", "Operators:", "--log-level"}},
		"demo":   {[]string{"demo", "--help"}, []string{"Serving:", "--listen", "Town:", "--seed", "Data:", "--data-dir", "Operators:"}},
		"import": {[]string{"import", "--help"}, []string{"Import:", "--mapping", "--check", "Data:", "--database-url="}},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, said := exchequer(t, c.args...)
			if code != 0 || said != "" {
				t.Fatalf("%v = %d, %s", c.args, code, said)
			}
			at := 0
			for _, want := range c.order {
				i := strings.Index(out[at:], want)
				if i < 0 {
					t.Fatalf("%v has no %q after %q of\n%s", c.args, want, c.order, out)
				}
				at += i
			}
		})
	}
}
