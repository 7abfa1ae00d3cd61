package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5/pgtype"
)

// A numericCodec scans whole numbers of up to 16 digits without a big integer. Sums are
// nearly all such numbers, and a page reads many thousands of them.
type numericCodec struct{ pgtype.NumericCodec }

// PlanScan scans small whole numbers by ScanInt64 into a target that has it beside
// ScanNumeric.
func (c numericCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	plan := c.NumericCodec.PlanScan(m, oid, format, target)
	if _, numeric := target.(pgtype.NumericScanner); !numeric || format != pgtype.BinaryFormatCode {
		return plan
	}
	if _, small := target.(pgtype.Int64Scanner); !small {
		return plan
	}
	return smallFirst{plan}
}

type smallFirst struct{ others pgtype.ScanPlan }

func (p smallFirst) Scan(src []byte, target any) error {
	if n, small := smallNumeric(src); small {
		return target.(pgtype.Int64Scanner).ScanInt64(pgtype.Int8{Int64: n, Valid: true})
	}
	return p.others.Scan(src, target)
}

// smallNumeric returns the number that src is in binary, and reports whether that is a
// whole number of up to four digits to the base of 10,000. They follow a header of how
// many there are, the exponent of the first, the sign, and a scale.
func smallNumeric(src []byte) (n int64, small bool) {
	const header, base, negative = 8, 10_000, 0x4000
	if len(src) < header {
		return 0, false
	}
	digits, exponent := int(binary.BigEndian.Uint16(src)), int(int16(binary.BigEndian.Uint16(src[2:])))
	sign := binary.BigEndian.Uint16(src[4:])
	if digits > exponent+1 || exponent > 3 || sign != 0 && sign != negative || len(src) != header+2*digits {
		return 0, false
	}
	for i := range exponent + 1 {
		n *= base
		if i < digits { // zeros at the end are left out
			n += int64(binary.BigEndian.Uint16(src[header+2*i:]))
		}
	}
	if sign == negative {
		n = -n
	}
	return n, true
}
