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

	"github.com/jackc/pgx/v5"
)

// rows are the new rows of the record, as COPY reads them.
type rows struct {
	transactions, postings, sales copyRows
}

// A newPosting is a row of postings.
type newPosting struct {
	account, at, transaction int64
	seq                      int32
	amount                   int64
}

// rows makes the rows of what is new, and adds it to the deltas.
func (w *writing) rows(d *deltas) *rows {
	var out rows
	var all []newPosting
	var legs []leg
	for i := range w.batch.Transactions {
		t, id := &w.batch.Transactions[i], w.transactions[i]
		if id == 0 {
			w.written.SkippedTransactions++
			continue
		}
		w.written.Transactions++
		w.written.Postings += len(t.Postings)
		at := t.At.UnixMicro()
		out.transactions.row(6)
		out.transactions.int64(id)
		out.transactions.time(at)
		out.transactions.text(t.Source)
		out.transactions.text(t.Message)
		out.transactions.text(t.Origin)
		out.transactions.text(t.Ref)
		legs = legs[:0]
		for seq, p := range t.Postings {
			a := w.accounts[p.Account]
			all = append(all, newPosting{a.id, at, id, int32(seq), p.Amount})
			legs = append(legs, leg{a.id, a.holder, a.kind, p.Amount})
		}
		d.addTransaction(at, t.Source, legs)
	}
	// In the order of the primary key, neighbours land on the same page of it.
	slices.SortFunc(all, func(a, b newPosting) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.at, b.at), cmp.Compare(a.transaction, b.transaction))
	})
	for _, p := range all {
		out.postings.row(5)
		out.postings.int64(p.account)
		out.postings.time(p.at)
		out.postings.int64(p.transaction)
		out.postings.int32(p.seq)
		out.postings.int64(p.amount)
	}
	for i := range w.batch.Sales {
		s, id := &w.batch.Sales[i], w.sales[i]
		if id == 0 {
			w.written.SkippedSales++
			continue
		}
		w.written.Sales++
		at, item := s.At.UnixMicro(), w.items[s.Item]
		out.sales.row(13)
		out.sales.int64(item)
		out.sales.time(at)
		out.sales.int64(id)
		out.sales.id(w.shops[s.Shop])
		out.sales.id(w.accounts[s.Seller].id)
		out.sales.id(w.accounts[s.Buyer].id)
		out.sales.text(string(s.Direction))
		out.sales.int64(s.Quantity)
		out.sales.int64(s.Total)
		out.sales.int64(s.Tax)
		out.sales.id(w.named[name{s.Transaction, s.Origin}])
		out.sales.text(s.Origin)
		out.sales.text(s.Ref)
		d.addSale(item, at, id, s.Quantity, s.Total)
	}
	return &out
}

func (r *rows) copyTo(ctx context.Context, tx pgx.Tx) error {
	for _, table := range []struct {
		columns string
		rows    *copyRows
	}{
		{"transactions (id, at, source, message, origin, ref)", &r.transactions},
		{"postings (account, at, transaction, seq, amount)", &r.postings},
		{"sales (item, at, id, shop, seller, buyer, direction, quantity, total, tax, transaction, origin, ref)", &r.sales},
	} {
		if len(table.rows.data) == 0 {
			continue
		}
		_, err := tx.Conn().PgConn().CopyFrom(ctx, table.rows.reader(), "COPY "+table.columns+" FROM STDIN BINARY")
		if err != nil {
			return fmt.Errorf("copy into %s: %w", table.columns, err)
		}
	}
	return nil
}

// copyRows is rows in the binary format of COPY, which is written here by hand
// because pgx boxes every value on its way through CopyFromSource, a third of
// the client's time in an append.
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

// postgresEpoch is 2000-01-01, from which Postgres counts, in Unix microseconds.
const postgresEpoch = 946_684_800_000_000

// time writes Unix microseconds.
func (c *copyRows) time(micros int64) { c.int64(micros - postgresEpoch) }

// reader adds the header and the end.
func (c *copyRows) reader() io.Reader {
	const header = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	return io.MultiReader(strings.NewReader(header), bytes.NewReader(c.data), strings.NewReader("\xff\xff"))
}
