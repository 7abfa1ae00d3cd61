// Large writes the payments of a large economy as CSV files by month, with the mapping by
// which exchequer import reads them. The same arguments always give the same files.
//
//	go run ./bench/large -transactions 50000000 -accounts 10000000 -days 1095 -end 2026-06-30 DIR
//
// Each account is opened by a grant of the mint; then some pay often, and most rarely: an
// account is active on few days, and pays several times on each of them, mostly firms.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

const mapping = `origin = "large"
[ledger]
name = "A large economy"
symbol = "¤"
decimals = 2
issuers = ["mint"]
[csv]
dates = ["YYYY-MM-DD hh:mm:ss"]
[columns]
at = "at"
source = "source"
payer = "from"
payer_kind = "from kind"
payee = "to"
payee_kind = "to kind"
amount = "amount"
[[accounts]]
role = "payer"
ref = "{payer}"
kind = "{payer_kind}"
[[accounts]]
role = "payee"
ref = "{payee}"
kind = "{payee_kind}"
[transaction]
at = "at"
from = "payer"
to = "payee"
amount = "amount"
source = "{source}"
`

func main() {
	var e economy
	flag.IntVar(&e.transactions, "transactions", 50_000_000, "how many, each of two postings")
	flag.IntVar(&e.accounts, "accounts", 10_000_000, "how many, one in 500 a firm's; less than the transactions")
	flag.IntVar(&e.days, "days", 1095, "of how many days")
	end := flag.String("end", "2026-06-30", "the last day")
	flag.Parse()
	var err error
	if e.end, err = time.Parse(time.DateOnly, *end); err == nil {
		err = e.write(flag.Arg(0))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// An economy is what is to be written.
type economy struct {
	transactions, accounts, days int
	end                          time.Time

	random *rand.Rand
	out    io.Writer
	opened int // accounts so far
	paid   int // transactions so far
}

func (e *economy) write(dir string) error {
	if dir == "" || e.days < 1 || e.accounts < 1000 || e.transactions <= e.accounts {
		return errors.New("usage: large [-transactions N] [-accounts N] [-days N] [-end YYYY-MM-DD] DIR, with at least 1000 accounts, and more transactions than these")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "mapping.toml"), []byte(mapping), 0o644); err != nil {
		return err
	}
	e.random = rand.New(rand.NewPCG(1, uint64(e.accounts)))
	first := e.end.AddDate(0, 0, 1-e.days)
	for day := 0; day < e.days; {
		month := first.AddDate(0, 0, day).Format("2006-01")
		err := e.file(filepath.Join(dir, month+".csv.zst"), func() error {
			for ; day < e.days && first.AddDate(0, 0, day).Format("2006-01") == month; day++ {
				if err := e.day(first.AddDate(0, 0, day), day); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *economy) file(path string, fill func() error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	compressed, err := zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, compressed.Close()) }()
	e.out = compressed
	if _, err := fmt.Fprintln(e.out, "at,source,from,from kind,to,to kind,amount"); err != nil {
		return err
	}
	return fill()
}

// day writes the grants of new accounts, spread over the day, and between them visits in
// which one account pays up to eight times.
func (e *economy) day(at time.Time, n int) error {
	opened := e.accounts * (n + 1) / e.days
	paid := e.transactions * (n + 1) / e.days
	grants, all := opened-e.opened, paid-e.paid
	visitor, left := 0, 0
	for i := range all {
		now := at.Add(time.Duration(i) * 24 * time.Hour / time.Duration(all))
		var err error
		switch {
		case e.opened < opened && (e.opened < 2 || i >= (grants-(opened-e.opened))*all/grants):
			err = e.pay(now, "grant", "mint,system", account(e.opened), int(math.Min(1e9, 10_000*math.Pow(1-e.random.Float64(), -1/1.5))))
			e.opened++
		default:
			if left == 0 {
				visitor, left = e.someone(3), 1+e.random.IntN(8)
			}
			left--
			payee, source := e.firm(), "trade"
			if e.random.IntN(20) == 0 {
				payee, source = e.someone(1), "gift"
			}
			if payee == visitor {
				payee = (visitor + 1) % e.opened
			}
			err = e.pay(now, source, account(visitor), account(payee), 1+int(1000*e.random.ExpFloat64()))
		}
		if err != nil {
			return err
		}
		e.paid++
	}
	return nil
}

// someone returns an account; of a larger skew the old ones more often.
func (e *economy) someone(skew float64) int {
	return int(math.Pow(e.random.Float64(), skew) * float64(e.opened))
}

// firm returns the account of a firm.
func (e *economy) firm() int { return e.someone(2) / firms * firms }

// firms is of how many accounts one is a firm's.
const firms = 500

func account(n int) string {
	if n%firms == 0 {
		return fmt.Sprintf("firm %d,business", n)
	}
	return fmt.Sprintf("person %d,personal", n)
}

func (e *economy) pay(at time.Time, source, from, to string, cents int) error {
	_, err := fmt.Fprintf(e.out, "%s,%s,%s,%s,%d.%02d\n", at.Format(time.DateTime), source, from, to, cents/100, cents%100)
	return err
}
