//! A deploy that was refused before anything was written.

use std::fmt;

/// Why nothing was touched.
#[derive(Debug)]
pub enum Refused {
    /// Every reason that was found.
    Because(Vec<String>),
    /// Another deploy holds the lock.
    Locked(String),
}

impl Refused {
    /// One reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self::Because(vec![reason.into()])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = match self {
            Self::Locked(reason) => return f.write_str(reason),
            Self::Because(reasons) => reasons.as_slice(),
        };
        match reasons {
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
