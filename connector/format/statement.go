package format

func readCAMT053(text []byte, f func(fields []string) error) error { return nil }
func readOFX(text []byte, f func(fields []string) error) error     { return nil }

var statementHeader []string
