//! Tokens and money, counted exactly.

use std::fmt;

/// Where a token count comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counted {
    /// Nothing was used: the request ended before a provider did any work.
    #[default]
    Nothing,
    /// The provider said so.
    Reported,
    /// Estimated from the bytes that passed.
    Estimated,
}

impl Counted {
    /// `none`, `reported` or `estimated`, as the ledger stores it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Reported => "reported",
            Self::Estimated => "estimated",
        }
    }
}

/// Tokens of one exchange. `input` includes `cached` and `cache_write`; `output` includes
/// `reasoning`. Providers that report otherwise are normalised in their dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens.
    pub input: u64,
    /// Input tokens read from the provider's prompt cache.
    pub cached: u64,
    /// Input tokens written to the provider's prompt cache.
    pub cache_write: u64,
    /// All output tokens.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Where the numbers come from.
    pub counted: Counted,
}

impl Usage {
    /// Input and output together.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// An amount in nano-dollars (10⁻⁹ USD).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i64);

impl Money {
    /// The amount of `nanos` nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nano-dollars.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The sum, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    /// Dollars with six decimals, rounded towards zero.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let micros = self.0.unsigned_abs() / 1_000;
        write!(
            out,
            "{sign}${}.{:06}",
            micros / 1_000_000,
            micros % 1_000_000
        )
    }
}

/// Prices in pico-dollars (10⁻¹² USD) per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Price {
    /// Per input token.
    pub input: u64,
    /// Per input token read from the cache.
    pub cached: u64,
    /// Per input token written to the cache.
    pub cache_write: u64,
    /// Per output token.
    pub output: u64,
}

impl Price {
    /// What `usage` costs, rounded up to a nano-dollar.
    pub fn cost(&self, usage: &Usage) -> Money {
        let plain = usage
            .input
            .saturating_sub(usage.cached)
            .saturating_sub(usage.cache_write);
        let picos = [
            (plain, self.input),
            (usage.cached, self.cached),
            (usage.cache_write, self.cache_write),
            (usage.output, self.output),
        ]
        .into_iter()
        .map(|(count, price)| u128::from(count) * u128::from(price))
        .fold(0_u128, u128::saturating_add);
        Money(i64::try_from(picos.div_ceil(1_000)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cost_counts_each_kind_of_token_once() {
        let price = Price {
            input: 3_000_000,
            cached: 300_000,
            cache_write: 3_750_000,
            output: 15_000_000,
        };
        let usage = Usage {
            input: 1_000,
            cached: 600,
            cache_write: 100,
            output: 10,
            ..Usage::default()
        };
        // 300 x 3 + 600 x 0.3 + 100 x 3.75 + 10 x 15 micro-dollars
        assert_eq!(price.cost(&usage), Money::from_nanos(1_605_000));
        assert_eq!(price.cost(&usage).to_string(), "$0.001605");
    }

    #[test]
    fn cost_never_overflows_and_never_rounds_to_free() {
        let huge = Usage {
            input: u64::MAX,
            output: u64::MAX,
            ..Usage::default()
        };
        let price = Price {
            input: u64::MAX,
            output: u64::MAX,
            ..Price::default()
        };
        assert_eq!(price.cost(&huge), Money::from_nanos(i64::MAX));
        let tiny = Usage {
            input: 1,
            ..Usage::default()
        };
        assert_eq!(
            Price {
                input: 1,
                ..Price::default()
            }
            .cost(&tiny),
            Money::from_nanos(1)
        );
    }
}
