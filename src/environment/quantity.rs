//! Kubernetes quantities (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).

use std::iter::Sum;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

/// How many digits after the point are kept: as many as Kubernetes keeps.
const NANO_DIGITS: i32 = 9;

/// A quantity ("1Gi", "1.5G", "500m", "1e9"), exact, in billionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

impl Quantity {
    /// The quantity as a number, to within a double's precision.
    #[allow(clippy::cast_precision_loss, reason = "it is said")]
    pub fn value(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Whole mebibytes, of a number of bytes.
    pub fn mib(self) -> u64 {
        u64::try_from(self.0 / (1_000_000_000 << 20)).unwrap_or(0)
    }

    /// A number of bytes as "3Gi" or "1536Mi", rounded up to whole mebibytes.
    pub fn binary(self) -> String {
        match ceiling(self.0, MEBI) {
            0 => "0".to_owned(),
            mib if mib % 1024 == 0 => format!("{}Gi", mib / 1024),
            mib => format!("{mib}Mi"),
        }
    }

    /// Any other number as "3" or "1250m", rounded up to whole thousandths.
    pub fn decimal(self) -> String {
        match ceiling(self.0, MILLI) {
            milli if milli % 1000 == 0 => (milli / 1000).to_string(),
            milli => format!("{milli}m"),
        }
    }
}

/// Billionths in a mebibyte.
const MEBI: i128 = 1_000_000_000 << 20;
/// Billionths in a thousandth.
const MILLI: i128 = 1_000_000;

fn ceiling(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

impl From<u32> for Quantity {
    fn from(count: u32) -> Self {
        Self(i128::from(count) * 1_000_000_000)
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Quantity {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Mul<u32> for Quantity {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(i128::from(times)))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// The text is not a quantity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a quantity such as 1Gi or 500M")]
pub struct NotAQuantity(String);

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        billionths(text).map(Self).ok_or_else(|| NotAQuantity(text.to_owned()))
    }
}

fn billionths(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.trim_start_matches(['+', '-']).is_empty() && fraction.is_empty() {
        return None;
    }
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let scale = i32::try_from(fraction.len()).ok()?;
    let binary = match suffix {
        "Ki" => 1,
        "Mi" => 2,
        "Gi" => 3,
        "Ti" => 4,
        "Pi" => 5,
        "Ei" => 6,
        _ => 0,
    };
    let power = match suffix {
        _ if binary > 0 => 0,
        "" => 0,
        "n" => -9,
        "u" => -6,
        "m" => -3,
        "k" => 3,
        "M" => 6,
        "G" => 9,
        "T" => 12,
        "P" => 15,
        "E" => 18,
        _ => suffix.strip_prefix(['e', 'E'])?.parse().ok()?,
    };
    let scaled = digits.checked_mul(1024_i128.checked_pow(binary)?)?;
    shift(scaled, NANO_DIGITS.checked_add(power)?.checked_sub(scale)?)
}

/// `value` * 10^`power`, rounded down.
fn shift(value: i128, power: i32) -> Option<i128> {
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    match power {
        0.. => value.checked_mul(factor),
        _ => Some(value.div_euclid(factor)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let billion = 1_000_000_000;
        for (text, wanted) in [
            ("1", billion),
            ("0", 0),
            ("1Ki", 1024 * billion),
            ("1.5Gi", (3 << 29) * billion),
            ("1Ei", (1 << 60) * billion),
            ("500m", 500_000_000),
            ("100n", 100),
            ("1k", 1000 * billion),
            ("1E", billion * billion * billion),
            ("1e3", 1000 * billion),
            ("12E-1", 1_200_000_000),
            (".5", 500_000_000),
            ("-1", -billion),
        ] {
            assert_eq!(text.parse(), Ok(Quantity(wanted)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        for text in ["", "Gi", "1Gb", "1gi", "1 Gi", "1Gi2", "one", "1e", ".", "1e99", "--1"] {
            assert_eq!(text.parse::<Quantity>(), Err(NotAQuantity(text.to_owned())));
        }
    }

    #[test]
    fn compares_across_forms() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        assert!(quantity("1G") < quantity("1Gi"));
        assert_eq!(quantity("1024Mi"), quantity("1Gi"));
        assert!(quantity("2Gi") > quantity("1.9Gi"));
    }

    #[test]
    fn reckons_and_is_told() {
        let quantity = |text: &str| text.parse::<Quantity>().unwrap();
        let sum: Quantity = ["256Mi", "1Gi", "1"].into_iter().map(quantity).sum();
        for (value, binary, decimal) in [
            (Quantity::default(), "0", "0"),
            (sum, "1281Mi", "1342177281"),
            (quantity("512Mi") * 4, "2Gi", "2147483648"),
            (quantity("1Gi") - quantity("2Gi"), "-1Gi", "-1073741824"),
            (quantity("100m") * 3 + quantity("2"), "1Mi", "2300m"),
            (quantity("1500u"), "1Mi", "2m"),
            (Quantity::from(7), "1Mi", "7"),
        ] {
            assert_eq!((value.binary().as_str(), value.decimal().as_str()), (binary, decimal), "{value:?}");
        }
    }

    #[test]
    fn counts_whole_mebibytes() {
        for (text, mib) in [("1Gi", 1024), ("1.5Gi", 1536), ("1M", 0), ("64Ki", 0), ("-1Gi", 0)] {
            assert_eq!(text.parse::<Quantity>().unwrap().mib(), mib, "{text}");
        }
    }
}
