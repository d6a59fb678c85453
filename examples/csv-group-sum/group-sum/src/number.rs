//! Reads and writes numbers.
//!
//! A number is decimal digits with an optional sign, point and exponent: `7`, `-0.5`, `+.5`, `1e-9`. White space
//! around it is dropped. `nan`, `inf`, `0x1f`, `1_000` and `1.000,5` are text.

/// The content of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Nothing, or nothing but spaces: a missing value.
    Empty,
    /// A finite number.
    Number(f64),
    /// Digits of a number that a 64-bit float cannot hold, such as `1e999`.
    TooLarge,
    /// Anything else.
    Text,
}

/// Reads a cell.
#[inline]
pub(crate) fn parse_number(cell: &[u8]) -> Cell {
    match fast_float2::parse(cell) {
        Ok(value) if f64::is_finite(value) => Cell::Number(value),
        _ => parse_unusual(cell),
    }
}

/// Reads a cell that is not plainly a finite number. A function of its own, so that the common case stays small.
#[cold]
fn parse_unusual(cell: &[u8]) -> Cell {
    let trimmed = cell.trim_ascii();
    if trimmed.is_empty() {
        return Cell::Empty;
    }
    match fast_float2::parse::<f64, _>(trimmed) {
        Ok(value) if value.is_finite() => Cell::Number(value),
        // The parser also knows the words `nan` and `inf`; only digits can overflow.
        Ok(_) if trimmed.iter().any(u8::is_ascii_digit) => Cell::TooLarge,
        _ => Cell::Text,
    }
}

/// Writes numbers: the fewest digits that read back as the same float, with an exponent where plain digits would be
/// long.
#[derive(Default)]
pub(crate) struct Writer(ryu::Buffer);

impl Writer {
    /// A finite number as text.
    pub(crate) fn format_number(&mut self, number: f64) -> &str {
        let digits = self.0.format_finite(number);
        // Whole numbers are written as such.
        digits.strip_suffix(".0").unwrap_or(digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal() {
        let numbers = [
            ("7", 7.0),
            ("-0.5", -0.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1E-9", 1e-9),
            (" \t2 ", 2.0),
            ("007", 7.0),
        ];
        for (cell, value) in numbers {
            assert_eq!(parse_number(cell.as_bytes()), Cell::Number(value), "{cell:?}");
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
        assert_eq!(parse_number(b"1e-999"), Cell::Number(0.0));
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
            assert_eq!(Writer::default().format_number(value), written);
            assert_eq!(parse_number(written.as_bytes()), Cell::Number(value), "{written}");
        }
    }
}
