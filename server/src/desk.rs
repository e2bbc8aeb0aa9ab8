//! Who looks at a finding: the unit that pays claims, or the one that looks at officials. What is found about officials never goes
//! to the desk that it is about; each desk has its own password, addresses and files, and neither opens the other's.

use crate::rules::judge::CONDUCT;

/// A desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Desk {
    /// Claims: what is about trainees, classes, devices and institutions.
    #[default]
    Claims,
    /// Conduct: what is about officials. The unit above, or the discipline body (上级或纪检).
    Conduct,
}

impl Desk {
    /// The desk that a family of rules goes to.
    pub fn of_family(family: &str) -> Self {
        if family == CONDUCT { Self::Conduct } else { Self::Claims }
    }

    /// As the store has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claims => "claims",
            Self::Conduct => "conduct",
        }
    }

    /// What every address of its pages begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Claims => "",
            Self::Conduct => "/conduct",
        }
    }

    /// Its first page.
    pub fn home(self) -> &'static str {
        match self {
            Self::Claims => "/",
            Self::Conduct => "/conduct",
        }
    }

    /// Is this the desk for claims?
    pub fn claims(self) -> bool {
        self == Self::Claims
    }
}
