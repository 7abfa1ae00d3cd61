package town

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"exchequer/ledger"
)

// An account is one of the ledger's, with the balance that the town's own
// transactions give it.
type account struct {
	ledger.Account
	balance int64
	changed bool // since it was last handed out
}

// A leg is what one account gets from a transaction, or pays if negative.
type leg struct {
	account *account
	amount  int64
}

// A book collects what happens until it is handed out as a batch.
type book struct {
	since    time.Time // the ledger has what is earlier
	batch    ledger.Batch
	accounts []*account // changed ones, in the order in which they changed
	firms    []*firm    // whose shops opened or closed
	shops    []*shop
	day      int // of the last transaction
	seq      int // its number in that day
	last     time.Time
}

// open adds an account.
func (b *book) open(a ledger.Account) *account {
	opened := &account{Account: a}
	b.touch(opened)
	return opened
}

func (b *book) touch(a *account) {
	if !a.changed {
		a.changed = true
		b.accounts = append(b.accounts, a)
	}
}

func (b *book) touchFirm(f *firm) {
	if !slices.Contains(b.firms, f) {
		b.firms = append(b.firms, f)
	}
}

func (b *book) touchShop(s *shop) {
	if !s.changed {
		s.changed = true
		b.shops = append(b.shops, s)
	}
}

// sight writes a shop as it is now, beside what it is when the batch is handed out.
func (b *book) sight(s *shop) {
	if s.seen.Before(b.since) {
		return
	}
	s.changed = false // until it is touched again
	b.batch.Offers = append(b.batch.Offers, s.record())
}

// pay writes a transaction in which from pays what the legs get, and returns
// its ref. It writes nothing and returns "" where an account that is not the
// system's cannot pay, or where nothing is to be paid.
func (b *book) pay(at time.Time, source, message string, from *account, to ...leg) string {
	legs := make([]ledger.Posting, 1, len(to)+1)
	var sum int64
	for _, l := range to {
		if l.amount == 0 {
			continue
		}
		if l.amount < 0 && l.account.balance+l.amount < 0 && l.account.Kind != ledger.System {
			return ""
		}
		sum += l.amount
		legs = append(legs, ledger.Posting{Account: l.account.Ref, Amount: l.amount})
	}
	if len(legs) == 1 || sum == 0 {
		return ""
	}
	if sum > 0 && from.balance < sum && from.Kind != ledger.System {
		return ""
	}
	legs[0] = ledger.Posting{Account: from.Ref, Amount: -sum}
	from.balance -= sum
	for _, l := range to {
		l.account.balance += l.amount
	}
	ref := b.ref(at)
	b.last = at
	if !at.Before(b.since) {
		b.batch.Transactions = append(b.batch.Transactions, ledger.Transaction{
			Origin: Origin, Ref: ref, At: at, Source: source, Message: message, Postings: legs,
		})
	}
	return ref
}

// ref names the next transaction by its day and its number in that day.
func (b *book) ref(at time.Time) string {
	if today := dayNumber(at); today != b.day {
		b.day, b.seq = today, 0
	}
	b.seq++
	return at.Format("2006-01-02") + "/" + strconv.Itoa(b.seq)
}

// sell writes line nr of the trade that the transaction ref paid for.
func (b *book) sell(nr int, ref string, s ledger.Sale) {
	if s.At.Before(b.since) {
		return
	}
	s.Origin, s.Transaction, s.Ref = Origin, ref, fmt.Sprintf("%s.%d", ref, nr)
	b.batch.Sales = append(b.batch.Sales, s)
}

// tell writes an event, which is told once, at its beginning.
func (b *book) tell(e ledger.Event) {
	if !e.At.Before(b.since) {
		b.batch.Events = append(b.batch.Events, e)
	}
}

// take hands out what happened since the last time. A first batch that starts
// late therefore has every account and shop as it is by then.
func (b *book) take(items []item) ledger.Batch {
	out := b.batch
	for _, a := range b.accounts {
		a.changed = false
		out.Accounts = append(out.Accounts, a.Account)
	}
	for _, f := range b.firms {
		out.Shops = append(out.Shops, f.shop())
		if o, ok := f.barter(items); ok {
			out.Offers = append(out.Offers, o)
		}
	}
	for _, s := range b.shops {
		if s.changed { // and not there twice
			s.changed = false
			out.Offers = append(out.Offers, s.record())
		}
	}
	b.batch, b.accounts, b.firms, b.shops = ledger.Batch{}, nil, nil, nil
	return out
}

func (b *book) empty() bool {
	return len(b.batch.Transactions)+len(b.batch.Sales)+len(b.batch.Items)+len(b.batch.Events)+len(b.accounts)+len(b.firms)+len(b.shops) == 0
}
