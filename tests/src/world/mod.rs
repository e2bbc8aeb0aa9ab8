//! Made-up years of training with the truth beside them: honest habits, frauds, and the logs, papers and claims that they
//! leave. Records are written, sealed and chained by seal's own writers, and put into a real data directory of the server.
//!
//! A world is made town by town, so that its size is bounded by the disk alone. The same seed makes the same bytes.

mod cast;
mod conduct;
mod dossier;
mod events;
mod kiosk;
mod load;
mod papers;
mod people;
mod places;
mod plan;
pub mod rates;
mod reckon;
mod regions;
mod rng;
mod run;
mod stage;
mod time;
mod town;
mod truth;
mod write;

pub use cast::all as frauds;
pub use time::day;
pub use truth::Truth;
pub use write::generate;

use rates::Rates;

/// Records that a class leaves on average, as measured.
const RECORDS_PER_CLASS: u64 = 3_400;
/// Classes of a town.
const CLASSES_PER_TOWN: usize = 20;

/// What world to make.
#[derive(Debug, Clone)]
pub struct Spec {
    /// About so many records.
    pub records: u64,
    /// The seed.
    pub seed: u64,
    /// So many classes, whatever number of records they make.
    pub classes: Option<usize>,
    /// How often honest things happen.
    pub habits: Rates,
    /// How often others do.
    pub frauds: Rates,
    /// The first day, since 1970-01-01; classes begin in the 300 days after it.
    pub first_day: i64,
    /// Is a data directory of the server made, too?
    pub data: bool,
    /// Threads that make towns.
    pub workers: usize,
}

impl Spec {
    /// A world of about so many records at the default rates.
    ///
    /// # Errors
    /// Never, while the defaults are what they are.
    pub fn new(records: u64, seed: u64) -> anyhow::Result<Self> {
        let (habits, frauds) = (Rates::habits(None)?, Rates::frauds(None)?);
        let first_day = time::day(2025, 1, 6);
        Ok(Self { records, seed, classes: None, habits, frauds, first_day, data: true, workers: 2 })
    }

    /// How many classes it has.
    pub fn classes(&self) -> usize {
        self.classes.unwrap_or((self.records / RECORDS_PER_CLASS) as usize).max(1)
    }
}
