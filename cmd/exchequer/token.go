package main

import "exchequer/web"

// tokenFlags hold the operators' token.
type tokenFlags struct {
	OperatorToken     string `name:"operator-token" env:"EXCHEQUER_OPERATOR_TOKEN" help:"Lets operators use /api/v1/cache/, 16 characters or more; belongs in the environment, which others cannot see. Without it they are off."`
	OperatorTokenFile string `name:"operator-token-file" env:"EXCHEQUER_OPERATOR_TOKEN_FILE" type:"path" help:"File that holds the operators' token, for secrets that are mounted."`
}

// token returns the token, or an error if the site would refuse it. It is called
// before anything else is started.
func (f tokenFlags) token() (string, error) {
	token, err := secret("EXCHEQUER_OPERATOR_TOKEN", f.OperatorToken, f.OperatorTokenFile)
	if err != nil {
		return "", err
	}
	return token, web.CheckOperatorToken(token)
}
