package main

import "exchequer/web"

// tokenFlags say by which token operators may look after the cache.
type tokenFlags struct {
	OperatorToken     string `name:"operator-token" env:"EXCHEQUER_OPERATOR_TOKEN" help:"Lets operators use /api/v1/cache/, 16 characters or more; belongs in the environment, which others cannot see. Without it that is off."`
	OperatorTokenFile string `name:"operator-token-file" env:"EXCHEQUER_OPERATOR_TOKEN_FILE" type:"path" help:"File that holds the operators' token, for secrets that are mounted."`
}

// token returns the token, or an error where it would be refused: before
// anything is started for it.
func (f tokenFlags) token() (string, error) {
	token, err := secret("EXCHEQUER_OPERATOR_TOKEN", f.OperatorToken, f.OperatorTokenFile)
	if err != nil {
		return "", err
	}
	return token, web.CheckOperatorToken(token)
}
