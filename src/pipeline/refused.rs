//! A deploy that was refused before anything was written.

use std::fmt;

/// Why nothing was touched: every reason that was found.
#[derive(Debug)]
pub struct Refused(pub Vec<String>);

impl Refused {
    /// One reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self(vec![reason.into()])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} reasons not to deploy:", many.len())?;
                many.iter().try_for_each(|reason| write!(f, "\n  - {reason}"))
            }
        }
    }
}

impl std::error::Error for Refused {}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Self::because(format!("{error:#}"))
    }
}

impl From<crate::cluster::Fault> for Refused {
    fn from(fault: crate::cluster::Fault) -> Self {
        Self::because(fault.to_string())
    }
}
