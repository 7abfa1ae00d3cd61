package main

import "exchequer/web"

// tokenFlags hold the operators' token.
type tokenFlags struct {
	OperatorToken     string `name:"operator-token" env:"EXCHEQUER_OPERATOR_TOKEN" placeholder:"SECRET" help:"Opens /api/v1/cache/ to operators, 16 characters or more; set it in the environment, which others cannot see."`
	OperatorTokenFile string `name:"operator-token-file" env:"EXCHEQUER_OPERATOR_TOKEN_FILE" type:"path" placeholder:"FILE" help:"File that holds the operators' token."`
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
