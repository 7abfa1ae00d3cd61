package alerts

import (
	"net/url"
)

// hookAt returns a webhook called "hook".
func hookAt(address string) Receiver {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	key, err := parseSecret(secret)
	if err != nil {
		panic(err)
	}
	return Receiver{Name: "hook", Form: Webhook, url: u, secret: key}
}
