//! What the benchmarks share: a row, the table they print, and `target/bench/<topic>.json`. A benchmark takes this file in
//! by `#[path]`; it needs the standard library alone, so no crate comes to know another by it.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What was measured of one thing: ours, and what a user would pick instead, in the same run.
pub struct Row {
    /// What.
    pub name: String,
    /// How much of it; which unit that is in, the benchmark's own text says.
    pub size: usize,
    /// Ours.
    pub ours: f64,
    /// The others, by name.
    pub peers: Vec<(&'static str, f64)>,
    /// One that ends in `/s` is a rate, of which more is better; any other is a time.
    pub unit: &'static str,
}

impl Row {
    /// Ours against the best of the others; above 1 where we are ahead.
    fn ratio(&self) -> f64 {
        let peers = self.peers.iter().map(|(_, value)| *value);
        if self.unit.ends_with("/s") {
            self.ours / peers.fold(0.0, f64::max)
        } else {
            peers.fold(f64::INFINITY, f64::min) / self.ours
        }
    }

    fn json(&self) -> String {
        let peers: Vec<String> = self.peers.iter().map(|(name, value)| format!("\"{name}\":{value:.1}")).collect();
        format!(
            r#"{{"name":"{}","size":{},"ours":{:.1},"peers":{{{}}},"unit":"{}","ratio":{:.4}}}"#,
            self.name,
            self.size,
            self.ours,
            peers.join(","),
            self.unit,
            self.ratio()
        )
    }
}

/// The time that so many per cent of the runs stayed within, in microseconds; 0 of none.
pub fn percentile(times: &[Duration], per_cent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * per_cent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1e6)
}

/// Prints the rows and keeps them in the workspace's `target/bench/<topic>.json`, wherever cargo builds.
///
/// # Errors
/// When the file cannot be written.
pub fn publish(topic: &str, rows: &[Row]) -> io::Result<()> {
    println!("{:<28} {:>6} {:>10}  {:<7} {:>6}  against", topic, "size", "muster", "unit", "ratio");
    for row in rows {
        let mut against = String::new();
        for (name, value) in &row.peers {
            let _ = write!(against, "{name} {value:.0}  ");
        }
        let (name, size, ours, unit) = (&row.name, row.size, row.ours, row.unit);
        println!("{name:<28} {size:>6} {ours:>10.0}  {unit:<7} {:>6.3}  {}", row.ratio(), against.trim_end());
    }
    if let Ok(pressure) = std::fs::read_to_string("/proc/pressure/cpu") {
        let some = pressure.split_whitespace().find(|word| word.starts_with("avg10=")).unwrap_or("avg10=unknown");
        println!("CPU pressure {some} (above 10 compare the ratios, not the numbers)");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    let lines: Vec<String> = rows.iter().map(|row| format!("  {}", row.json())).collect();
    std::fs::write(folder.join(format!("{topic}.json")), format!("[\n{}\n]\n", lines.join(",\n")))
}
