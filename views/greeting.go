package views

// Greeting says how an empty ledger is filled.
func Greeting(Page) Content {
	return Content{
		Sub: "This page fills by itself: it looks again every minute.", Body: greeting(),
		Says: Sentence{Words: phrase("Exchequer is running and ready for data. Bring in a file, or look around a simulated town first")},
	}
}

// importCommands are lines, whose breaks a template would lose.
const importCommands = "exchequer mapping payments.csv > payments.toml\n" +
	"exchequer import --mapping payments.toml --check payments.csv\n" +
	"exchequer import --mapping payments.toml payments.csv"
