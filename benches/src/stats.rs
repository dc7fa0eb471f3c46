//! Medians, percentiles and the one cast from counts to real numbers.

use std::cmp::Ordering;

/// A count as a real number; exact below 2^53, which no count here comes near.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts and nanoseconds of one run stay far below 2^53"
)]
pub(crate) fn real(count: u64) -> f64 {
    count as f64
}

/// `part / whole`, or nothing when the whole is zero.
pub(crate) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole.abs() > f64::EPSILON).then(|| part / whole)
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

/// The value below which `per_mille` thousandths of the sorted values lie (nearest rank, lower).
pub(crate) fn percentile(sorted: &[u64], per_mille: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * per_mille / 1000).copied().map(real)
}

#[cfg(test)]
mod tests {
    use super::{median, percentile, share};

    #[test]
    fn median_of_an_even_number_is_the_mean_of_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn percentiles_stay_inside_the_values() {
        let sorted: Vec<u64> = (0..=100).collect();
        assert_eq!(percentile(&sorted, 500), Some(50.0));
        assert_eq!(percentile(&sorted, 990), Some(99.0));
        assert_eq!(percentile(&sorted, 1000), Some(100.0));
        assert_eq!(percentile(&[], 500), None);
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(share(1.0, 0.0), None);
        assert_eq!(share(1.0, 4.0), Some(0.25));
    }
}
