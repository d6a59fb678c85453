//! Reads and writes numbers.
//!
//! A number is decimal digits with an optional sign, decimal mark and exponent: `7`, `-0.5`, `+.5`, `1e-9`. White space around
//! it is dropped. `nan`, `inf`, `0x1f`, `1_000` and `1.000,5` are text. A number of nothing but digits and a sign is an
//! integer, which a column of such numbers sums exactly.

use std::fmt::Write as _;

use crate::dialect::Decimal;

/// The most digits that are read one by one: more would not surely fit into 64 bits.
const MAX_SHORT_DIGITS: usize = 18;

/// A number in a cell. Short and long integers are apart, because most are short and quick to read in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// Up to 18 digits.
    Integer(i64),
    /// An integer of more digits that fits into 128 bits.
    LongInteger(i128),
    /// Finite: with a decimal mark, an exponent, or too many digits for 128 bits.
    Float(f64),
}

impl Number {
    /// The number as a float: the nearest one, as if its digits had been read as a float.
    #[inline]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest float is what reading the digits gives"
    )]
    pub(crate) fn to_float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::LongInteger(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

/// The content of a cell. It fits into two registers, which is why a long integer has to be read again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing, or nothing but spaces: a missing value.
    Empty,
    /// Up to 18 digits.
    Integer(i64),
    /// An integer of more digits, which [`parse_long_integer`] reads.
    LongInteger,
    /// Any other number that a 64-bit float holds.
    Float(f64),
    /// Digits of a number that a 64-bit float cannot hold, such as `1e999`.
    TooLarge,
    /// Anything else, `nan` and `inf` included.
    Text,
}

/// Reads a cell whose decimals follow a point. The fast cases come first: a cell is most often a short number.
#[inline]
pub(crate) fn parse_number(cell: &[u8]) -> Cell {
    if let Some(integer) = parse_short_integer(cell) {
        return Cell::Integer(integer);
    }
    if is_long_integer(cell) {
        return parse_unusual(cell);
    }
    parse_plain_float(cell).map_or_else(|| parse_unusual(cell), Cell::Float)
}

/// Reads a number without white space around it as a float, even if it is an integer; `None` for any other cell.
#[inline]
pub(crate) fn parse_plain_float(cell: &[u8]) -> Option<f64> {
    fast_float2::parse(cell)
        .ok()
        .filter(|value: &f64| value.is_finite())
}

/// Reads a cell whose decimals follow a comma. A point makes it text: `1.000,5` could be meant in two ways.
pub(crate) fn parse_comma_number(cell: &[u8]) -> Cell {
    if cell.contains(&b'.') {
        return if cell.trim_ascii().is_empty() {
            Cell::Empty
        } else {
            Cell::Text
        };
    }
    let with_point: Vec<u8> = cell
        .iter()
        .map(|&byte| if byte == b',' { b'.' } else { byte })
        .collect();
    parse_number(&with_point)
}

/// The mark before a number's decimals; `None` for a cell without one.
pub(crate) fn find_decimal(cell: &[u8]) -> Option<Decimal> {
    cell.iter().find_map(|byte| match byte {
        b'.' => Some(Decimal::Point),
        b',' => Some(Decimal::Comma),
        _ => None,
    })
}

/// True for an integer that [`parse_short_integer`] does not read.
#[inline]
fn is_long_integer(cell: &[u8]) -> bool {
    let ([b'-' | b'+', digits @ ..] | digits) = cell;
    digits.len() > MAX_SHORT_DIGITS && digits.iter().all(u8::is_ascii_digit)
}

/// `None` for more than 18 digits, and for anything but a sign and digits.
#[inline]
fn parse_short_integer(cell: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > MAX_SHORT_DIGITS {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if is_negative { -value } else { value })
}

/// Reads a cell that is neither a short integer nor plainly a finite float. A function of its own, so that the common case
/// stays small.
#[cold]
fn parse_unusual(cell: &[u8]) -> Cell {
    let trimmed = cell.trim_ascii();
    if trimmed.is_empty() {
        return Cell::Empty;
    }
    if let Some(integer) = parse_short_integer(trimmed) {
        return Cell::Integer(integer);
    }
    if parse_long_integer(trimmed).is_some() {
        return Cell::LongInteger;
    }
    match fast_float2::parse::<f64, _>(trimmed) {
        Ok(value) if value.is_finite() => Cell::Float(value),
        // The parser also knows the words `nan` and `inf`; only digits can overflow.
        Ok(_) if trimmed.iter().any(u8::is_ascii_digit) => Cell::TooLarge,
        _ => Cell::Text,
    }
}

