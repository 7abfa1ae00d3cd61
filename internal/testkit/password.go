package testkit

import (
	"sync"

	"github.com/alexedwards/argon2id"
)

// Password is that of the local admin in tests.
const Password = "correct horse battery"

// PasswordHash returns a hash of Password that costs as little as may be.
var PasswordHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(Password, &argon2id.Params{Memory: 8 << 10, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})
