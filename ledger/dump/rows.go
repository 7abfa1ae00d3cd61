package dump

import (
	"encoding/csv"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	parquetzstd "github.com/parquet-go/parquet-go/compress/zstd"

	"exchequer/internal/csvtext"
)

// Bounds of what is in memory. They are part of how the bytes come about, as is level:
// other values are other files of the same rows.
const (
	batchRows = 512
	groupRows = 100_000 // of a row group
	window    = 1 << 20 // bytes, of CSV
	level     = zstd.SpeedDefault
)

// A Column is a column of a table.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // as DuckDB writes it
	Nullable bool   `json:"nullable,omitempty"`
}

// A decimal is a whole number beyond 64 bits, as Parquet keeps it: in two's complement,
// the most significant byte first.
type decimal [16]byte

var (
	decimalLimit  = new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil)
	decimalModulo = new(big.Int).Lsh(big.NewInt(1), 128)
)

// ScanNumeric implements [pgtype.NumericScanner].
func (d *decimal) ScanNumeric(n pgtype.Numeric) error {
	if !n.Valid || n.NaN || n.InfinityModifier != pgtype.Finite || n.Exp < 0 || n.Exp > 38 {
		return fmt.Errorf("%+v is no whole number", n)
	}
	v := new(big.Int).Mul(n.Int, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Exp)), nil))
	if v.CmpAbs(decimalLimit) >= 0 {
		return fmt.Errorf("%s has more than 38 digits", v)
	}
	v.Mod(v, decimalModulo).FillBytes(d[:])
	return nil
}

func (d decimal) String() string {
	v := new(big.Int).SetBytes(d[:])
	if d[0]&0x80 != 0 {
		v.Sub(v, decimalModulo)
	}
	return v.String()
}

// A day is a number of days since 1970, as Parquet keeps it.
type day int32

// ScanDate implements [pgtype.DateScanner].
func (d *day) ScanDate(v pgtype.Date) error {
	if !v.Valid || v.InfinityModifier != pgtype.Finite {
		return fmt.Errorf("%+v is no day", v)
	}
	*d = day(v.Time.Unix() / int64(24*time.Hour/time.Second))
	return nil
}

func (d day) String() string {
	return time.Unix(0, 0).UTC().AddDate(0, 0, int(d)).Format(time.DateOnly)
}

// columnsOf returns the columns of a type of rows.
func columnsOf[T any]() []Column {
	types := map[reflect.Type]string{
		reflect.TypeFor[int64](): "BIGINT", reflect.TypeFor[int32](): "INTEGER", reflect.TypeFor[float64](): "DOUBLE",
		reflect.TypeFor[string](): "VARCHAR", reflect.TypeFor[bool](): "BOOLEAN", reflect.TypeFor[day](): "DATE",
		reflect.TypeFor[time.Time](): "TIMESTAMP WITH TIME ZONE", reflect.TypeFor[decimal](): "DECIMAL(38,0)",
	}
	var columns []Column
	for i, field := range parquet.SchemaOf(new(T)).Fields() {
		of := reflect.TypeFor[T]().Field(i).Type
		nullable := of.Kind() == reflect.Pointer
		if nullable {
			of = of.Elem()
		}
		columns = append(columns, Column{Name: field.Name(), Type: types[of], Nullable: nullable})
	}
	return columns
}

// A writeFunc writes rows as Parquet and as CSV.
type writeFunc func(rows pgx.Rows, columns []Column, asParquet, asCSV io.Writer) error

func writeRows[T any](rows pgx.Rows, columns []Column, asParquet, asCSV io.Writer) error {
	defer rows.Close()
	table := parquet.NewGenericWriter[T](asParquet, parquet.CreatedBy("Exchequer", strconv.Itoa(SchemaVersion), ""),
		parquet.Compression(&parquetzstd.Codec{Level: level, Concurrency: 1}), parquet.MaxRowsPerRowGroup(groupRows))
	packed, err := zstd.NewWriter(asCSV, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	lines := csv.NewWriter(packed)
	lines.UseCRLF = true
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.Name
	}
	if err := lines.Write(cells); err != nil {
		return err
	}
	batch := make([]T, batchRows)
	fields := make([][]any, batchRows)
	for i := range batch {
		row := reflect.ValueOf(&batch[i]).Elem()
		for f := range row.NumField() {
			fields[i] = append(fields[i], row.Field(f).Addr().Interface())
		}
	}
	used := 0
	flush := func() error {
		_, err := table.Write(batch[:used])
		used = 0
		return err
	}
	for rows.Next() {
		if err := rows.Scan(fields[used]...); err != nil {
			return err
		}
		for i, field := range fields[used] {
			cells[i] = cell(field)
		}
		if err := lines.Write(cells); err != nil {
			return err
		}
		if used++; used == batchRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := flush(); err != nil {
		return err
	}
	lines.Flush()
	if err := lines.Error(); err != nil {
		return err
	}
	if err := packed.Close(); err != nil {
		return err
	}
	return table.Close()
}

// cell returns the text of a field of a row. What is not known is an empty cell.
func cell(field any) string {
	switch v := field.(type) {
	case *int64:
		return strconv.FormatInt(*v, 10)
	case *int32:
		return strconv.FormatInt(int64(*v), 10)
	case *float64:
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case *string:
		return csvtext.Guard(*v)
	case *bool:
		return strconv.FormatBool(*v)
	case *time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000000Z")
	case **int64:
		return known(*v)
	case **float64:
		return known(*v)
	case **string:
		return known(*v)
	case **time.Time:
		return known(*v)
	case fmt.Stringer: // a day, a decimal
		return v.String()
	}
	panic(fmt.Sprintf("dump: no cell for a %T", field))
}

// known is cell for a value that may be unknown.
func known[T any](v *T) string {
	if v == nil {
		return ""
	}
	return cell(v)
}
