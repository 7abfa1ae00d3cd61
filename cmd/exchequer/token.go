package main

// tokenFlags say by which token operators may look after the cache.
type tokenFlags struct {
	OperatorToken     string `name:"operator-token" env:"EXCHEQUER_OPERATOR_TOKEN" help:"Lets operators use /api/v1/cache/, 16 characters or more; belongs in the environment, which others cannot see. Without it that is off."`
	OperatorTokenFile string `name:"operator-token-file" env:"EXCHEQUER_OPERATOR_TOKEN_FILE" type:"path" help:"File that holds the operators' token, for secrets that are mounted."`
}

func (f tokenFlags) token() (string, error) {
	return secret("EXCHEQUER_OPERATOR_TOKEN", f.OperatorToken, f.OperatorTokenFile)
}
