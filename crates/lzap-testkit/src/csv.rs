//! Generated CSV tables, and a check of their sums that shares no code with `lzap` or its examples.

use std::collections::HashMap;
use std::fmt::Write as _;

/// Returns a table with the columns `id`, `time` and `value`: `rows` rows, `ids` different ids in consecutive blocks,
/// and values in `[0, 1)` with twelve digits. The same `seed` gives the same table.
pub fn sample(rows: usize, ids: usize, seed: u64) -> String {
    let mut state = seed;
    let mut text = String::with_capacity(rows * 32);
    text.push_str(",id,time,value\n");
    for row in 0..rows {
        // SplitMix64, because a random number crate may change its sequence with a new version.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let value = (z ^ (z >> 31)) % 1_000_000_000_000;
        // At least one row per id, or the division would be by zero when there are more ids than rows.
        let (id, time) = (row / (rows / ids).max(1), row % (rows / ids).max(1));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{row},{id},{time},0.{value:012}");
    }
    text
}

/// Returns the sums of `column` by `id` in units of 10⁻¹². They are integers, so the result has no rounding error.
pub fn exact_sums(csv: &str, column: &str) -> HashMap<String, i128> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = |name: &str| header.iter().position(|cell| *cell == name);
    let (Some(id), Some(value)) = (place("id"), place(column)) else {
        return HashMap::new();
    };
    let mut sums = HashMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        *sums.entry(cells[id].to_owned()).or_insert(0) += parse_trillionths(cells[value]);
    }
    sums
}

/// Compares `answer` (a CSV with the header `id,…`) with the exact sums of `column` in `csv`. The relative tolerance is
/// 10⁻⁹. Returns the number of ids.
///
/// # Errors
/// The first difference: an id that is unknown, a wrong sum, or missing ids.
pub fn check(csv: &str, column: &str, answer: &str) -> Result<usize, String> {
    let exact = exact_sums(csv, column);
    let mut lines = answer.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let place = header.iter().position(|cell| *cell == column);
    let place = place.ok_or_else(|| format!("the answer has no column `{column}`: {header:?}"))?;
    let mut seen = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let wanted = exact.get(cells[0]).ok_or_else(|| format!("id {} was never sent", cells[0]))?;
        let got = parse_trillionths(cells[place]);
        // A tolerance, because the function under test adds floating-point numbers in any order.
        if (got - wanted).abs() > wanted.abs() / 1_000_000_000 {
            return Err(format!("id {}: {} where {wanted}e-12 is right", cells[0], cells[place]));
        }
        seen += 1;
    }
    if seen == exact.len() { Ok(seen) } else { Err(format!("{seen} ids answered, {} sent", exact.len())) }
}

/// Parses a decimal number, in scientific notation too, to units of 10⁻¹²; further digits are cut off.
fn parse_trillionths(text: &str) -> i128 {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: i128 = format!("{whole}{fraction}").parse().unwrap_or(0);
    let shift = 12 + exponent - i32::try_from(fraction.len()).unwrap_or(0);
    // The limit prevents a panic: 10³⁹ overflows an `i128`.
    let scale = 10_i128.pow(shift.unsigned_abs().min(30));
    if shift >= 0 { digits * scale } else { digits / scale }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_with_equal_seeds_returns_equal_tables() {
        let table = sample(10, 2, 7);
        assert_eq!(table, sample(10, 2, 7));
        assert_ne!(table, sample(10, 2, 8));
        assert_eq!(exact_sums(&table, "value").len(), 2);
    }

    #[test]
    fn check_rejects_a_wrong_sum_and_a_missing_id() {
        let table = ",id,time,value\n0,a,0,0.5\n1,a,1,0.25\n2,b,0,1e-1\n";
        assert_eq!(check(table, "value", "id,value\na,0.75\nb,0.1\n"), Ok(2));
        assert!(check(table, "value", "id,value\na,0.75\nb,0.1000001\n").is_err());
        assert!(check(table, "value", "id,value\na,0.75\n").is_err());
    }
}