/// `None` for anything but a sign and digits, and for more than 128 bits.
#[cold]
pub(crate) fn parse_long_integer(cell: &[u8]) -> Option<i128> {
    // `str::parse` takes a sign and digits, and nothing else.
    str::from_utf8(cell.trim_ascii()).ok()?.parse().ok()
}

/// Writes numbers into buffers that it reuses, so that a number costs no allocation.
#[derive(Default)]
pub(crate) struct Writer {
    floats: ryu::Buffer,
    integers: String,
}

impl Writer {
    /// A finite float as text: the fewest digits that read back as the same float, with an exponent where plain digits would
    /// be long.
    pub(crate) fn format_float(&mut self, number: f64) -> &str {
        let digits = self.floats.format_finite(number);
        // Whole numbers are written as such.
        digits.strip_suffix(".0").unwrap_or(digits)
    }

    /// An integer as text: all of its digits.
    pub(crate) fn format_integer(&mut self, number: i128) -> &str {
        self.integers.clear();
        // Writing to a String cannot fail.
        _ = write!(self.integers, "{number}");
        &self.integers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_float(cell: &str) -> f64 {
        match parse_number(cell.as_bytes()) {
            Cell::Integer(integer) => Number::Integer(integer).to_float(),
            Cell::Float(float) => float,
            other => panic!("{cell:?} is {other:?}"),
        }
    }

    #[test]
    fn numbers_are_decimal() {
        let numbers = [
            ("7", 7.0_f64),
            ("-0.5", -0.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1E-9", 1e-9),
            (" \t2 ", 2.0),
            ("007", 7.0),
        ];
        for (cell, value) in numbers {
            assert_eq!(read_float(cell).to_bits(), value.to_bits(), "{cell:?}");
        }
        for cell in [
            "abc",
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "0x1f",
            "1_000",
            "1,5",
            "1 2",
            "1e",
            "-",
            ".",
            "٣",
            "1.5€",
        ] {
            assert_eq!(parse_number(cell.as_bytes()), Cell::Text, "{cell:?}");
        }
        for cell in ["", " ", "\t"] {
            assert_eq!(parse_number(cell.as_bytes()), Cell::Empty, "{cell:?}");
        }
        for cell in ["1e999", "-1e309", " 1e400", &"9".repeat(400)] {
            assert_eq!(parse_number(cell.as_bytes()), Cell::TooLarge, "{cell:?}");
        }
        assert_eq!(parse_number(b"1e-999"), Cell::Float(0.0));
    }

    #[test]
    fn written_numbers_are_short_and_read_back() {
        let cases = [
            (0.0, "0"),
            (6.0, "6"),
            (0.1 + 0.2, "0.30000000000000004"),
            (-1.5, "-1.5"),
            (1e15, "1000000000000000"),
            (1e16, "1e16"),
            (1.5e300, "1.5e300"),
            (0.00001, "0.00001"),
            (-0.0, "-0"),
            (1.25e-7, "1.25e-7"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
        ];
        for (value, written) in cases {
            assert_eq!(Writer::default().format_float(value), written);
            assert!((read_float(written) - value).abs() == 0.0, "{written}");
        }
    }

    #[test]
    fn integers_have_all_their_digits() {
        for (cell, value) in [
            ("0", 0),
            ("-7", -7),
            (" +12 ", 12),
            ("00000000000000000000001", 1),
            ("9007199254740993", 9_007_199_254_740_993),
            ("1234567890123456789", 1_234_567_890_123_456_789),
            ("+1234567890123456789", 1_234_567_890_123_456_789),
            ("-170141183460469231731687303715884105728", i128::MIN),
        ] {
            let found = match parse_number(cell.as_bytes()) {
                Cell::Integer(integer) => Some(integer.into()),
                Cell::LongInteger => parse_long_integer(cell.as_bytes()),
                _ => None,
            };
            assert_eq!(found, Some(value), "{cell}");
        }
        let too_long = "170141183460469231731687303715884105728";
        assert_eq!(
            parse_number(too_long.as_bytes()),
            Cell::Float(1.701_411_834_604_692_3e38)
        );
    }

    #[test]
    fn decimal_comma_takes_no_point() {
        assert_eq!(parse_comma_number(b"1,5"), Cell::Float(1.5));
        assert_eq!(parse_comma_number(b"15"), Cell::Integer(15));
        for cell in ["1.5", "1.000,5", "1,000,5"] {
            assert_eq!(parse_comma_number(cell.as_bytes()), Cell::Text, "{cell}");
        }
    }
}
