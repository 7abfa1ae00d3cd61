package ledger

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// copyRows copies the new transactions and sales into the record.
func (ap *appender) copyRows(ctx context.Context) error {
	transactions, postings := ap.transactionRows()
	for _, table := range []struct {
		columns string
		rows    *copyRows
	}{
		{"transactions (id, at, source, message, origin, ref)", transactions},
		{"postings (account, at, transaction, seq, amount)", postings},
		{"sales (item, at, id, shop, seller, buyer, direction, quantity, total, tax, transaction, origin, ref)", ap.saleRows()},
	} {
		if len(table.rows.data) == 0 {
			continue
		}
		_, err := ap.tx.Conn().PgConn().CopyFrom(ctx, table.rows.reader(), "COPY "+table.columns+" FROM STDIN BINARY")
		if err != nil {
			return fmt.Errorf("copy into %s: %w", table.columns, err)
		}
	}
	return nil
}

// A newPosting is a row of postings.
type newPosting struct {
	account, at, transaction int64
	seq                      int32
	amount                   int64
}

func (ap *appender) transactionRows() (transactions, postings *copyRows) {
	const transactionSize, postingSize = 128, 2 + 5*4 + 4*8 + 4
	transactions = &copyRows{make([]byte, 0, ap.written.Transactions*transactionSize)}
	postings = &copyRows{make([]byte, 0, ap.written.Postings*postingSize)}
	rows := make([]newPosting, 0, ap.written.Postings)
	for i, id := range ap.transactions {
		if id == 0 {
			continue
		}
		t := &ap.batch.Transactions[i]
		at := t.At.UnixMicro()
		transactions.row(6)
		transactions.int64(id)
		transactions.time(at)
		transactions.text(t.Source)
		transactions.text(t.Message)
		transactions.text(t.Origin)
		transactions.text(t.Ref)
		for seq, p := range t.Postings {
			rows = append(rows, newPosting{ap.accounts[p.Account].id, at, id, int32(seq), p.Amount})
		}
	}
	// In the order of the primary key, neighbouring rows are on the same index
	// page, which saves a third to a half of the server's time.
	slices.SortFunc(rows, func(a, b newPosting) int {
		switch {
		case a.account != b.account:
			return cmp.Compare(a.account, b.account)
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		default:
			return cmp.Compare(a.transaction, b.transaction)
		}
	})
	for _, p := range rows {
		postings.row(5)
		postings.int64(p.account)
		postings.time(p.at)
		postings.int64(p.transaction)
		postings.int32(p.seq)
		postings.int64(p.amount)
	}
	return transactions, postings
}

func (ap *appender) saleRows() *copyRows {
	var rows copyRows
	for i, id := range ap.sales {
		if id == 0 {
			continue
		}
		s := &ap.batch.Sales[i]
		rows.row(13)
		rows.int64(ap.items[s.Item])
		rows.time(s.At.UnixMicro())
		rows.int64(id)
		rows.id(ap.shops[s.Shop])
		rows.id(ap.accounts[s.Seller].id)
		rows.id(ap.accounts[s.Buyer].id)
		rows.text(string(s.Direction))
		rows.int64(s.Quantity)
		rows.int64(s.Total)
		rows.int64(s.Tax)
		rows.id(ap.named[name{s.Transaction, s.Origin}])
		rows.text(s.Origin)
		rows.text(s.Ref)
	}
	return &rows
}

// copyRows is rows in the binary format of COPY. pgx would box every value and
// describe the table at each append.
type copyRows struct {
	data []byte
}

func (c *copyRows) row(fields int16) { c.data = binary.BigEndian.AppendUint16(c.data, uint16(fields)) }

func (c *copyRows) int64(v int64) {
	c.data = binary.BigEndian.AppendUint32(c.data, 8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(v))
}

func (c *copyRows) int32(v int32) {
	c.data = binary.BigEndian.AppendUint32(c.data, 4)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(v))
}

// id writes null for 0.
func (c *copyRows) id(v int64) {
	if v == 0 {
		c.data = binary.BigEndian.AppendUint32(c.data, 1<<32-1)
		return
	}
	c.int64(v)
}

func (c *copyRows) text(s string) {
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(s)))
	c.data = append(c.data, s...)
}

// postgresEpoch is the zero of Postgres times, 2000-01-01, in Unix microseconds.
const postgresEpoch = 946_684_800_000_000

// time writes Unix microseconds.
func (c *copyRows) time(micros int64) { c.int64(micros - postgresEpoch) }

// reader returns the rows between the header and the trailer.
func (c *copyRows) reader() io.Reader {
	const header = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	return io.MultiReader(strings.NewReader(header), bytes.NewReader(c.data), strings.NewReader("\xff\xff"))
}
