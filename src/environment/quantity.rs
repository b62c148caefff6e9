//! Kubernetes storage quantities
//! (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).

use std::str::FromStr;

/// A storage quantity, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(pub u64);

impl Quantity {
    /// Whole mebibytes.
    pub fn mib(self) -> u64 {
        self.0 >> 20
    }
}

/// The text is not a storage quantity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a storage quantity such as 1Gi or 500M")]
pub struct NotAQuantity(String);

impl FromStr for Quantity {
    type Err = NotAQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || NotAQuantity(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit: u64 = match suffix {
            "" => 1,
            "k" => 1000,
            "M" => 1000_u64.pow(2),
            "G" => 1000_u64.pow(3),
            "T" => 1000_u64.pow(4),
            "Ki" => 1 << 10,
            "Mi" => 1 << 20,
            "Gi" => 1 << 30,
            "Ti" => 1 << 40,
            _ => return Err(wrong()),
        };
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(Self((number * unit as f64) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, bytes) in [("1Gi", 1 << 30), ("1.5Gi", 3 << 29), ("500M", 500_000_000), ("12", 12), ("64Ki", 65536)]
        {
            assert_eq!(text.parse(), Ok(Quantity(bytes)), "{text}");
        }
        for text in ["", "Gi", "1Gb", "one", "-1Gi", "1 Gi"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }
}
