//! Kubernetes quantities, to be compared.

/// How many digits after the point are kept: as many as Kubernetes keeps.
const NANO_DIGITS: i32 = 9;

/// A quantity ("1Gi", "1.5G", "500m", "1e9") in billionths, or `None` if it is not one.
///
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>
pub(super) fn parse(text: &str) -> Option<i128> {
    let text = text.trim();
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
    use super::parse;

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
            assert_eq!(parse(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_quantity() {
        for text in ["", "Gi", "1gi", "1 Gi", "1Gi2", "one", "1e", ".", "1e99", "--1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn compares_across_forms() {
        assert!(parse("1G") < parse("1Gi"));
        assert!(parse("1024Mi") == parse("1Gi"));
        assert!(parse("2Gi") > parse("1.9Gi"));
    }
}
