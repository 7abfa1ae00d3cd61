package importer

import (
	"cmp"
	"strings"
	"time"

	"exchequer/ledger"
)

// others maps what of a row is neither a sale nor a payment.
func (r *row) others(out *mapped) *RowError {
	if k := r.m.known; k != nil {
		if err := r.knownAccount(out, k); err != nil {
			return err
		}
	}
	if s := r.m.shop; s != nil {
		if err := r.shop(out, s); err != nil {
			return err
		}
	}
	if b := r.m.balance; b != nil {
		return r.balance(out, b)
	}
	return nil
}

func (r *row) knownAccount(out *mapped, k *known) *RowError {
	ref, err := r.account(out, k.account, time.Time{})
	if err != nil || k.archived == "" {
		return err
	}
	archived, err := r.archived(k.archived)
	for i := range out.accounts {
		if out.accounts[i].Ref == ref {
			out.accounts[i].Archived, out.accounts[i].InUse = archived, archived.IsZero()
		}
	}
	return err
}

// archived returns the time of a column that has one, or that says only whether: then it
// is the time at which the row is read.
func (r *row) archived(name string) (time.Time, *RowError) {
	if yes, known := truth(r.value(name)); known {
		if yes {
			return r.now(), nil
		}
		return time.Time{}, nil
	}
	return r.time(name)
}

// truth returns what yes and no are written as, and whether it is one of them. No text
// is no.
func truth(text string) (yes, known bool) {
	switch strings.ToLower(text) {
	case "1", "true", "t", "yes":
		return true, true
	case "", "0", "false", "f", "no":
		return false, true
	}
	return false, false
}

// now returns the time at which the row is read.
func (r *row) now() time.Time { return r.latest.Add(-clockSkew) }

// timeOrNow returns the time of a column, now if there is none.
func (r *row) timeOrNow(name string) (time.Time, *RowError) {
	if name == "" || r.value(name) == "" {
		return r.now(), nil
	}
	return r.time(name)
}

func (r *row) shop(out *mapped, s *shop) *RowError {
	shop := ledger.Shop{Active: true, Line: r.place()}
	var err *RowError
	var complete bool
	if shop.Ref, complete = s.ref.fill(r); !complete {
		return r.empty(s.ref, "a shop needs a ref")
	}
	shop.Place, _ = s.place.fill(r)
	shop.World, _ = s.world.fill(r)
	if shop.Seen, err = r.timeOrNow(s.seen); err != nil {
		return err
	}
	if s.active != "" {
		var known bool
		if shop.Active, known = truth(r.value(s.active)); !known {
			return r.bad(s.active, "expected 1 or 0, true or false")
		}
	}
	if shop.Owner, err = r.account(out, s.owner, shop.Seen); err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		of   **int64
	}{{s.x, &shop.X}, {s.y, &shop.Y}, {s.z, &shop.Z}} {
		if *c.of, err = r.whole(c.name); err != nil {
			return err
		}
	}
	out.shop = &shop
	return r.offer(out, s, shop)
}

// offer maps what the row's shop offers, if that is anything.
func (r *row) offer(out *mapped, s *shop, of ledger.Shop) *RowError {
	item, complete := s.item.fill(r)
	if item == "" || !complete {
		return nil
	}
	offer := ledger.Offer{Shop: of.Ref, Item: item, Batch: 1, Active: of.Active, Seen: of.Seen, Line: r.place()}
	offer.Ref, _ = s.offer.fill(r)
	offer.Ref = cmp.Or(offer.Ref, item)
	var err *RowError
	if offer.Ask, err = r.price(out, s.ask); err != nil {
		return err
	}
	if offer.Bid, err = r.price(out, s.bid); err != nil {
		return err
	}
	batch, err := r.whole(s.batch)
	if err != nil {
		return err
	}
	if batch != nil {
		offer.Batch = *batch
	}
	if offer.Stock, err = r.whole(s.stock); err != nil {
		return err
	}
	if offer.Capacity, err = r.whole(s.capacity); err != nil {
		return err
	}
	out.item = ledger.Item{Ref: item}
	out.item.Name, _ = s.itemName.fill(r)
	out.item.Group, _ = s.itemGroup.fill(r)
	out.offer = &offer
	return nil
}

// price returns the amount of a column, nil if it has none.
func (r *row) price(out *mapped, name string) (*int64, *RowError) {
	if name == "" || r.value(name) == "" {
		return nil, nil
	}
	amount, err := r.money(out, name, integer(1))
	return &amount, err
}

// whole returns the whole number of a column, nil if it has none.
func (r *row) whole(name string) (*int64, *RowError) {
	if name == "" || r.value(name) == "" {
		return nil, nil
	}
	n, err := r.number(name)
	if err != nil {
		return nil, err
	}
	if n.scale != 0 || n.large != nil {
		return nil, r.bad(name, "expected a whole number that fits in 64 bits")
	}
	return &n.coef, nil
}

func (r *row) balance(out *mapped, b *balance) *RowError {
	o := ledger.Observation{Origin: r.m.Origin, Line: r.place()}
	var err *RowError
	if o.At, err = r.timeOrNow(b.at); err != nil {
		return err
	}
	if o.Balance, err = r.money(out, b.amount, integer(1)); err != nil {
		return err
	}
	if o.Account, err = r.account(out, b.account, o.At); err != nil {
		return err
	}
	out.observed = &o
	return nil
}
